/**
 * Keeps a store small: packs what the tables are made of already into segments, then trims it from the log.
 *
 *     each second, partition by partition:  log … checkpoint ─ enough? ─▸ pack a segment ─▸ trim below min(checkpoint, archived)
 *
 * P1  Only entries at or before the checkpoint of the tables are packed, and only packed ones are trimmed.
 * P2  One segment is packed at a time, elsewhere (`pack`), at a pace of its own; this thread only asks and trims, in small steps.
 * P3  A log that does not follow its archive is neither packed nor trimmed: a person has to look.
 * P4  A failure changes nothing and is tried again later; that log just stays longer, the others do not.
 * P5  The first segments of the partitions differ in size, and so from then on one is due after another: partitions fill alike, and
 *     all of them packed at one time took a core for seconds.
 * P6  Where partitions share one log, neighbours in it are entries of different partitions and share pages: all are trimmed together,
 *     once a round of segments. Where each has a log of its own, in memory, it is trimmed as soon as a segment of it is packed.
 */
import type { Cut, Journal } from '../journal.js';
import type { StoreClock } from '../store-clock.js';
import type { StoreReport } from '../store-report.js';
import type { Tables } from '../tables.js';
import type { Archive } from './archive.js';
import { type SegmentOrder, whyNotFollowing } from './archive-segment.js';
import type { FileRange } from './journal-file.js';

export interface ArchiverParts {
  readonly journal: Journal;
  readonly tables: Pick<Tables, 'checkpoint'>;
  readonly partitionCount: number;
  readonly archive: Archive;
  /** Bytes of entries that make a segment worth writing. */
  readonly segmentBytes: number;
  /** `Store.hasOneLog` (P6). */
  readonly hasOneLog: boolean;
  /** `segmentsDue`: what the log holds that could be packed, in segments, by a guess. */
  readonly pack: (order: SegmentOrder, segmentsDue: number) => Promise<FileRange | undefined>;
  readonly clock: StoreClock;
  readonly report: StoreReport;
}

const lookEveryMs = 1_000;
const afterFailureMs = 60_000;
/** However small they are: a log of many tiny entries is packed as well. */
export const segmentEntriesMax = 262_144;
const sample = { entriesMax: 64, bytesMax: 1024 * 1024 };
/** A disk that is nearly full is left to the store, which refuses new commands before it is. */
const freeBytesMin = 512 * 1024 * 1024;

export class Archiver {
  readonly #parts: ArchiverParts;
  /** Partitions that P3 holds up. */
  readonly #heldUp = new Set<number>();
  /** Last position archived; the folder is looked at once, because it may hold thousands of names. */
  readonly #ends = new Map<number, number>();
  /** Entries that could be archived and are not, as of the last look. */
  readonly #lags = new Map<number, number>();
  /** Partitions with a new segment since their last trim: one that packs again says that the others have as well. */
  readonly #packedSince = new Set<number>();
  /** At first, for what an earlier process packed and did not trim. */
  #isTrimDue = true;
  #isStopped = false;
  #cancel: (() => void) | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(parts: ArchiverParts) {
    this.#parts = parts;
  }

  /** Entries of all partitions that the tables are past and the archive lacks; a segment's worth of each is usual. */
  get lagEntries(): number {
    let sum = 0;
    for (const lag of this.#lags.values()) sum += lag;
    return sum;
  }

  start(): void {
    this.#after(lookEveryMs);
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#round;
  }

  /**
   * Packs and trims what is due now, a segment of each partition at a time. `start` does this again and again. Rejects with the
   * first failure, after everything that could be done.
   */
  async run(): Promise<void> {
    const failures = new Map<number, unknown>();
    const attempt = async <Result>(partition: number, act: () => Promise<Result>) => {
      if (failures.has(partition)) return undefined;
      try {
        return await act();
      } catch (error) {
        failures.set(partition, error);
        return undefined;
      }
    };
    let packed = 0;
    do {
      packed = 0;
      for (let partition = 0; partition < this.#parts.partitionCount && !this.#isStopped; partition++) {
        if ((await attempt(partition, () => this.#packNext(partition))) !== true) continue;
        packed++;
        if (!this.#parts.hasOneLog)
          await attempt(partition, () => this.#trim([partition], (alone) => this.#cut(alone)));
      }
      if (!this.#isStopped && this.#isTrimDue) {
        const all = Array.from({ length: this.#parts.partitionCount }, (_, partition) => partition);
        const cutOf = (partition: number) => attempt(partition, () => this.#cut(partition));
        if (await this.#trim(all, cutOf)) this.#isTrimDue = false;
      }
    } while (packed > 0 && !this.#isStopped);
    for (const [partition, cause] of failures)
      throw new Error(`partition ${partition}: ${messageOf(cause)}`, { cause });
  }

  #after(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#parts.clock.after(delayMs, () => {
      this.#round = this.run().then(
        () => this.#after(lookEveryMs),
        (error: unknown) => {
          this.#parts.report('warn', 'archive-failed', { message: messageOf(error) });
          this.#after(afterFailureMs);
        },
      );
    });
  }

  /** False when there is not enough for a segment, or the partition is held up. */
  async #packNext(partition: number): Promise<boolean> {
    const { tables, pack, segmentBytes, report } = this.#parts;
    const { position: to } = await tables.checkpoint(partition);
    const end = this.#end(partition);
    this.#lags.set(partition, Math.max(0, to - end));
    const segmentsDue = await this.#segmentsDue(partition, end, to);
    const share = this.#shareOfNext(partition, end);
    if (segmentsDue < share || !(await this.#follows(partition))) return false;
    await this.#assertSpace();
    const range = await pack({ partition, to, bytesMax: Math.ceil(segmentBytes * share) }, segmentsDue);
    if (range === undefined) return false;
    const { from, bytes } = range;
    this.#ends.set(partition, range.to);
    this.#isTrimDue ||= this.#packedSince.has(partition);
    this.#packedSince.add(partition);
    this.#lags.set(partition, Math.max(0, to - range.to));
    report('debug', 'segment-archived', { partition, from, to: range.to, bytes });
    return true;
  }

  /** By the size of the next few entries: it need only be about right, a segment ends where it is full. */
  async #segmentsDue(partition: number, end: number, to: number): Promise<number> {
    const pending = to - end;
    if (pending <= 0) return 0;
    const entries = await this.#parts.journal.read(partition, end + 1, sample);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
    const pendingBytes = (bytes / Math.max(1, entries.length)) * pending;
    return Math.max(pending / segmentEntriesMax, pendingBytes / this.#parts.segmentBytes);
  }

  /** P5. Of a segment, in size. */
  #shareOfNext(partition: number, end: number): number {
    return end > 0 ? 1 : (partition + 1) / this.#parts.partitionCount;
  }

  /** Of one log all partitions at once (P6). False when nothing of them may be trimmed. */
  async #trim(
    partitions: readonly number[],
    cutOf: (partition: number) => Promise<Cut | undefined>,
  ): Promise<boolean> {
    const cuts: Cut[] = [];
    for (const partition of partitions) {
      const cut = await cutOf(partition);
      if (cut !== undefined) cuts.push(cut);
    }
    if (cuts.length === 0) return false;
    await this.#parts.journal.trim(cuts, () => !this.#isStopped);
    for (const partition of partitions) this.#packedSince.delete(partition);
    return true;
  }

  /** Undefined when nothing of the partition may be trimmed. */
  async #cut(partition: number): Promise<Cut | undefined> {
    const end = this.#end(partition);
    if (end === 0 || this.#heldUp.has(partition)) return undefined;
    const { position } = await this.#parts.tables.checkpoint(partition);
    return (await this.#follows(partition)) ? { partition, below: Math.min(position, end + 1) } : undefined;
  }

  #end(partition: number): number {
    let end = this.#ends.get(partition);
    if (end === undefined) {
      end = this.#parts.archive.settledEnd(partition);
      this.#ends.set(partition, end);
    }
    return end;
  }

  async #follows(partition: number): Promise<boolean> {
    if (this.#heldUp.has(partition)) return false;
    const why = await whyNotFollowing(this.#parts.journal, this.#parts.archive, partition);
    if (why === undefined) return true;
    this.#heldUp.add(partition);
    const { directory } = this.#parts.archive;
    this.#parts.report('error', 'archive-not-of-this-log', { partition, directory, message: why });
    return false;
  }

  async #assertSpace(): Promise<void> {
    const { archive, segmentBytes } = this.#parts;
    archive.ground.makeFolder(archive.directory);
    const free = await archive.ground.freeBytes(archive.directory);
    if (free < freeBytesMin + segmentBytes)
      throw new Error(`${archive.directory}: ${free} bytes free are too few to archive into`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
