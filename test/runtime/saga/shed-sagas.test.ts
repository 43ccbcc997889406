/** An ended saga without its state (V4 of the activation). */
import t from 'tap';
import { defineModule } from '../../../actors/model/module.js';
import { defineSaga, type SagaStatus } from '../../../actors/model/saga.js';
import { Type } from '../../../actors/model/typebox.js';
import { gate, type ReadFault } from '../../../persistence/memory/memory-faults.js';
import { TestSystem } from '../../support/test-system.js';

const nap = defineSaga({
  name: 'nap',
  version: 1,
  input: Type.Object({ ms: Type.Integer() }),
  steps: [{ name: 'sleep', sleepMs: ({ input }) => input.ms }],
  events: {},
});

const modules = [defineModule({ name: 'naps', aggregates: [], sagas: [nap] })];

/** A saga whose caller has waited for its end. */
async function ended(system: TestSystem): Promise<SagaStatus> {
  const payload = { ms: 10 };
  const start = system.submit({
    type: 'command',
    kind: 'nap',
    id: 'n1',
    command: 'start',
    payload,
    waitMs: 1_000,
  });
  await system.clock.advance(50);
  if (start.answer?.type !== 'reply') throw new Error(JSON.stringify(start.answer));
  return start.answer.reply as SagaStatus;
}

const status = { type: 'query', kind: 'nap', id: 'n1', query: 'status', payload: {} } as const;

t.test('a saga whose caller was told of its end is loaded anew for whoever asks again', async (t) => {
  let system = await TestSystem.start({ modules, partitionCount: 1 });
  const reply = await ended(system);
  t.equal(reply.state, 'completed');
  const loads = (await system.metrics())[0]?.counters.loads ?? 0;
  t.match(await system.ask(status), { type: 'reply', reply });
  t.equal((await system.metrics())[0]?.counters.loads, loads + 1, 'loaded');
  t.match(await system.ask(status), { type: 'reply', reply });
  t.equal((await system.metrics())[0]?.counters.loads, loads + 1, 'and kept');
  for (const way of ['swept', 'swept and crashed']) {
    await system.swept();
    if (way !== 'swept') system = await system.crash();
    t.match(await system.ask(status), { type: 'reply', reply }, way);
  }
  await system.stop();
});

t.test('its row is written without its state, also while it is loaded anew', async (t) => {
  const held = gate();
  let fault: ReadFault | undefined;
  const limits = { sweepBuckets: 1, sweepPeriodMs: 1_000 };
  const system = await TestSystem.start({
    modules,
    partitionCount: 1,
    limits,
    faults: { read: () => fault },
  });
  const reply = await ended(system);
  fault = { type: 'delay', until: held.promise };
  const ask = system.submit(status);
  await system.clock.advance(5_000);
  t.equal(ask.answer, undefined);
  t.equal((await system.metrics())[0]?.tableLagEntries, 0);
  fault = undefined;
  held.open();
  await system.clock.settle();
  t.match(ask.answer, { type: 'reply', reply });
  await system.stop();
});
