/**
 * The providers behind a simulation's ports, and the network to them. They outlive every node: what a killed node has sent
 * still arrives, and a paused one hears of it late.
 *
 *     a request    arrives · is lost on its way · arrives twice, the second time late
 *     an answer    arrives · is lost: the caller hears `outcome-unknown`, at once or at the deadline
 *
 * One attempt each: what the runner's own policies repeat (cockatiel keeps time by the platform's clock), the retries of
 * the saga repeat here.
 */
import type { ActivityOutcome, Adapters, AnyAdapter, Port } from '../../actors/model/activity.js';
import { isOperatingError } from '../../actors/model/errors.js';
import type { Activities, ActivityRequest } from '../../runtime/activity/activities.js';
import { type ActivityPlan, planActivity } from '../../runtime/activity/activity-plan.js';
import type { SeededRandom } from './seeded-random.js';
import type { ThreadClock } from './thread-clock.js';
import type { VirtualClock } from './virtual-clock.js';

export interface ProviderOptions {
  readonly ports: readonly Port[];
  /** By the name of the port, as `createSystem` takes them. They may answer later, but by promises alone. */
  readonly adapters: Adapters;
  readonly draw: SeededRandom;
  readonly world: VirtualClock;
  /** Whether anything may go wrong now. */
  readonly isOn: () => boolean;
  readonly onFault: (name: string) => void;
}

interface Provided {
  readonly plan: ActivityPlan;
  readonly adapter: AnyAdapter[string];
}

const faults = ['request lost', 'reply lost', 'no answer', 'request twice', 'unavailable'] as const;
type Fault = (typeof faults)[number];
/** Likelihood of each fault per request. */
const rates = [0, 0, 0.02, 0.15] as const;
const latenciesMsMax = [1, 10, 80] as const;
/** A deadline beyond this is not waited for: then the caller hears at once that it will not know. */
const silenceMsMax = 5_000;
/** How much later the second copy of a request may come. */
const straysMsMax = 400;

export class SimulatedProviders {
  readonly #options: ProviderOptions;
  readonly #provided = new Map<string, Provided>();
  readonly #rates: ReadonlyMap<Fault, number>;
  readonly #latencyMsMax: number;

  /** Throws TypeError when a port has no adapter, or its adapter not all activities. */
  constructor(options: ProviderOptions) {
    this.#options = options;
    for (const port of new Set(options.ports)) {
      for (const [activity, spec] of Object.entries(port.activities)) {
        const adapter = options.adapters[port.name]?.[activity];
        if (adapter === undefined) throw new TypeError(`port ${port.name} has no adapter for ${activity}`);
        const plan = planActivity(port, activity, spec);
        this.#provided.set(plan.name, { plan, adapter });
      }
    }
    this.#rates = new Map(faults.map((fault) => [fault, options.draw.pick(rates)]));
    this.#latencyMsMax = options.draw.pick(latenciesMsMax);
  }

  /** For the shard of one thread: outcomes arrive as turns of its event loop. */
  on(thread: ThreadClock): Activities {
    return {
      run: (request) =>
        new Promise((resolve) => {
          const told = (outcome: ActivityOutcome): void => thread.defer(() => resolve(outcome));
          this.#request(request, Math.max(0, request.deadlineAt - thread.now()), told);
        }),
    };
  }

  #request(request: ActivityRequest, deadlineMs: number, told: (outcome: ActivityOutcome) => void): void {
    const { world, isOn, draw, onFault } = this.#options;
    const provided = this.#provided.get(`${request.port}.${request.activity}`);
    if (provided === undefined) return told(failed('port-unknown'));
    if (provided.plan.checkInput(request.input) !== undefined) return told(failed('internal'));
    const fault = isOn() ? this.#options.draw.rated(this.#rates) : undefined;
    if (fault !== undefined) onFault(`activity: ${fault}`);
    if (fault === 'unavailable') return this.#later(() => told(failed('provider-unavailable')));
    if (fault === 'request lost') return this.#later(() => told(failed('outcome-unknown')));
    if (fault === 'request twice') {
      world.after(draw.fraction() * straysMsMax, () => void perform(provided, request));
    }
    const isSilent = fault === 'no answer' && deadlineMs <= silenceMsMax;
    if (isSilent) world.after(deadlineMs, () => told(failed('outcome-unknown')));
    this.#later(() => {
      void perform(provided, request).then((outcome) => {
        if (isSilent) return;
        const isLost = fault === 'reply lost' || fault === 'no answer';
        this.#later(() => told(isLost ? failed('outcome-unknown') : outcome));
      });
    });
  }

  #later(run: () => void): void {
    const { world, draw } = this.#options;
    world.after(draw.fraction() * this.#latencyMsMax, run);
  }
}

/** What the provider does, and says of it. */
async function perform({ plan, adapter }: Provided, request: ActivityRequest): Promise<ActivityOutcome> {
  const { input, idempotencyKey, traceparent = '' } = request;
  const { signal } = new AbortController();
  try {
    const answer = await adapter(input, { idempotencyKey, attempt: 0, signal, traceparent });
    if (plan.checkResult(answer) === undefined) return { type: 'result', value: answer };
    const rejection = answer as { readonly type?: unknown; readonly code?: string; readonly detail?: string };
    const { code = '', detail = '' } = rejection ?? {};
    return plan.rejections.has(code) ? { type: 'rejected', code, detail } : failed('outcome-unknown');
  } catch (error) {
    return failed(isOperatingError(error) ? error.code : 'outcome-unknown');
  }
}

function failed(code: (ActivityOutcome & { readonly type: 'failed' })['error']['code']): ActivityOutcome {
  return { type: 'failed', error: { code, detail: 'by chance' } };
}
