/**
 * Archives one segment of a partition: reads it from the log, writes its file, reads the file back. Runs where nothing else waits
 * for the thread.
 *
 * W1  A segment has its name only when it follows the one before it by hash, is flushed, and was read back whole. Only what stands
 *     under a name may be trimmed from the log.
 */
import { EntryReader, noHash, sameHash } from '../entry.js';
import type { EntryHash } from '../journal.js';
import { isGapOrDamage } from '../journal-gap.js';
import type { JournalReader } from '../store-reader.js';
import type { Archive } from './archive.js';
import { type FileRange, JournalFileDamaged } from './journal-file.js';
import { JournalFileReader } from './journal-file-reader.js';
import { JournalFileWriter, publish } from './journal-file-writer.js';
import { noRest, type Rest, restingReader } from './packing-pace.js';

/** Is shown every entry of a segment as it is packed. */
export type EntryWatcher = (entry: EntryReader) => void;

export interface SegmentOrder {
  readonly partition: number;
  /** The segment ends here, or sooner when it is full. Everything up to here is durable. */
  readonly to: number;
  /** Of entries, before compression. */
  readonly bytesMax: number;
}

const page = { entriesMax: 1_024, bytesMax: 1024 * 1024 };

/**
 * Writes the segment after the last one; undefined when there is nothing to archive. Throws `JournalFileDamaged` when the log does
 * not follow the archive, or the file is not what was written.
 */
export async function archiveSegment(
  journal: JournalReader,
  archive: Archive,
  order: SegmentOrder,
  rest: Rest = noRest,
  watch: EntryWatcher = () => {},
): Promise<FileRange | undefined> {
  const { partition } = order;
  const last = await archive.last(partition);
  const from = (last?.to ?? 0) + 1;
  if (from > order.to) return undefined;
  const part = archive.partFile(partition);
  const writer = new JournalFileWriter(part, { content: 'segment', partition }, archive.ground);
  try {
    await copyEntries(restingReader(journal, rest), writer, { ...order, from }, watch);
    const [range] = writer.finish();
    if (range === undefined) throw new JournalFileDamaged(`partition ${partition}: nothing at ${from}`);
    if (range.previousHash !== (last?.lastHash ?? hexOf(noHash))) throw doesNotFollow(partition, from);
    await readBack(archive, part, writer.contentChecksums, rest);
    publish(part, archive.fileFor(partition, range.from, range.to), archive.ground);
    return range;
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

/**
 * Whether a partition's log goes on where its archive ends; a store that was made anew, or put back, does not. The reason if not.
 * Rejects when the store cannot be asked: that says nothing of the log.
 */
export async function whyNotFollowing(
  journal: JournalReader,
  archive: Archive,
  partition: number,
): Promise<string | undefined> {
  const last = await archive.last(partition);
  if (last === undefined) return undefined;
  const head = await journal.head(partition);
  if (head.position < last.to)
    return `partition ${partition}: the archive reaches to ${last.to}, the log to ${head.position}`;
  const hash = head.position > last.to ? await previousHashOf(journal, partition, last.to + 1) : head.hash;
  const isSame = hash !== undefined && sameHash(hash, Buffer.from(last.lastHash, 'hex'));
  return isSame ? undefined : doesNotFollow(partition, last.to + 1).message;
}

/** The hash that an entry names as the one before it; undefined when no entry can be made of what stands there. */
async function previousHashOf(
  journal: JournalReader,
  partition: number,
  position: number,
): Promise<EntryHash | undefined> {
  try {
    const [entry] = await journal.read(partition, position, { entriesMax: 1, bytesMax: 1 });
    return entry === undefined ? undefined : new EntryReader(entry.bytes).previousHash;
  } catch (error) {
    if (isGapOrDamage(error)) return undefined;
    throw error;
  }
}

async function copyEntries(
  journal: Pick<JournalReader, 'read'>,
  writer: JournalFileWriter,
  { partition, from, to, bytesMax }: SegmentOrder & { readonly from: number },
  watch: EntryWatcher,
): Promise<void> {
  let position = from;
  while (position <= to && writer.byteCount < bytesMax) {
    const entries = await journal.read(partition, position, page);
    for (const entry of entries) {
      if (entry.position > to || writer.byteCount >= bytesMax) return;
      watch(writer.add(partition, entry));
    }
    if (entries.length === 0) return;
    position += entries.length;
  }
}

/** The file as it was flushed, against what was put in: whoever put it in saw that each entry follows the one before it. */
async function readBack(
  { ground }: Archive,
  file: string,
  contentChecksums: readonly number[],
  rest: Rest,
): Promise<void> {
  const reader = await JournalFileReader.open(file, ground);
  if (reader.blockCount !== contentChecksums.length) throw readsBackOtherwise(file);
  for (const [index, contentChecksum] of contentChecksums.entries()) {
    await rest();
    if ((await reader.contentChecksum(index)) !== contentChecksum) throw readsBackOtherwise(file);
  }
}

function readsBackOtherwise(file: string): JournalFileDamaged {
  return new JournalFileDamaged(`${file}: it reads back otherwise`);
}

function doesNotFollow(partition: number, position: number): JournalFileDamaged {
  return new JournalFileDamaged(
    `partition ${partition}: the entry at ${position} does not follow the archive; it is the archive of another store, or the store was put back`,
  );
}

function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}
