/**
 * Entries by position, for those who walk an actor's history: a bounded cache in front of the journal.
 */

import { OperatingError } from '../actors/model/errors.js';
import { EntryReader } from '../persistence/entry.js';
import type { Journal } from '../persistence/journal.js';
import { isGapOrDamage } from '../persistence/journal-gap.js';
import { EntryCache } from './entry-cache.js';

/** Of entries fetched beside the one that is asked for: a few milliseconds of a shard. */
export const fetchBytesMax = 262_144;

export class EntrySource {
  readonly #journal: Journal;
  readonly #cache: EntryCache;

  constructor(journal: Journal, bytesMax: number) {
    this.#journal = journal;
    this.#cache = new EntryCache(bytesMax);
  }

  /**
   * The entry at a position. Throws `journal-gap` when it is not there. When the journal has to be asked, up to `below` entries
   * below it are asked for as well.
   */
  async read(partition: number, position: number, below = 0): Promise<EntryReader> {
    if (below > 0 && !this.#cache.has(partition, position))
      await this.#fetch(partition, Math.max(1, position - below), position);
    const cached = this.#cache.get(partition, position);
    if (cached !== undefined) return new EntryReader(cached);
    const [stored] = await this.#journal.read(partition, position, { entriesMax: 1, bytesMax: 1 });
    if (stored === undefined || stored.position !== position) {
      throw new OperatingError('journal-gap', `Partition ${partition} has no entry at position ${position}.`);
    }
    this.keep(partition, position, stored.bytes);
    return new EntryReader(stored.bytes);
  }

  /** What is damaged or missing among them is for whoever needs that entry. */
  async #fetch(partition: number, from: number, to: number): Promise<void> {
    const limits = { entriesMax: to - from + 1, bytesMax: fetchBytesMax };
    const found = await this.#journal.read(partition, from, limits).catch((cause: unknown) => {
      if (isGapOrDamage(cause)) return [];
      throw cause;
    });
    for (const { position, bytes } of found) this.keep(partition, position, bytes);
  }

  /** A view of a larger block, such as the archive and Redis give, would keep all of it in memory: it is copied. */
  keep(partition: number, position: number, bytes: Uint8Array): void {
    const isPart = bytes.buffer.byteLength > 2 * bytes.length;
    this.#cache.keep(partition, position, isPart ? new Uint8Array(bytes) : bytes);
  }

  clear(): void {
    this.#cache.clear();
  }
}
