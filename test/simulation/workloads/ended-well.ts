/** The end of a saga as whoever looks after it sees it: parked, it is tried again. */
import type { ActorCall } from '../../../actors/model/call.js';
import type { SagaStatus } from '../../../actors/model/saga.js';
import { Violation, type WorkloadView } from '../../../ops/simulation/workload.js';

const retriesMax = 10;

/** Whether it was completed or taken back. Retries it where it is parked: clocks that jump by hours use up attempts. */
export async function endedWell(view: WorkloadView, kind: string, id: string): Promise<boolean> {
  let told = '';
  for (let retries = 0; ; retries++) {
    const call: ActorCall = { type: 'query', kind, id, query: 'status', payload: {}, waitMs: 10_000 };
    const answer = await view.ask(call);
    if (answer.type !== 'reply') throw new Violation(`I10: ${kind} ${id} answers ${JSON.stringify(answer)}`);
    const { state, current_step, errors } = answer.reply as SagaStatus;
    if (state === 'completed' || state === 'compensated') return state === 'completed';
    if (state !== 'failed' || retries === retriesMax)
      throw new Violation(`I10: ${kind} ${id} is ${state} at ${current_step}: ${errors.join('; ')}; ${told}`);
    told = JSON.stringify(await view.ask({ type: 'command', kind, id, command: 'retry', payload: {} }));
  }
}
