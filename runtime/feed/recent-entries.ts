/**
 * The newest entries of the log, in memory and opened, so that readers who keep up do not ask the store. Bounded by
 * bytes; the oldest go first, and whoever needs those reads the journal.
 */
import type { OpenedEntry } from './opened-entry.js';

export class RecentEntries {
  readonly #bytesMax: number;
  /** By partition and position. */
  readonly #entries: Map<number, OpenedEntry>[];
  /** All of them, oldest first, from `#oldest` on. */
  #order: OpenedEntry[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(partitionCount: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#entries = Array.from({ length: partitionCount }, () => new Map());
  }

  get byteCount(): number {
    return this.#bytes;
  }

  keep(entry: OpenedEntry): void {
    const entries = this.#entries[entry.partition];
    if (entries === undefined || entries.has(entry.position)) return;
    entries.set(entry.position, entry);
    this.#order.push(entry);
    this.#bytes += entry.byteCount;
    while (this.#bytes > this.#bytesMax) this.#drop(this.#order[this.#oldest++] as OpenedEntry);
    if (this.#oldest > 1_024 && this.#oldest * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  find(partition: number, position: number): OpenedEntry | undefined {
    return this.#entries[partition]?.get(position);
  }

  clear(): void {
    for (const entries of this.#entries) entries.clear();
    this.#order = [];
    this.#oldest = 0;
    this.#bytes = 0;
  }

  #drop(entry: OpenedEntry): void {
    this.#entries[entry.partition]?.delete(entry.position);
    this.#bytes -= entry.byteCount;
  }
}
