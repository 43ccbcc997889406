/** B1, B2 of `runtime/commit/group-pace.ts`, alone and in a shard. */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { EntryReader } from '../../persistence/entry.js';
import type { EntryAppend } from '../../persistence/journal.js';
import { GroupPace } from '../../runtime/commit/group-pace.js';
import type { Limits } from '../../runtime/limits.js';
import { counterContract } from '../support/counter-module.js';
import { TestSystem } from '../support/test-system.js';

const limits = { groupPaceMs: 5, paceFromPerMs: 10, paceCommands: 40 };

t.test('B1: the first group, and each while commands come in slowly, is sent at once', async (t) => {
  const pace = new GroupPace(limits);
  t.ok(pace.dueIn(1, 0) <= 0);
  pace.sent(1, 0);
  // As many as the whole time before them brought is slow.
  t.ok(pace.dueIn(39, 0) <= 0);
  pace.sent(39, 4);
  t.ok(pace.dueIn(39, 4) <= 0, 'under 10 per ms');
});

t.test('B2: else it is sent so long after the one before, or when it has enough', async (t) => {
  const pace = new GroupPace(limits);
  pace.sent(1, 0);
  pace.sent(20, 2);
  t.equal(pace.dueIn(1, 3), 4);
  t.ok(pace.dueIn(40, 3) <= 0, 'enough');
  t.ok(pace.dueIn(1, 7) <= 0, 'long enough');
  pace.sent(49, 7);
  t.ok(pace.dueIn(1, 8) <= 0, 'slow again');
});

for (const [groupPaceMs, groups] of [
  [0, [1, 1, 1, 2]],
  [5, [1, 1, 3]],
] as const) {
  t.test(`commands that come in fast are committed together: ${groupPaceMs} ms`, async (t) => {
    const { system, sizes } = await sized({ groupPaceMs, paceFromPerMs: 0.1 });
    const asks = [system.submit(add('a'))];
    await system.clock.settle();
    await system.clock.advance(1);
    asks.push(system.submit(add('b')));
    await system.clock.settle();
    asks.push(system.submit(add('c')));
    await system.clock.settle();
    asks.push(system.submit(add('d')), system.submit(add('e')));
    await system.clock.advance(4);
    t.equal(asks.at(-1)?.answer === undefined, groupPaceMs > 0);
    await system.clock.advance(1);
    t.same(sizes, groups);
    for (const ask of asks) t.equal(ask.answer?.type, 'reply');
    await system.stop();
  });
}

t.test('a group that waits is sent as soon as it has enough', async (t) => {
  const { system, sizes } = await sized({ groupPaceMs: 1_000, paceFromPerMs: 0.1, paceCommands: 3 });
  system.submit(add('a'));
  await system.clock.advance(1);
  system.submit(add('b'));
  await system.clock.settle();
  const waiting = ['c', 'd'].map((id) => system.submit(add(id)));
  await system.clock.settle();
  t.equal(waiting[0]?.answer, undefined);
  const last = system.submit(add('e'));
  await system.clock.settle();
  t.same(sizes, [1, 1, 3]);
  t.equal(last.answer?.type, 'reply');
  await system.stop();
});

t.test('a stop does not leave out a group that waits', async (t) => {
  const { system, sizes } = await sized({ groupPaceMs: 1_000, paceFromPerMs: 0.1 });
  system.submit(add('a'));
  await system.clock.advance(1);
  system.submit(add('b'));
  await system.clock.settle();
  const last = system.submit(add('c'));
  await system.clock.settle();
  t.equal(last.answer, undefined);
  await system.stop();
  t.equal(last.answer?.type, 'reply');
  t.same(sizes, [1, 1, 1]);
});

const add = (id: string) => commandCall(counterContract, id, 'add', { amount: 1 });

/** With the number of records of each group. */
async function sized(
  limits: Partial<Limits>,
): Promise<{ readonly system: TestSystem; readonly sizes: number[] }> {
  const sizes: number[] = [];
  const system = await TestSystem.start({
    partitionCount: 1,
    limits,
    storeAs: (store) => ({
      ...store,
      groupPaceMs: Number.POSITIVE_INFINITY,
      journal: {
        ...store.journal,
        append: (group) => {
          sizes.push(new EntryReader((group.entries[0] as EntryAppend).bytes).recordCount);
          return store.journal.append(group);
        },
      },
    }),
  });
  return { system, sizes };
}
