/**
 * The activities of a shard between their order and the record of what came of them. An order is a durable timer that
 * falls due with its outcome (`ActivityTimer` of the model), so the timer table and recovery keep it already.
 *
 *     ordered ──durable──▸ under way ──outcome──▸ recorded (the timer is gone)
 *        ▲                    │
 *        └── crash, reset ◂───┘   begun again with the same idempotency key
 *
 * K1  Nothing is begun before its order is durable.
 * K2  The outcome is recorded once: the record takes the timer off, and whoever comes later finds none.
 * K3  At most `activitiesMax` are under way; the others wait in the order in which they were ordered.
 * K4  A result that is past a bound is recorded as a failure that says so: never silently dropped.
 * K5  A call begun again may have taken effect the first time: no failure of its repeat is definite (A2 of `activity.ts`).
 */
import type { ActivityOutcome } from '../../actors/model/activity.js';
import type { Activation } from '../actor/activation.js';
import { outcomeFailure } from '../commit/outcome.js';
import { causeTimer } from '../commit/record.js';
import type { Domain } from '../domain.js';
import type { Executed } from '../executed.js';
import type { Executor } from '../execution.js';
import type { Kind } from '../kind-table.js';
import type { Origin } from '../origin.js';
import type { LiveTimer, TimerDesk } from '../timer/timer-desk.js';
import type { Activities } from './activities.js';

export interface ActivityDeskHost {
  /** Runs as a turn of the shard; never when the shard is not open. */
  turn(run: () => void): void;
  obtain(kind: Kind, id: string): Activation | undefined;
  /** The activation may have come to rest. */
  changed(activation: Activation): void;
}

/** Fields of an activity's timer, as `Executor` stores them. */
type ActivityFields = readonly [
  port: string,
  activity: string,
  input: unknown,
  idempotencyKey: string,
  timeoutMs: number,
];

interface Ordered {
  readonly timer: LiveTimer;
  /** It may have been under way before (K5). */
  readonly isRepeat: boolean;
}

export class ActivityDesk {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #timers: TimerDesk;
  readonly #activities: Activities | undefined;
  readonly #host: ActivityDeskHost;
  /** By idempotency key. Outlives a reset: what was under way is listened to, not begun beside itself. */
  readonly #underWay = new Map<string, Promise<ActivityOutcome>>();
  #waiting: Ordered[] = [];

  constructor(
    parts: {
      readonly domain: Domain;
      readonly executor: Executor;
      readonly timers: TimerDesk;
      readonly activities: Activities | undefined;
    },
    host: ActivityDeskHost,
  ) {
    this.#domain = parts.domain;
    this.#executor = parts.executor;
    this.#timers = parts.timers;
    this.#activities = parts.activities;
    this.#host = host;
  }

  get countUnderWay(): number {
    return this.#underWay.size;
  }

  /** Begins an activity whose order is durable. */
  begin(timer: LiveTimer): void {
    this.#begin({ timer, isRepeat: false });
  }

  /** The partitions were opened: everything that the log holds as ordered is begun, for all it knows once more. */
  beginAll(): void {
    this.#waiting = [];
    for (const timer of this.#timers.activities()) this.#begin({ timer, isRepeat: true });
  }

  /** The actor was parked when outcomes came: its orders are begun again. */
  beginAgain({ partition, kind, id }: Activation): void {
    for (const timer of this.#timers.activities())
      if (timer.partition === partition && timer.kindSchemaId === kind.schemaId && timer.id === id)
        this.#begin({ timer, isRepeat: true });
  }

  #begin(ordered: Ordered): void {
    const { timer } = ordered;
    // A reset came between: the order was found again in the log.
    if (!this.#timers.isFiring(timer)) return;
    const key = fieldsOf(timer)[3];
    if (this.#underWay.size >= this.#domain.limits.activitiesMax && !this.#underWay.has(key)) {
      this.#waiting.push(ordered);
      return;
    }
    void this.#run(ordered, key);
  }

  async #run({ timer, isRepeat }: Ordered, key: string): Promise<void> {
    let running = this.#underWay.get(key);
    if (running === undefined) {
      running = this.#call(timer).catch(failedOutcome);
      if (isRepeat) running = running.then(repeatedOutcome);
      this.#underWay.set(key, running);
    }
    const outcome = await running;
    this.#underWay.delete(key);
    this.#host.turn(() => {
      this.#finish(timer, outcome);
      const next = this.#waiting.shift();
      if (next !== undefined) this.#begin(next);
    });
  }

  async #call(timer: LiveTimer): Promise<ActivityOutcome> {
    const [port, activity, input, idempotencyKey, timeoutMs] = fieldsOf(timer);
    if (this.#activities === undefined) return withoutAdapters;
    this.#domain.counters.activities++;
    const deadlineAt = this.#domain.clock.now() + timeoutMs;
    const traceparent = timer.trail[3];
    return this.#activities.run({
      ...{ port, activity, input, idempotencyKey, deadlineAt },
      ...(traceparent === 0 ? {} : { traceparent }),
    });
  }

  #finish(timer: LiveTimer, outcome: ActivityOutcome): void {
    if (!this.#timers.isFiring(timer)) return;
    const kind = this.#domain.kinds.numbered(timer.kindSchemaId);
    const activation = kind === undefined ? undefined : this.#host.obtain(kind, timer.id);
    if (activation === undefined) return;
    if (activation.phase === 'loading') {
      activation.enqueue({ run: () => this.#finish(timer, outcome), refuse: () => undefined });
    } else if (activation.phase === 'ready') this.#record(activation, timer, outcome);
    // A parked actor keeps the order: it is begun again once the actor is unparked, or its partition is opened.
  }

  #record(activation: Activation, timer: LiveTimer, outcome: ActivityOutcome): void {
    const { entry } = this.#domain.kinds.command(activation.kind, timer.schema, []);
    const origin = originOf(timer);
    const report = (fields: Report): Executed =>
      this.#executor.command(activation, entry, entry.input.toFields(fields), origin);
    let executed = report(reportOf(timer.name, outcome));
    if (executed.outcome[0] === outcomeFailure && activation.phase === 'ready') {
      const [, code, detail] = executed.outcome;
      executed = report({ tag: timer.name, type: 'unrecorded', value: null, code, detail });
    }
    // Its `evolve` threw: it is folded again, and told again.
    if (activation.phase !== 'ready') return this.#finish(timer, outcome);
    if (!executed.recorded) this.#executor.record(activation, origin, executed.outcome, []);
    this.#timers.fired(timer);
    this.#host.changed(activation);
  }
}

interface Report {
  readonly tag: string;
  readonly type: string;
  readonly value: unknown;
  readonly code: string;
  readonly detail: string;
}

function reportOf(tag: string, outcome: ActivityOutcome): Report {
  if (outcome.type === 'result') {
    return { tag, type: 'result', value: outcome.value ?? null, code: '', detail: '' };
  }
  const { code, detail } = outcome.type === 'failed' ? outcome.error : outcome;
  return { tag, type: outcome.type, value: null, code, detail };
}

const withoutAdapters: ActivityOutcome = {
  type: 'failed',
  error: { code: 'internal', detail: 'The system has no adapters.' },
};

function failedOutcome(cause: unknown): ActivityOutcome {
  const detail = cause instanceof Error ? cause.message : 'not an Error';
  return { type: 'failed', error: { code: 'outcome-unknown', detail } };
}

/** What a call begun again came to (K5). A rejection is the provider's answer to its key, as a result is. */
function repeatedOutcome(outcome: ActivityOutcome): ActivityOutcome {
  if (outcome.type !== 'failed') return outcome;
  const { code, detail } = outcome.error;
  return { type: 'failed', error: { code: 'outcome-unknown', detail: `begun again: ${code}: ${detail}` } };
}

function fieldsOf(timer: LiveTimer): ActivityFields {
  // Stored by `Executor` for timers with `isActivity` only.
  return timer.fields as ActivityFields;
}

/** `mustRecord` is false: a first try that is refused leaves no trace, so that the second can say what came of it. */
function originOf(timer: LiveTimer): Origin {
  const { id, name, dueAt, trail } = timer;
  return {
    cause: [causeTimer, name, dueAt],
    time: dueAt,
    caller: { principal: trail[2], roles: [], internal: true },
    trail,
    commandId: `timer.${id}.${name}.${dueAt}`,
    mustRecord: false,
  };
}
