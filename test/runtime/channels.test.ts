/** Messages between actors: once, in order, whoever is restarted (I2, H1, H2, R1–R3). */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { SeededRandom } from '../support/seeded-random.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const tell = (from: string, to: string, first: number, count: number, tag?: string) =>
  commandCall(counterContract, from, 'tell', { to, first, count, ...(tag === undefined ? {} : { tag }) });
const numbered = (from: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${from}:${index + 1}`);

t.test(
  'messages arrive once and in order, and their answers come back, on one shard and on two',
  async (t) => {
    for (const shardCount of [1, 2]) {
      const system = await TestSystem.start({ shardCount, partitionCount: 2 });
      const [near, far] = idsOn(2);
      await system.ask(tell(near, far, 1, 3, 't'));
      await system.ask(tell(near, far, -1, 1, 'n'));
      await system.clock.advance(100);
      t.same((await system.counter(far)).received, numbered(near, 3));
      t.same((await system.counter(near)).heard, ['t1=reply', 't2=reply', 't3=reply', 'n-1=refused']);
      await system.stop();
    }
  },
);

t.test(
  'sender and receiver may be restarted at any moment: nothing is lost, doubled or out of order',
  async (t) => {
    for (let seed = 1; seed <= 40; seed++) {
      const chance = new SeededRandom(seed);
      const limits = { channelPendingMax: chance.pick([2, 4_096]), sweepPeriodMs: chance.pick([10, 500]) };
      const [near, far] = idsOn(2);
      let system = await TestSystem.start({ shardCount: chance.pick([1, 2]), partitionCount: 2, limits });
      let sent = 0;
      for (let life = 0; life < 6; life++) {
        for (let index = chance.below(6); index > 0; index--) {
          await system.ask(tell(near, far, sent + 1, 3));
          sent += 3;
          await system.clock.run(chance.below(4));
        }
        const way = chance.below(3);
        if (way === 0) system = await system.crash();
        else if (way === 1) system = await system.restart();
        else {
          // One shard alone is reset; its peers go on and hear of its new opening.
          system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
          await system.ask(commandCall(counterContract, chance.pick([near, far]), 'add', { amount: 1 }));
          await system.clock.run(chance.below(20));
          await system.ask(commandCall(counterContract, near, 'add', { amount: 0 }));
          while (
            (await system.ask(commandCall(counterContract, near, 'add', { amount: 0 }))).type !== 'reply'
          )
            await system.clock.advance(10);
        }
      }
      await system.clock.advance(2_000);
      const { received } = await system.counter(far);
      if (received.join() !== numbered(near, sent).join()) t.fail(`seed ${seed}: ${received.join(' ')}`);
      scanJournal(system.disk);
      await system.stop();
    }
    t.pass('forty seeds');
  },
);

t.test('a message to an actor that is loading holds its own channel and no other', async (t) => {
  const held = gate();
  const [near, far] = idsOn(2);
  let slow = '';
  const system = await TestSystem.start({
    partitionCount: 2,
    storeAs: (store) => ({
      ...store,
      tables: {
        ...store.tables,
        get: async (partition, table, keys) => {
          if (slow !== '' && keys.some((key) => key.endsWith(slow))) await held.promise;
          return store.tables.get(partition, table, keys);
        },
      },
    }),
  });
  await system.counter(near);
  slow = 'slow-one';
  await system.ask(tell(near, 'slow-one', 1, 2));
  await system.ask(tell(far, near, 1, 2));
  await system.clock.advance(50);
  t.same((await system.counter(near)).received, numbered(far, 2));
  slow = '';
  held.open();
  await system.clock.advance(50);
  t.same((await system.counter('slow-one')).received, numbered(near, 2));
  await system.stop();
});

t.test(
  'a sender that was reset goes on although it has been consumed farther than it was told at first',
  async (t) => {
    const [near, far] = idsOn(2);
    const limits = { channelPendingMax: 2 };
    const system = await TestSystem.start({ shardCount: 2, partitionCount: 2, limits });
    await system.ask(tell(near, far, 1, 8));
    await system.clock.advance(100);
    // The sender's shard alone is reset: what it knows of the receiver is what that one said when it opened.
    system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
    await system.ask(commandCall(counterContract, near, 'add', { amount: 1 }));
    await system.clock.advance(100);
    await system.ask(tell(near, far, 9, 2));
    await system.clock.advance(1_000);
    t.same((await system.counter(far)).received, numbered(near, 10));
    await system.stop();
  },
);
