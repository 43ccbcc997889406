/**
 * Checks a log against itself: every entry readable, at its place, and holding the hash of the entry before it. Any changed bit
 * of any entry but the last breaks the chain; the last one is checked against the store's own head.
 *
 * A long log is checked in ranges, by several threads at once; `joinDamage` checks the link between two neighbours.
 */
import { EntryReader, hashEntry, noHash, sameHash } from './entry.js';
import type { EntryHash, Head, ReadLimits, StoredEntry } from './journal.js';
import { isGap } from './journal-gap.js';
import type { JournalReader } from './store-reader.js';

/**
 * What is wrong with the entry at `position`. `torn`: no entry at all, or not as it was written; `unreadable`: the store itself cannot read it; the others
 * as their names say.
 */
export interface Damage {
  readonly partition: number;
  readonly position: number;
  readonly kind: 'torn' | 'misplaced' | 'chain' | 'head' | 'gap' | 'unreadable';
  readonly detail: string;
}

/** What was found in the positions `from` to `to` of a partition. Plain data: it crosses threads. */
export interface RangeFindings {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly entryCount: number;
  readonly byteCount: number;
  /** The hash that the first entry names as the one before it; undefined when there is no first entry to ask. */
  readonly previousHash: EntryHash | undefined;
  /** Hash of the entry at `to`; undefined when it was not reached. */
  readonly lastHash: EntryHash | undefined;
  readonly firstEpoch: number;
  /** Highest epoch, which in a sound log is that of the last entry. */
  readonly epoch: number;
  readonly damages: readonly Damage[];
}

const limits: ReadLimits = { entriesMax: 256, bytesMax: 4 * 1024 * 1024 };

/**
 * Yields the damage of a partition's log from `from` on; nothing when it is sound. After a gap nothing more can be read. With
 * `from` above 1 the first entry's link is not checked, because what stands before it is not read.
 */
export async function* verifyLog(
  journal: JournalReader,
  partition: number,
  from: number,
): AsyncGenerator<Damage> {
  const head = await journal.head(partition);
  if (from > head.position) return;
  const findings = await verifyRange(journal, partition, { from, to: head.position });
  if (from === 1) yield* startDamage(findings);
  yield* findings.damages;
  yield* headDamage(findings, head);
}

/** Reads the range to its end, or to the first position where nothing can be read. */
export async function verifyRange(
  journal: Pick<JournalReader, 'read'>,
  partition: number,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<RangeFindings> {
  const damages: Damage[] = [];
  let previousHash: EntryHash | undefined;
  let lastHash: EntryHash | undefined;
  let firstEpoch = 0;
  let epoch = 0;
  let byteCount = 0;
  let position = from;
  while (position <= to) {
    const entries = await readSome(journal, partition, position, damages);
    if (entries === undefined) break;
    for (const entry of entries.slice(0, to - position + 1)) {
      const reader = readerOf(entry, partition, damages);
      if (reader !== undefined) {
        if (entry.position === from) {
          previousHash = Uint8Array.from(reader.previousHash);
          firstEpoch = reader.epoch;
        }
        if (lastHash !== undefined && !sameHash(reader.previousHash, lastHash))
          damages.push(brokenLink(partition, entry.position));
        if (reader.epoch < epoch) damages.push(epochFell(partition, entry.position));
        epoch = Math.max(epoch, reader.epoch);
      }
      lastHash = hashEntry(entry.bytes);
      byteCount += entry.bytes.length;
    }
    position = Math.min(to + 1, position + entries.length);
  }
  const isWhole = position > to;
  return {
    ...{ partition, from, to, entryCount: position - from, byteCount, firstEpoch, epoch, damages },
    ...{ previousHash, lastHash: isWhole ? lastHash : undefined },
  };
}

/** The first position has nothing before it. */
export function startDamage({ partition, from, previousHash }: RangeFindings): Damage[] {
  if (previousHash === undefined || sameHash(previousHash, noHash)) return [];
  return [brokenLink(partition, from)];
}

/** The link between two neighbouring ranges. */
export function joinDamage(left: RangeFindings, right: RangeFindings): Damage[] {
  if (left.lastHash === undefined || right.previousHash === undefined) return [];
  if (right.firstEpoch < left.epoch) return [epochFell(right.partition, right.from)];
  return sameHash(left.lastHash, right.previousHash) ? [] : [brokenLink(right.partition, right.from)];
}

/** The end of the last range against the head that the store keeps beside the log. */
export function headDamage({ partition, to, lastHash }: RangeFindings, head: Head): Damage[] {
  if (lastHash === undefined || to !== head.position || sameHash(lastHash, head.hash)) return [];
  const detail = 'the head was recorded with another hash';
  return [{ partition, position: to, kind: 'head', detail }];
}

/** Some entries from `from` on; undefined, and the damage noted, when there are none. One entry at a time before a gap. */
async function readSome(
  journal: Pick<JournalReader, 'read'>,
  partition: number,
  from: number,
  damages: Damage[],
): Promise<readonly StoredEntry[] | undefined> {
  let damage: Damage = { partition, position: from, kind: 'gap', detail: 'no entry here, but later ones' };
  for (const entriesMax of [limits.entriesMax, 1]) {
    try {
      const entries = await journal.read(partition, from, { ...limits, entriesMax });
      if (entries.length > 0) return entries;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (!isGap(error)) damage = { ...damage, kind: 'unreadable', detail };
    }
  }
  damages.push(damage);
  return undefined;
}

function readerOf(entry: StoredEntry, partition: number, damages: Damage[]): EntryReader | undefined {
  const { position, bytes } = entry;
  let reader: EntryReader;
  try {
    reader = new EntryReader(bytes);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    damages.push({ partition, position, kind: 'torn', detail });
    return undefined;
  }
  if (reader.partition !== partition || reader.position !== position) {
    const detail = `it says partition ${reader.partition}, position ${reader.position}`;
    damages.push({ partition, position, kind: 'misplaced', detail });
  }
  return reader;
}

function brokenLink(partition: number, position: number): Damage {
  const detail = position === 1 ? 'it names an entry before the first' : beforeText(position);
  return { partition, position, kind: 'chain', detail };
}

function beforeText(position: number): string {
  return `the entry at ${position - 1} is not the one it was written after`;
}

function epochFell(partition: number, position: number): Damage {
  return { partition, position, kind: 'chain', detail: 'its epoch is lower than that of the entry before' };
}
