/**
 * Checks a log against itself: every entry readable, at its place, and holding the hash of the entry before it. Any changed bit
 * of any entry but the last breaks the chain; the last one is checked against the store's own head.
 */
import { EntryReader, hashEntry, noHash, sameHash } from './entry.js';
import type { EntryHash, Journal, ReadLimits, StoredEntry } from './journal.js';

/** What is wrong with the entry at `position`. `torn`: no entry at all; the others as their names say. */
export interface Damage {
  readonly partition: number;
  readonly position: number;
  readonly kind: 'torn' | 'misplaced' | 'chain' | 'head' | 'gap';
  readonly detail: string;
}

const limits: ReadLimits = { entriesMax: 256, bytesMax: 4 * 1024 * 1024 };

/**
 * Yields the damage of a partition's log from `from` on; nothing when it is sound. After a gap nothing more can be read. With
 * `from` above 1 the first entry's link is not checked, because what stands before it is not read.
 */
export async function* verifyLog(journal: Journal, partition: number, from: number): AsyncGenerator<Damage> {
  const head = await journal.head(partition);
  let position = from;
  let previousHash: EntryHash | undefined = from === 1 ? noHash : undefined;
  while (position <= head.position) {
    const entries = await readOrGap(journal, partition, position);
    if (entries.length === 0) {
      yield { partition, position, kind: 'gap', detail: `no entry, but the head is at ${head.position}` };
      return;
    }
    for (const entry of entries) {
      yield* damageOf(entry, partition, previousHash);
      previousHash = hashEntry(entry.bytes);
      if (entry.position === head.position && !sameHash(previousHash, head.hash)) {
        yield {
          partition,
          position: entry.position,
          kind: 'head',
          detail: 'the head was recorded with another hash',
        };
      }
    }
    position += entries.length;
  }
}

/** Nothing when the very next entry is missing; one entry at a time when a later one of the batch is. */
async function readOrGap(journal: Journal, partition: number, from: number): Promise<readonly StoredEntry[]> {
  for (const entriesMax of [limits.entriesMax, 1]) {
    try {
      return await journal.read(partition, from, { ...limits, entriesMax });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'journal-gap')) throw error;
    }
  }
  return [];
}

function* damageOf(
  entry: StoredEntry,
  partition: number,
  previousHash: EntryHash | undefined,
): Generator<Damage> {
  const { position, bytes } = entry;
  let reader: EntryReader;
  try {
    reader = new EntryReader(bytes);
  } catch (error) {
    yield {
      partition,
      position,
      kind: 'torn',
      detail: error instanceof Error ? error.message : String(error),
    };
    return;
  }
  if (reader.partition !== partition || reader.position !== position) {
    const detail = `it says partition ${reader.partition}, position ${reader.position}`;
    yield { partition, position, kind: 'misplaced', detail };
  }
  if (previousHash !== undefined && !sameHash(reader.previousHash, previousHash)) {
    yield {
      partition,
      position,
      kind: 'chain',
      detail: `the entry at ${position - 1} is not the one it was written after`,
    };
  }
}
