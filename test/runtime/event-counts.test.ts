/** The events that a shard counts, by kind and type, for whoever reads its metrics. */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { counterContract } from '../support/counter-module.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const [one, two] = idsOn(2);
const add = (id: string) => commandCall(counterContract, id, 'add', { amount: 1 });

/** By shard. */
async function counts(system: TestSystem): Promise<readonly Readonly<Record<string, number>>[]> {
  return (await system.metrics()).map(({ counters }) => Object.fromEntries(counters.eventsByType));
}

t.test('every event is counted once where it was recorded, however often somebody reads', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2, shardCount: 2 });
  t.same(await counts(system), [{}, {}]);
  for (let count = 0; count < 5; count++) await system.reply(add(one));
  await system.reply(commandCall(counterContract, one, 'fill', { count: 3, characters: 2 }));
  await system.reply(add(two));
  const expected = [{ 'counter/Added': 5, 'counter/Filled': 3 }, { 'counter/Added': 1 }];
  t.same(await counts(system), expected);
  t.same(await counts(system), expected, 'read again');
  await system.reply(add(two));
  t.same((await counts(system))[1], { 'counter/Added': 2 }, 'and goes on');
  await system.stop();
});

t.test('what records no event is not counted: a refusal, a repeat, what recovery reads', async (t) => {
  let system = await TestSystem.start({ partitionCount: 2 });
  const keyed = () => system.answered(system.submitKeyed(add(one), 'key'));
  await keyed();
  t.match(await keyed(), { type: 'reply', reply: { total: 1 } });
  t.match(await system.ask(commandCall(counterContract, one, 'refuse', {})), { type: 'rejection' });
  t.match(await system.ask(commandCall(counterContract, one, 'throwInDecide', {})), { type: 'failure' });
  t.same(await counts(system), [{ 'counter/Added': 1 }]);
  system = await system.crash();
  t.match(await system.counter(one), { total: 1 });
  t.same(await counts(system), [{}]);
  await system.stop();
});
