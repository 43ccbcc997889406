/** The end of a saga whose last events are past a bound: what it has done stays done, and a person decides on the rest. */
import t from 'tap';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import { send } from '../../../actors/model/contract.js';
import { defineModule } from '../../../actors/model/module.js';
import { defineSaga, type SagaStatus } from '../../../actors/model/saga.js';
import type { SagaStep } from '../../../actors/model/saga-step.js';
import { Type } from '../../../actors/model/typebox.js';
import { defaultLimits } from '../../../runtime/limits.js';
import { stockAndPayment, stockContract } from '../../examples/stock-and-payment.js';
import { TestSystem } from '../../support/test-system.js';

const supply = (count: number) => () => send(stockContract, 'pen', 'supply', { count });

const lastSteps: Readonly<Record<string, SagaStep<object>>> = {
  called: { name: 'note', attemptsMax: 1, call: supply(1) },
  told: { name: 'note', tell: supply(1) },
};

function sagaEndingWith(last: SagaStep<object>) {
  return defineSaga({
    name: 'payment',
    version: 1,
    input: Type.Object({}),
    events: { Noted: { version: 1, schema: Type.Object({ text: Type.String() }) } },
    steps: [{ name: 'pay', pivot: true, call: supply(100) }, last],
    onCompleted: () => [{ type: 'Noted', data: { text: 'x'.repeat(defaultLimits.eventBytesMax) } }],
  });
}

for (const [name, last] of Object.entries(lastSteps)) {
  t.test(`a closing event that is too large does no step again, the last one ${name}`, async (t) => {
    const modules = [
      stockAndPayment,
      defineModule({ name: 'm', aggregates: [], sagas: [sagaEndingWith(last)] }),
    ];
    const system = await TestSystem.start({ modules });
    await system.reply(commandCall(stockContract, 'pen', 'supply', { count: 10 }));
    const order = async (command: string): Promise<void> => {
      await system.ask({ type: 'command', kind: 'payment', id: 'p', command, payload: {} });
      await system.clock.advance(1_000);
    };
    const pens = async () => (await system.reply(queryCall(stockContract, 'pen', 'get', null))).free;
    const status = async (): Promise<SagaStatus> => {
      const answer = await system.ask({
        type: 'query',
        kind: 'payment',
        id: 'p',
        query: 'status',
        payload: {},
      });
      // The query's reply schema is that of SagaStatus.
      return (answer as { readonly reply: SagaStatus }).reply;
    };
    await order('start');
    t.match(await status(), { state: 'failed', current_step: 'note', parked_at: Number });
    t.match((await status()).step_results, [{ step: 'pay' }, { step: 'note' }]);
    t.equal(await pens(), 111);
    await order('retry');
    t.equal((await status()).state, 'failed');
    t.equal(await pens(), 111, 'a retry asks for the events alone');
    await order('skip');
    t.match(await status(), { state: 'completed', parked_at: null });
    t.equal(await pens(), 111);
    await system.stop();
  });
}
