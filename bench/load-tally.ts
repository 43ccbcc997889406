/**
 * The counts and latencies of a load: for the whole measured window, and for the second under way.
 *
 * T1  Every answer that counts is in exactly one second; the seconds of the window add up to `done`.
 * T2  Latencies are those of answers that count; errors stand beside them by kind.
 */
import { type Histogram, type LatencySummary, newHistogram, summarise } from './latency-histogram.js';

export interface SecondTally {
  readonly done: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const errorKindsMax = 50;

export class LoadTally {
  readonly #latencies: Histogram = newHistogram();
  readonly #secondLatencies: Histogram = newHistogram();
  readonly #errors = new Map<string, number>();
  readonly #perSecond: number[] = [];
  #isInWindow = false;
  #done = 0;
  #doneInSecond = 0;
  #errorCount = 0;
  #windowStart = 0;
  #windowSeconds = 0;
  #cpuSeconds = 0;

  get errorCount(): number {
    return this.#errorCount;
  }

  beginWindow(now: number): void {
    this.#isInWindow = true;
    this.#windowStart = now;
    this.#doneInSecond = 0;
    this.#secondLatencies.reset();
    this.#cpuSeconds = -cpuSecondsNow();
  }

  /** What came since the last second ended belongs to a last, shorter one; or to the one before, when that is over. */
  endWindow(now: number, plannedSeconds: number): void {
    const last = this.#perSecond.length - 1;
    if (last + 1 < plannedSeconds || last < 0) this.#perSecond.push(this.#doneInSecond);
    else this.#perSecond[last] = (this.#perSecond[last] as number) + this.#doneInSecond;
    this.#isInWindow = false;
    this.#doneInSecond = 0;
    this.#windowSeconds = (now - this.#windowStart) / 1_000;
    this.#cpuSeconds += cpuSecondsNow();
  }

  /** `belongs`: the request was sent or due inside the window, so its latency is one of the result. */
  done(latencyMs: number, belongs: boolean): void {
    const micros = Math.max(1, Math.round(latencyMs * 1_000));
    this.#doneInSecond++;
    if (this.#isInWindow) this.#done++;
    if (belongs) this.#latencies.recordValue(micros);
    this.#secondLatencies.recordValue(micros);
  }

  error(kind: string): void {
    this.#errorCount++;
    const name = this.#errors.has(kind) || this.#errors.size < errorKindsMax ? kind : 'other';
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }

  /** Ends the second under way and tells of it. */
  endSecond(): SecondTally {
    const done = this.#doneInSecond;
    const { p50Ms, p99Ms } = summarise(this.#secondLatencies);
    if (this.#isInWindow) this.#perSecond.push(done);
    this.#doneInSecond = 0;
    this.#secondLatencies.reset();
    return { done, p50Ms, p99Ms };
  }

  result() {
    const latency: LatencySummary = summarise(this.#latencies);
    return {
      done: this.#done,
      rate: this.#windowSeconds === 0 ? 0 : this.#done / this.#windowSeconds,
      latency,
      errors: Object.fromEntries(this.#errors),
      errorCount: this.#errorCount,
      perSecond: this.#perSecond,
      cpuSeconds: this.#cpuSeconds,
    };
  }
}

function cpuSecondsNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
