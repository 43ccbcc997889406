/**
 * What this process knows to be durable, per partition it has taken, held against what the store says now. Epochs only rise
 * and a log only grows: a store that says less was put back (an older dump, a replica that lacked data, FLUSHALL).
 *
 * K1  What is known is read before the store is asked: an answer that overtook another on a second connection is not a store
 *     that went back.
 *
 * A store that went back is halted: nothing is read from it or written to it any more, so that nobody goes on from a newer
 * memory or gives a position a second meaning. A person decides (`acceptRollback`).
 */
import { OperatingError } from '../../actors/model/errors.js';
import { EntryReader, hashEntry, sameHash } from '../entry.js';
import type { EntryHash, Fence, StoredEntry } from '../journal.js';
import type { StoreReport } from '../store-report.js';
import type { StoredFence } from './fence-text.js';

/** An entry, or the head at a taking. */
export interface Acknowledged {
  readonly fence: Fence;
  readonly position: number;
  readonly hash: EntryHash;
}

export class AcknowledgedHeads {
  /** By partition; nothing of those that were not taken. */
  readonly #newest: (Acknowledged | undefined)[] = [];
  readonly #report: StoreReport;
  readonly #onHalt: (heads: AcknowledgedHeads) => void;
  #halted: OperatingError | undefined;

  /** `onHalt` runs once, at once: the process may be about to end. */
  constructor(report: StoreReport, onHalt: (heads: AcknowledgedHeads) => void = () => {}) {
    this.#report = report;
    this.#onHalt = onHalt;
  }

  /** Set once the store was found to hold an older history; code `store-went-back`. */
  get halted(): OperatingError | undefined {
    return this.#halted;
  }

  newest(partition: number): Acknowledged | undefined {
    return this.#newest[partition];
  }

  /** Everything that is known now. */
  known(): (readonly [partition: number, newest: Acknowledged])[] {
    return this.#newest.flatMap((newest, partition) =>
      newest === undefined ? [] : [[partition, newest] as const],
    );
  }

  /** An answer that comes late, after one to something newer, takes nothing back. */
  note(partition: number, noted: Acknowledged): void {
    const newest = this.#newest[partition];
    if (newest === undefined || isNewer(noted, newest)) this.#newest[partition] = noted;
  }

  /**
   * What was read of the partition's log: whoever looked for an entry whose reply was lost, and found it, acknowledges it. Costs a hash,
   * when there is something newer than the replies have told.
   */
  noteRead(partition: number, entries: readonly StoredEntry[]): void {
    const newest = this.#newest[partition];
    const last = entries.at(-1);
    if (newest === undefined || last === undefined || last.position <= newest.position) return;
    // Of another owner: nothing that this process acknowledges.
    if (epochOf(last.bytes) !== newest.fence.epoch) return;
    const { position, bytes } = last;
    this.#newest[partition] = { fence: newest.fence, position, hash: hashEntry(bytes) };
  }

  forget(partition: number): void {
    this.#newest[partition] = undefined;
  }

  /** Halts the store when `stored` is older than `known`, which was read before the store was asked (K1). */
  check(partition: number, known: Acknowledged | undefined, stored: StoredFence | undefined): void {
    const why = known && wentBack(known, stored);
    if (why !== undefined) this.halt(`partition ${partition}: ${why}`);
  }

  /** True when `stored` may be older than what is known by now: then the store has to be asked anew (K1). */
  isOlder(partition: number, stored: StoredFence | undefined): boolean {
    const known = this.#newest[partition];
    return known !== undefined && wentBack(known, stored) !== undefined;
  }

  halt(detail: string): OperatingError {
    if (this.#halted === undefined) {
      this.#halted = new OperatingError('store-went-back', `Redis holds an older history: ${detail}`);
      this.#report('error', 'store-went-back', { detail });
      this.#onHalt(this);
    }
    return this.#halted;
  }
}

/** Undefined of an entry that is damaged, which is for who reads it to say. */
function epochOf(bytes: Uint8Array): number | undefined {
  try {
    return new EntryReader(bytes).epoch;
  } catch {
    return undefined;
  }
}

function isNewer(one: Acknowledged, other: Acknowledged): boolean {
  if (one.fence.epoch !== other.fence.epoch) return one.fence.epoch > other.fence.epoch;
  return one.position > other.position;
}

function wentBack(known: Acknowledged, stored: StoredFence | undefined): string | undefined {
  const { epoch, nonce } = known.fence;
  if (stored === undefined) return `nothing is stored, yet position ${known.position} was acknowledged`;
  const { fence, head } = stored;
  if (fence.epoch < epoch) return `it is at epoch ${fence.epoch}, yet epoch ${epoch} was taken`;
  if (fence.epoch === epoch && fence.nonce !== nonce) return `epoch ${epoch} was given twice`;
  if (head.position < known.position)
    return `its log ends at ${head.position}, yet position ${known.position} was acknowledged`;
  if (head.position === known.position && !sameHash(head.hash, known.hash))
    return `another entry stands at ${head.position} than was acknowledged`;
  return undefined;
}
