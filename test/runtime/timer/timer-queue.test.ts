/**
 * The timer queue against a plain list that is sorted at every look.
 */
import fc from 'fast-check';
import t from 'tap';
import { TimerQueue } from '../../../runtime/timer/timer-queue.js';

interface Listed {
  readonly key: string;
  readonly dueAt: number;
  readonly timer: number;
}

class TimerList {
  #listed: Listed[] = [];

  set(key: string, dueAt: number, timer: number): void {
    this.cancel(key);
    this.#listed.push({ key, dueAt, timer });
  }

  cancel(key: string): boolean {
    const before = this.#listed.length;
    this.#listed = this.#listed.filter((listed) => listed.key !== key);
    return this.#listed.length < before;
  }

  takeDue(now: number, countMax: number): Listed[] {
    // Sorting is stable: those of one time stay in the order in which they were set.
    const due = this.#listed
      .toSorted((left, right) => left.dueAt - right.dueAt)
      .filter(({ dueAt }) => dueAt <= now)
      .slice(0, countMax);
    for (const { key } of due) this.cancel(key);
    return due;
  }

  get nextDueAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#listed.map(({ dueAt }) => dueAt));
  }

  get size(): number {
    return this.#listed.length;
  }
}

const key = fc.integer({ min: 0, max: 30 }).map((number) => `account/a-${number}/wake`);
const time = fc.integer({ min: 0, max: 50 });
const action = fc.oneof(
  fc.record({ type: fc.constant('set' as const), key, time }),
  fc.record({ type: fc.constant('cancel' as const), key }),
  fc.record({ type: fc.constant('take' as const), time, countMax: fc.integer({ min: 0, max: 5 }) }),
);

t.test('Q1, Q2: the queue gives what a sorted list gives', async () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new TimerQueue<number>();
      const list = new TimerList();
      for (const [index, act] of actions.entries()) {
        if (act.type === 'set') {
          queue.set(act.key, act.time, index);
          list.set(act.key, act.time, index);
        } else if (act.type === 'cancel') {
          if (queue.cancel(act.key) !== list.cancel(act.key)) return false;
        } else {
          const taken = queue
            .takeDue(act.time, act.countMax)
            .map(({ key, dueAt, timer }) => ({ key, dueAt, timer }));
          if (JSON.stringify(taken) !== JSON.stringify(list.takeDue(act.time, act.countMax))) return false;
        }
        if (queue.nextDueAt !== list.nextDueAt || queue.size !== list.size) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
});

t.test('nothing is taken before its time, and no more than asked', async (t) => {
  const queue = new TimerQueue<string>();
  queue.set('b', 20, 'second');
  queue.set('a', 10, 'first');
  queue.set('c', 20, 'third');
  t.same(queue.takeDue(9, 10), []);
  t.same(
    queue.takeDue(20, 2).map(({ timer }) => timer),
    ['first', 'second'],
  );
  t.match(queue.get('c'), { dueAt: 20, timer: 'third' });
  t.equal(queue.nextDueAt, 20);
});

t.test('a cancelled or cleared timer never comes out', async (t) => {
  const queue = new TimerQueue<number>();
  queue.set('a', 1, 1);
  queue.set('b', 2, 2);
  t.equal(queue.cancel('a'), true);
  t.equal(queue.cancel('a'), false);
  t.equal(queue.takeDue(5, 5).length, 1);
  queue.set('a', 1, 1);
  queue.clear();
  t.same(queue.takeDue(5, 5), []);
  t.equal(queue.nextDueAt, Number.POSITIVE_INFINITY);
});

t.test('100,000 timers set and cancelled in any order leave nothing behind', async (t) => {
  const queue = new TimerQueue<number>();
  const count = 100_000;
  for (let index = 0; index < count; index++) queue.set(`k${index}`, (index * 7_919) % count, index);
  for (let index = 0; index < count; index += 2) queue.cancel(`k${index}`);
  const due = queue.takeDue(count, count).map(({ dueAt }) => dueAt);
  t.equal(due.length, count / 2);
  t.ok(due.every((dueAt, index) => index === 0 || dueAt >= (due[index - 1] ?? 0)));
  t.equal(queue.size, 0);
});
