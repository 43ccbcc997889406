/** What a row may claim of an entry that is still open when the row is taken (sweeper W1, activation loader O1). */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { TestSystem } from '../support/test-system.js';

const add = commandCall(counterContract, 'a', 'add', { amount: 1 });

t.test(
  'a row taken while its entry is open loses none of the records that join the entry later',
  async (t) => {
    const system = await TestSystem.start({ limits: { groupsInFlightMax: 1 } });
    await system.ask(add);
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
    const asks = [system.submit(add)];
    await system.clock.settle();
    // No place in flight: this one stands in an open entry while a sweep takes the row of its actor.
    asks.push(system.submit(add));
    await system.clock.advance(3_000);
    asks.push(system.submit(add));
    await system.clock.settle();
    held.open();
    // The entry becomes durable, and then the row that waited for it; the next sweep is far.
    await system.clock.settle();
    for (const ask of asks) t.equal(ask.answer?.type, 'reply');

    const after = await system.crash({ kind: 'process' });
    t.equal((await after.counter('a')).total, 4);
    t.match(await after.ask(add), { type: 'reply', reply: { total: 5 } });
    t.equal(after.countOf('actor-load-failed'), 0);
    await after.stop();
  },
);
