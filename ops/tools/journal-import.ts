/**
 * `troupe journal import`: makes a store of an exported journal, on either kind of store and with any number of partitions.
 *
 *     check the whole file ─▸ mark the empty store as unfinished ─▸ append ─▸ put the catalogue in place of the mark
 *
 * M1  Into the same number of partitions every entry goes as it is: positions, hashes, event ids and channels stay.
 * M2  Into another number, see `repartitioner.ts`.
 * M3  Only into an empty store, and one that was not finished refuses to serve: nothing is ever half there.
 * M4  Epochs go on above those of the file, so that they never fall along a log.
 */
import { randomBytes } from 'node:crypto';
import type { FileRange } from '../../persistence/archive/journal-file.js';
import { JournalFileReader } from '../../persistence/archive/journal-file-reader.js';
import { EntryReader, hashEntry } from '../../persistence/entry.js';
import type { EntryAppend, Fence, GroupAppend, StoredEntry } from '../../persistence/journal.js';
import type { Store } from '../../persistence/store.js';
import { startDamage, verifyRange } from '../../persistence/verify.js';
import type { Place } from '../../runtime/partition.js';
import { SchemaCatalogue, unfinishedImport } from '../../runtime/schema-catalogue.js';
import { Repartitioner } from '../../runtime/transfer/repartitioner.js';
import type { ExportHeader } from './journal-export.js';
import { countText, type Progress } from './output.js';

/** An export that was read once, and is sound. */
export interface CheckedExport {
  readonly reader: JournalFileReader;
  readonly header: ExportHeader;
  /** By old partition; undefined where it is empty. */
  readonly ranges: readonly (FileRange | undefined)[];
  readonly entryCount: number;
  /** Per old receiver: how far it had consumed each source. */
  readonly consumed: readonly ReadonlyMap<number, Place>[];
}

export interface ImportFacts {
  readonly partitions: number;
  /** Entries of the file, and entries made of them. */
  readonly entries: number;
  readonly appended: number;
  /** Messages that were under way and are sent once more; 0 where positions stay. */
  readonly messages: number;
}

const page = { entriesMax: 256, bytesMax: 1024 * 1024 };
/** Of a group with entries of several partitions, as the runtime bounds its own. */
const groupBytesMax = 1024 * 1024;
const bytesInFlightMax = 8 * 1024 * 1024;
const groupsInFlightMax = 64;

/** Reads the whole file. Throws `journal-damaged` on one that is not sound, or no export. */
export async function checkExport(file: string, progress: Progress): Promise<CheckedExport> {
  const reader = await JournalFileReader.open(file);
  const header = reader.header as ExportHeader;
  if (header.content !== 'export') throw new RangeError(`${file} is no export of a journal`);
  const ranges = Array.from({ length: header.partitions }, (_, partition) => reader.range(partition));
  const entryCount = ranges.reduce((sum, range) => sum + (range?.to ?? 0), 0);
  const consumed: Map<number, Place>[] = ranges.map(() => new Map());
  let checked = 0;
  for (const range of ranges) {
    if (range === undefined) continue;
    const { partition } = range;
    const found = await verifyRange(reader, partition, { from: 1, to: range.to });
    const [damage] = [...startDamage(found), ...found.damages];
    if (damage !== undefined)
      throw new RangeError(`${file}: partition ${partition}, position ${damage.position}: ${damage.detail}`);
    for await (const { bytes } of entriesOf(reader, range)) {
      for (const { source, position, ordinal } of new EntryReader(bytes).watermarks())
        consumed[partition]?.set(source, { position, ordinal });
      checked++;
      progress.show(() => `import: checked ${countText(checked)} of ${countText(entryCount)} entries`);
    }
  }
  return { reader, header, ranges, entryCount, consumed };
}

/** Fills the empty store. Throws `RangeError` when it is not empty. */
export async function importJournal(
  store: Store,
  checked: CheckedExport,
  progress: Progress,
): Promise<ImportFacts> {
  await assertEmpty(store);
  const mark = Buffer.from(JSON.stringify(unfinishedImport));
  if (!(await store.replaceManifest(undefined, mark))) throw notEmpty(store);
  const isSame = store.partitionCount === checked.header.partitions;
  const pipeline = new AppendPipeline(store, (appended) =>
    progress.show(() => `import: ${countText(appended)} entries appended`),
  );
  const fences = await takeAll(store, isSame ? checked.ranges : []);
  let messages = 0;
  if (isSame) await copyAll(checked, fences, pipeline);
  else messages = await convertAll(checked, fences, pipeline);
  const appended = await pipeline.settled();
  const { catalogue } = checked.header;
  const manifest = Buffer.from(catalogue ?? JSON.stringify({ schemas: [] }));
  if (!(await store.replaceManifest(mark, manifest))) throw new Error('another process changed the store');
  progress.end();
  return { partitions: store.partitionCount, entries: checked.entryCount, appended, messages };
}

async function assertEmpty(store: Store): Promise<void> {
  if ((await store.readManifest()) !== undefined) throw notEmpty(store);
  for (let partition = 0; partition < store.partitionCount; partition++) {
    if ((await store.journal.head(partition)).position > 0) throw notEmpty(store);
  }
}

function notEmpty({ description }: Store): RangeError {
  return new RangeError(`${description} is not empty; an import needs a store of its own`);
}

/** Takes every partition, as often as it needs to come to the epoch of its newest entry (M4). */
async function takeAll(store: Store, ranges: readonly (FileRange | undefined)[]): Promise<Fence[]> {
  const nonce = randomBytes(12).toString('base64url');
  const fences: Fence[] = [];
  for (let partition = 0; partition < store.partitionCount; partition++) {
    let { fence } = await store.ownership.take(partition, nonce);
    while (fence.epoch < (ranges[partition]?.epoch ?? 0))
      ({ fence } = await store.ownership.take(partition, nonce));
    fences.push(fence);
  }
  return fences;
}

/** M1: groups with the next entries of all partitions, which need not be the old groups: every reader sees whole logs first. */
async function copyAll(
  { reader, ranges }: CheckedExport,
  fences: readonly Fence[],
  pipeline: AppendPipeline,
): Promise<void> {
  const logs = ranges.flatMap((range) => (range === undefined ? [] : [entriesOf(reader, range)]));
  const partitions = ranges.flatMap((range) => (range === undefined ? [] : [range.partition]));
  const ended = new Set<number>();
  while (ended.size < logs.length) {
    let entries: EntryAppend[] = [];
    let bytes = 0;
    for (const [index, log] of logs.entries()) {
      if (ended.has(index)) continue;
      const next = await log.next();
      if (next.done === true) {
        ended.add(index);
        continue;
      }
      entries.push(toAppend(partitions[index] as number, next.value, fences));
      bytes += next.value.bytes.length;
      if (bytes < groupBytesMax) continue;
      await pipeline.append({ entries, after: [] });
      entries = [];
      bytes = 0;
    }
    if (entries.length > 0) await pipeline.append({ entries, after: [] });
  }
}

function toAppend(
  partition: number,
  { position, bytes }: StoredEntry,
  fences: readonly Fence[],
): EntryAppend {
  const { previousHash } = new EntryReader(bytes);
  return {
    ...{ partition, position, bytes, previousHash },
    fence: fences[partition] as Fence,
    hash: hashEntry(bytes),
  };
}

/** M2. Resolves to the number of messages that are sent once more. */
async function convertAll(
  checked: CheckedExport,
  fences: readonly Fence[],
  pipeline: AppendPipeline,
): Promise<number> {
  const { reader, header, ranges, consumed } = checked;
  const repartitioner = new Repartitioner({
    catalogue: SchemaCatalogue.parse(header.catalogue === null ? undefined : Buffer.from(header.catalogue)),
    oldHeads: ranges.map((range) => range?.to ?? 0),
    consumed,
    fences,
  });
  const logs = ranges.flatMap((range) => (range === undefined ? [] : [entriesOf(reader, range)]));
  for await (const entry of mergedByTime(logs)) await pipeline.append(repartitioner.convert(entry));
  for (const group of repartitioner.ending()) await pipeline.append(group);
  return repartitioner.underWayCount;
}

async function* entriesOf(
  reader: JournalFileReader,
  { partition, to }: FileRange,
): AsyncGenerator<StoredEntry> {
  for (let position = 1; position <= to; ) {
    const entries = await reader.read(partition, position, page);
    yield* entries;
    position += entries.length;
  }
}

/** The earliest of the logs' next entries, again and again; those of one log stay in their order. */
async function* mergedByTime(logs: readonly AsyncGenerator<StoredEntry>[]): AsyncGenerator<EntryReader> {
  const next: (EntryReader | undefined)[] = [];
  for (const log of logs) next.push(await nextOf(log));
  for (;;) {
    let earliest = -1;
    for (const [index, entry] of next.entries()) {
      const isEarlier =
        entry !== undefined && entry.time < (next[earliest]?.time ?? Number.POSITIVE_INFINITY);
      if (isEarlier) earliest = index;
    }
    const entry = next[earliest];
    if (entry === undefined) return;
    yield entry;
    next[earliest] = await nextOf(logs[earliest] as AsyncGenerator<StoredEntry>);
  }
}

async function nextOf(log: AsyncGenerator<StoredEntry>): Promise<EntryReader | undefined> {
  const { value, done } = await log.next();
  return done === true ? undefined : new EntryReader(value.bytes);
}

/** Sends groups one behind the other without waiting for each, within bounds; the first that is not taken ends the import. */
class AppendPipeline {
  readonly #store: Store;
  readonly #onProgress: (appended: number) => void;
  readonly #underWay: { readonly done: Promise<void>; readonly bytes: number }[] = [];
  #bytes = 0;
  #appended = 0;

  constructor(store: Store, onProgress: (appended: number) => void) {
    this.#store = store;
    this.#onProgress = onProgress;
  }

  async append(group: GroupAppend): Promise<void> {
    if (group.entries.length === 0) return;
    const bytes = group.entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
    while (this.#underWay.length >= groupsInFlightMax || this.#bytes > bytesInFlightMax) await this.#oldest();
    const done = this.#store.journal.append(group).then((result) => {
      if (result.type === 'appended') return;
      const reason = result.type === 'refused' ? result.detail : String(result.cause);
      throw new Error(`the store did not take an entry: ${reason}`);
    });
    // Awaited in its turn; until then a failure must not count as unhandled.
    done.catch(() => undefined);
    this.#underWay.push({ done, bytes });
    this.#bytes += bytes;
    this.#appended += group.entries.length;
    this.#onProgress(this.#appended);
  }

  /** Resolves to the number of entries when all of them are durable. */
  async settled(): Promise<number> {
    while (this.#underWay.length > 0) await this.#oldest();
    return this.#appended;
  }

  async #oldest(): Promise<void> {
    const oldest = this.#underWay.shift();
    if (oldest === undefined) return;
    await oldest.done;
    this.#bytes -= oldest.bytes;
  }
}
