import t from 'tap';
import { ReadQueue } from '../../runtime/call/read-queue.js';
import { VirtualClock } from '../support/virtual-clock.js';

function scene(underWayMax: number) {
  const clock = new VirtualClock();
  const queue = new ReadQueue(clock, underWayMax);
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string, deadlineAt = Number.POSITIVE_INFINITY) =>
    queue.add({
      deadlineAt,
      begin: (done) => {
        log.push(`${name} begins`);
        ends.set(name, done);
      },
      expire: () => log.push(`${name} expires`),
      forget: () => log.push(`${name} is forgotten`),
    });
  return { clock, queue, log, add, end: (name: string) => ends.get(name)?.() };
}

t.test('so many at a time, in their order', async (t) => {
  const { queue, log, add, end } = scene(2);
  for (const name of ['a', 'b', 'c', 'd']) add(name);
  t.same(log, ['a begins', 'b begins']);
  t.equal(queue.count, 4);
  end('b');
  t.same(log.slice(2), ['c begins']);
  end('a');
  end('c');
  end('d');
  t.same(log.slice(3), ['d begins']);
  t.equal(queue.count, 0);
});

t.test('whoever waits past the deadline is not read, and leaves while others still read', async (t) => {
  const { clock, queue, log, add, end } = scene(1);
  const now = clock.monotonic();
  add('a');
  add('b', now + 10);
  add('c', now + 20);
  add('d', now + 1_000);
  await clock.advance(100);
  t.equal(queue.count, 4);
  add('e');
  t.same(log, ['a begins', 'b expires', 'c expires']);
  t.equal(queue.count, 3);
  end('a');
  t.same(log.slice(3), ['d begins']);
});

t.test('a reset forgets what has not begun, and what has goes on', async (t) => {
  const { queue, log, add, end } = scene(1);
  for (const name of ['a', 'b', 'c']) add(name);
  queue.reset();
  t.same(log, ['a begins', 'b is forgotten', 'c is forgotten']);
  t.equal(queue.count, 1);
  add('d');
  end('a');
  t.same(log.slice(3), ['d begins']);
});
