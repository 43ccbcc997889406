/**
 * Entries by position, for those who walk an actor's history: a bounded cache in front of the journal.
 */

import { OperatingError } from '../actors/model/errors.js';
import { EntryReader } from '../persistence/entry.js';
import type { Journal } from '../persistence/journal.js';

export class EntrySource {
  readonly #journal: Journal;
  readonly #bytesMax: number;
  /** In order of insertion; the oldest go first. */
  readonly #cache = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(journal: Journal, bytesMax: number) {
    this.#journal = journal;
    this.#bytesMax = bytesMax;
  }

  /** The entry at a position. Throws `journal-gap` when it is not there. */
  async read(partition: number, position: number): Promise<EntryReader> {
    const cached = this.#cache.get(keyOf(partition, position));
    if (cached !== undefined) return new EntryReader(cached);
    const [stored] = await this.#journal.read(partition, position, { entriesMax: 1, bytesMax: 1 });
    if (stored === undefined || stored.position !== position) {
      throw new OperatingError('journal-gap', `Partition ${partition} has no entry at position ${position}.`);
    }
    this.keep(partition, position, stored.bytes);
    return new EntryReader(stored.bytes);
  }

  keep(partition: number, position: number, bytes: Uint8Array): void {
    const key = keyOf(partition, position);
    if (this.#cache.has(key)) return;
    this.#cache.set(key, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, old] of this.#cache) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#cache.delete(oldest);
      this.#bytes -= old.length;
    }
  }

  clear(): void {
    this.#cache.clear();
    this.#bytes = 0;
  }
}

function keyOf(partition: number, position: number): string {
  return `${partition}:${position}`;
}
