/**
 * Every activity of a system, behind one function: what a durable order is handed to.
 *
 * N1  Made only when every port of the modules has an adapter that does all its activities: a system that could not do
 *     what its sagas order does not start.
 * N2  `run` always resolves: by the deadline, at `runsMax` at once, and when the runner stops.
 */
import type { ActivityOutcome, Adapters, Port } from '../../actors/model/activity.js';
import { OperatingError } from '../../actors/model/errors.js';
import type { Clock, Random, Report } from '../clock.js';
import type { Activities, ActivityRequest } from './activities.js';
import { ActivityCaller, type ActivityMetrics } from './activity-caller.js';
import { planActivity } from './activity-plan.js';
import type { StateChangeListener } from './breaker.js';

/** Calls that a runner holds open, those that sleep before another attempt included: about 2 KB each. */
export const runsMaxDefault = 20_000;

/** A kind, an id of 128, and the path of a step with its index fit in. */
const keyPattern = /^[\x21-\x7e]{1,400}$/;

export interface ActivityRunnerOptions {
  readonly ports: readonly Port[];
  readonly adapters: Adapters;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly runsMax?: number;
}

export class ActivityRunner implements Activities {
  readonly #callers: ReadonlyMap<string, ActivityCaller>;
  readonly #clock: Clock;
  readonly #runsMax: number;
  readonly #open = new Set<AbortController>();
  #isStopped = false;

  /** Throws TypeError naming the port that has no adapter, or the activity that its adapter does not do (N1). */
  constructor(options: ActivityRunnerOptions) {
    this.#callers = callersOf(options);
    this.#clock = options.clock;
    this.#runsMax = options.runsMax ?? runsMaxDefault;
  }

  async run(request: ActivityRequest): Promise<ActivityOutcome> {
    const name = `${request.port}.${request.activity}`;
    const caller = this.#callers.get(name);
    if (caller === undefined) return refused('port-unknown', `no port of this system has ${name}`);
    if (!keyPattern.test(request.idempotencyKey)) {
      return refused('idempotency-key-invalid', 'the key is 1 to 400 visible ASCII characters');
    }
    if (this.#isStopped) return refused('shutting-down', 'the system is stopping');
    if (this.#open.size >= this.#runsMax)
      return refused('overloaded', `${this.#runsMax} activities are open`);
    return await this.#bounded(request, caller);
  }

  /** Changes of every circuit. Returns what takes the listener off again. */
  onStateChange(listener: StateChangeListener): () => void {
    const off = [...this.#callers.values()].map((caller) => caller.onStateChange(listener));
    return () => {
      for (const take of off) take();
    };
  }

  metrics(): readonly ActivityMetrics[] {
    return [...this.#callers.values()].map((caller) => caller.metrics());
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Gives up what is open: its outcomes are `shutting-down` or `outcome-unknown`. Stop the shards first. */
  stop(): void {
    this.#isStopped = true;
    const reason = new OperatingError('shutting-down', 'the system is stopping');
    for (const controller of this.#open) controller.abort(reason);
  }

  async #bounded(request: ActivityRequest, caller: ActivityCaller): Promise<ActivityOutcome> {
    const controller = new AbortController();
    const late = new OperatingError('deadline-passed', 'the deadline passed before an answer');
    const withdrawn = (): void =>
      controller.abort(new OperatingError('deadline-passed', 'the call was withdrawn'));
    const remaining = request.deadlineAt - this.#clock.now();
    if (remaining <= 0) controller.abort(late);
    if (request.signal?.aborted === true) withdrawn();
    request.signal?.addEventListener('abort', withdrawn, { once: true });
    const cancelTimer = this.#clock.after(Math.max(0, remaining), () => controller.abort(late));
    this.#open.add(controller);
    try {
      return await caller.call(request, controller.signal);
    } finally {
      this.#open.delete(controller);
      cancelTimer();
      request.signal?.removeEventListener('abort', withdrawn);
    }
  }
}

function callersOf({
  ports,
  adapters,
  ...parts
}: ActivityRunnerOptions): ReadonlyMap<string, ActivityCaller> {
  const callers = new Map<string, ActivityCaller>();
  for (const port of new Set(ports)) {
    const adapter = adapters[port.name];
    if (adapter === undefined) throw new TypeError(`port ${port.name} has no adapter`);
    for (const [activity, spec] of Object.entries(port.activities)) {
      const plan = planActivity(port, activity, spec);
      if (callers.has(plan.name)) throw new TypeError(`two ports are called ${port.name}`);
      const does = adapter[activity];
      if (typeof does !== 'function')
        throw new TypeError(`the adapter of port ${port.name} has no ${activity}`);
      callers.set(plan.name, new ActivityCaller({ ...parts, plan, adapter: does }));
    }
  }
  return callers;
}

function refused(code: OperatingError['code'], detail: string): ActivityOutcome {
  return { type: 'failed', error: { code, detail } };
}
