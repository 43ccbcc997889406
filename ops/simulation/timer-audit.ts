/**
 * Timers as the journal tells of them, and what must hold of each:
 *
 *     I11  it fires once for each setting, not after it was cancelled, and never before its time
 */
import type { StoredRecord } from '../../runtime/commit/record.js';
import { Violation } from './workload.js';

export class TimerAudit {
  readonly #wallClockMax: () => number;
  /** `kind/id/name` → due time of the timer that stands. */
  readonly #timers = new Map<string, number>();

  /** `wallClockMax`: the latest time that any wall clock has shown. */
  constructor(wallClockMax: () => number) {
    this.#wallClockMax = wallClockMax;
  }

  /** Timers that stand although their time has come. */
  due(now: number): string[] {
    return [...this.#timers].filter(([, dueAt]) => dueAt <= now).map(([name]) => name);
  }

  /** The record of a timer's command; `actor` is its `kind/id`. */
  fired(actor: string, name: string, dueAt: number, where: string): void {
    const key = `${actor}/${name}`;
    if (this.#timers.get(key) !== dueAt)
      throw new Violation(`I11: ${where}: ${key} fires for ${dueAt}, set is ${this.#timers.get(key)}`);
    if (dueAt > this.#wallClockMax())
      throw new Violation(`I11: ${where}: ${key} fires ${dueAt - this.#wallClockMax()} ms early`);
    this.#timers.delete(key);
  }

  /** What a record sets and cancels. */
  take(record: StoredRecord, actor: string): void {
    if (record[10] === 0) return;
    for (const timer of record[10]) {
      const key = `${actor}/${timer[0]}`;
      if (timer.length === 1) this.#timers.delete(key);
      else this.#timers.set(key, timer[1]);
    }
  }
}
