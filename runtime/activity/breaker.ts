/**
 * One circuit at work: the machine of `circuit.ts` with a clock, what it counts, and who is told of a change (rows 157,
 * 160 and 161).
 *
 * B1  A refused call counts as rejected and nowhere else; every admitted one is settled exactly once.
 * B2  A listener cannot hold up or break a call: what it throws, now or later, is reported.
 */
import type { Clock, Report } from '../clock.js';
import {
  admit,
  type Circuit,
  type CircuitAnswer,
  type CircuitSettings,
  type CircuitState,
  closedCircuit,
  settle,
} from './circuit.js';

/** Row 161: the failure rate looks at no more calls than these, and as many response times are kept. */
export const callsRememberedMax = 100;

export interface BreakerSettings extends CircuitSettings {
  readonly timeWindowMs: number;
}

/** Row 160. */
export interface StateChange {
  /** RFC 3339. */
  readonly timestamp: string;
  readonly from_state: CircuitState;
  readonly to_state: CircuitState;
  readonly failure_count: number;
}

/** Row 161. */
export interface BreakerMetrics {
  readonly name: string;
  readonly state: CircuitState;
  /** Failures among the calls of the time window, 0 to 1; 0 when there were none. */
  readonly failure_rate: number;
  readonly metrics: {
    readonly total_requests: number;
    readonly successful_requests: number;
    readonly failed_requests: number;
    readonly rejected_requests: number;
  };
  readonly last_state_change: StateChange | null;
  /** Of the last hundred calls, oldest first, ms. */
  readonly response_times: readonly number[];
}

export type StateChangeListener = (
  name: string,
  from: CircuitState,
  to: CircuitState,
) => void | Promise<void>;

export interface BreakerOptions {
  readonly name: string;
  readonly settings: BreakerSettings;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly report: Report;
}

/** A call that was let through. */
export interface Admission {
  readonly period: number;
  readonly startedAt: number;
}

export class Breaker {
  readonly name: string;
  readonly #settings: BreakerSettings;
  readonly #clock: BreakerOptions['clock'];
  readonly #report: Report;
  readonly #listeners = new Set<StateChangeListener>();
  readonly #window: { readonly at: number; readonly isFailure: boolean }[] = [];
  readonly #responseTimes: number[] = [];
  readonly #counts = { total_requests: 0, successful_requests: 0, failed_requests: 0, rejected_requests: 0 };
  #circuit: Circuit = closedCircuit;
  #lastChange: StateChange | null = null;

  constructor({ name, settings, clock, report }: BreakerOptions) {
    this.name = name;
    this.#settings = settings;
    this.#clock = clock;
    this.#report = report;
  }

  get state(): CircuitState {
    return this.#circuit.type;
  }

  /** Undefined when the circuit refuses the call; otherwise `settle` has to follow. */
  admit(): Admission | undefined {
    const startedAt = this.#clock.monotonic();
    const { circuit, isAdmitted } = admit(this.#settings, this.#circuit, startedAt);
    this.#turn(circuit);
    if (isAdmitted) return { period: circuit.period, startedAt };
    this.#counts.rejected_requests++;
    return undefined;
  }

  settle({ period, startedAt }: Admission, answer: CircuitAnswer): void {
    const now = this.#clock.monotonic();
    this.#counts.total_requests++;
    keep(this.#responseTimes, now - startedAt);
    if (answer === 'success') this.#counts.successful_requests++;
    if (answer === 'failure') this.#counts.failed_requests++;
    if (answer !== 'excluded') keep(this.#window, { at: now, isFailure: answer === 'failure' });
    this.#turn(settle(this.#settings, this.#circuit, { period, answer, now }));
  }

  /** Returns what takes the listener off again. */
  onStateChange(listener: StateChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  metrics(): BreakerMetrics {
    return {
      name: this.name,
      state: this.state,
      failure_rate: this.#failureRate(),
      metrics: { ...this.#counts },
      last_state_change: this.#lastChange,
      response_times: [...this.#responseTimes],
    };
  }

  #failureRate(): number {
    const since = this.#clock.monotonic() - this.#settings.timeWindowMs;
    const recent = this.#window.filter(({ at }) => at >= since);
    return recent.length === 0 ? 0 : recent.filter(({ isFailure }) => isFailure).length / recent.length;
  }

  #turn(circuit: Circuit): void {
    const from = this.#circuit.type;
    this.#circuit = circuit;
    const to = circuit.type;
    if (from === to) return;
    const timestamp = new Date(this.#clock.now()).toISOString();
    this.#lastChange = { timestamp, from_state: from, to_state: to, failure_count: circuit.failures };
    this.#report(to === 'open' ? 'warn' : 'info', 'circuit-changed', {
      circuit: this.name,
      from,
      to,
      failures: circuit.failures,
    });
    for (const listener of this.#listeners) void this.#tell(listener, from, to);
  }

  async #tell(listener: StateChangeListener, from: CircuitState, to: CircuitState): Promise<void> {
    try {
      await listener(this.name, from, to);
    } catch (error) {
      this.#report('error', 'circuit-listener-failed', { circuit: this.name, error });
    }
  }
}

/** Appends, and lets the oldest go past the bound. */
function keep<Item>(items: Item[], item: Item): void {
  items.push(item);
  if (items.length > callsRememberedMax) items.shift();
}
