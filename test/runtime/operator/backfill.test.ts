/** A reaction that was deployed later, run over what was there before it: rules B1 and B2 of `backfill.ts`. */
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { commandCall } from '../../../actors/model/call.js';
import { send } from '../../../actors/model/contract.js';
import { isOperatingError } from '../../../actors/model/errors.js';
import { defineModule, type Module } from '../../../actors/model/module.js';
import { defineReaction } from '../../../actors/model/reaction.js';
import { backfillEntriesMax, backfillMessagesMax } from '../../../runtime/operator/backfill.js';
import { counterContract, counterModule } from '../../support/counter-module.js';
import { scanJournal } from '../../support/journal-scan.js';
import { idsOn, TestSystem } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };
const [source, target] = idsOn(2);
const before: readonly Module[] = [counterModule()];
const after: readonly Module[] = [
  ...before,
  defineModule({
    name: 'later',
    aggregates: [],
    reactions: [
      defineReaction(counterContract, 'Added', 'later', ({ amount }, { id }) =>
        amount < 0 ? undefined : send(counterContract, target, 'receive', { from: id, sequence: amount }),
      ),
    ],
  }),
];

const add = (amount: number) => commandCall(counterContract, source, 'add', { amount });
const received = async (system: TestSystem) =>
  (await system.counter(target)).received.map((each) => Number(each.split(':')[1]));

/** Runs stretch after stretch; returns how many messages each sent. */
async function backfill(system: TestSystem, isDryRun = false, until?: number): Promise<number[]> {
  const counts: number[] = [];
  let from: number | null = 0;
  while (from !== null) {
    const ask = { reaction: 'later', from, before: until, isDryRun };
    const partition = partitionOf(source, system.store.partitionCount);
    const stretch: { count: number; next: number | null } = await system.clock.settled(
      system.system.operations.ask(partition, 'reactions.backfill', ask, operator),
    );
    counts.push(stretch.count);
    from = stretch.next;
  }
  await system.clock.advance(50);
  return counts;
}

t.test('past events are reacted to once and in order, new ones by the reaction itself', async (t) => {
  let system = await TestSystem.start({ partitionCount: 2, modules: before });
  for (const amount of [1, -2, 3]) await system.ask(add(amount));
  system = await system.restart({ modules: after });
  await system.ask(add(4));
  await system.clock.advance(50);
  t.same(await received(system), [4]);
  t.same(await backfill(system, true), [2], 'a dry run counts');
  t.same(await received(system), [4]);
  t.same(await backfill(system), [2]);
  t.same(await received(system), [4, 1, 3]);
  t.same(await backfill(system), [0], 'and nothing twice');
  system = await system.crash();
  t.same(await backfill(system), [0], 'nor after a crash');
  t.same(await received(system), [4, 1, 3]);
  scanJournal(system.disk);
  await system.stop();
});

t.test('a long past takes several stretches; a crash between two of them repeats nothing', async (t) => {
  let system = await TestSystem.start({ partitionCount: 2, modules: before });
  const amounts = Array.from({ length: backfillMessagesMax + 20 }, (_, index) => index);
  for (const amount of amounts) await system.ask(add(amount));
  system = await system.restart({ modules: after });
  const ask = { reaction: 'later', from: 0, before: undefined, isDryRun: false };
  const partition = partitionOf(source, 2);
  const first = await system.clock.settled(
    system.system.operations.ask(partition, 'reactions.backfill', ask, operator),
  );
  t.ok(first.next !== null && first.count < amounts.length);
  system = await system.crash();
  const rest = await backfill(system);
  t.equal(first.count + rest.reduce((sum, count) => sum + count, 0), amounts.length);
  t.same(await received(system), amounts);
  await system.stop();
});

t.test(
  'backfillEntriesMax: a stretch ends after so many entries, whether it sent anything or not',
  async (t) => {
    let system = await TestSystem.start({ partitionCount: 2, modules: before });
    for (let count = 0; count < backfillEntriesMax + 40; count++) await system.ask(add(-1));
    await system.ask(add(7));
    system = await system.restart({ modules: after });
    t.same(await backfill(system), [0, 1]);
    t.same(await received(system), [7]);
    await system.stop();
  },
);

t.test('events at or after `before` are left alone, an unknown reaction is not found', async (t) => {
  let system = await TestSystem.start({ partitionCount: 2, modules: before });
  await system.ask(add(1));
  await system.clock.advance(1_000);
  const until = system.clock.now();
  await system.ask(add(2));
  system = await system.restart({ modules: after });
  t.same(await backfill(system, false, until), [1]);
  t.same(await received(system), [1]);
  const unknown = { reaction: 'nothing', from: 0, before: undefined, isDryRun: true };
  const asked = system.clock.settled(
    system.system.operations.ask(0, 'reactions.backfill', unknown, operator),
  );
  t.equal(await asked.then(String, (error) => (isOperatingError(error) ? error.code : error)), 'not-found');
  await system.stop();
});

t.test('what the group itself has consumed was sent', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2, modules: after });
  for (const amount of [1, 2, 3]) {
    await system.ask(add(amount));
    await system.clock.advance(50);
  }
  t.same(await received(system), [1, 2, 3], 'the target is in memory after the first');
  t.same(await backfill(system, true), [0]);
  t.same(await backfill(system), [0]);
  t.same(await received(system), [1, 2, 3]);
  await system.stop();
});
