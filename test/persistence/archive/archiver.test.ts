/** The archiver and what it leaves: rules P1–P4 of `archiver.ts`, W1 of `archive-segment.ts`, R1 of `archive.ts`. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { OperatingError } from '../../../actors/model/errors.js';
import { SeededRandom } from '../../../ops/simulation/seeded-random.js';
import { SimulatedFiles } from '../../../ops/simulation/simulated-files.js';
import { Archive } from '../../../persistence/archive/archive.js';
import { machineGround } from '../../../persistence/archive/archive-ground.js';
import { archiveSegment } from '../../../persistence/archive/archive-segment.js';
import { archivedJournal } from '../../../persistence/archive/archived-journal.js';
import { Archiver, type ArchiverParts } from '../../../persistence/archive/archiver.js';
import { JournalFileReader } from '../../../persistence/archive/journal-file-reader.js';
import { JournalFileWriter, publish } from '../../../persistence/archive/journal-file-writer.js';
import { firstPosition } from '../../../persistence/first-position.js';
import type { Cut, Journal, StoredEntry } from '../../../persistence/journal.js';
import { MemoryDisk } from '../../../persistence/memory/memory-disk.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import { openStore, openStoreReader } from '../../../persistence/open-store.js';
import type { Store } from '../../../persistence/store.js';
import type { Checkpoint } from '../../../persistence/tables.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';

const all = { entriesMax: 1_000_000, bytesMax: 1_000_000_000 };
const segmentBytes = 64 * 1024;

class Place {
  readonly disk = new MemoryDisk(2);
  readonly store: Store = createMemoryStore({ partitionCount: 2, disk: this.disk });
  readonly archive: Archive;
  readonly reports: string[] = [];
  #writer: LogWriter | undefined;
  #checkpoint: Checkpoint | undefined;

  constructor(t: Test, directory = mkdtempSync(path.join(tmpdir(), 'troupe-archive-'))) {
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    this.archive = new Archive(directory);
  }

  get journal() {
    return archivedJournal(this.store.journal, this.archive);
  }

  async append(count: number): Promise<LogWriter> {
    this.#writer ??= await LogWriter.take(this.store, [0]);
    for (let index = 0; index < count; index++)
      await this.#writer.append([0], Buffer.alloc(1_000, `${index} `));
    return this.#writer;
  }

  /** Moves the checkpoint of the tables to the head. */
  async sweep(): Promise<void> {
    const writer = await this.append(0);
    const from = this.#checkpoint ?? (await this.store.tables.checkpoint(0));
    const to = { ...writer.head(0), epoch: writer.fence(0).epoch };
    const commit = { partition: 0, fence: writer.fence(0), from, to, puts: [], deletes: [] };
    const result = await this.store.tables.commit(commit);
    if (result.type !== 'committed') throw new Error(JSON.stringify(result));
    this.#checkpoint = to;
  }

  archiver(
    journal = this.journal,
    tables: ArchiverParts['tables'] = this.store.tables,
    hasOneLog = this.store.hasOneLog,
  ): Archiver {
    return new Archiver({
      journal,
      tables,
      partitionCount: 2,
      hasOneLog,
      archive: this.archive,
      segmentBytes,
      pack: (order) => archiveSegment(this.store.journal, this.archive, order),
      clock: machineClock,
      report: (_level, event) => this.reports.push(event),
    });
  }

  get files(): string[] {
    const folder = path.join(this.archive.directory, '0000');
    return existsSync(folder) ? readdirSync(folder) : [];
  }
}

async function everything(place: Place): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  const { position: head } = await place.journal.head(0);
  while (entries.length < head) {
    const some = await place.journal.read(0, entries.length + 1, all);
    if (some.length === 0) throw new Error(`nothing at ${entries.length + 1}`);
    entries.push(...some);
  }
  return entries;
}

t.test('what is packed is trimmed, and every reader finds it all the same', async (t) => {
  const place = new Place(t);
  await place.append(500);
  const before = await everything(place);
  await place.sweep();
  await place.archiver().run();
  const first = await firstPosition(place.store.journal, 0);
  const untrimmed = place.archive.end(0) + 1 - first;
  t.ok(first > 300, `the log begins at ${first} now`);
  t.ok(untrimmed >= 0 && untrimmed < 80, `${untrimmed}: the last segment waits for the next one`);
  t.same(await everything(place), before);
  for await (const damage of verifyLog(place.journal, 0, 1)) t.fail(JSON.stringify(damage));
  t.same(await place.journal.read(0, 100, { entriesMax: 2, bytesMax: 1 }), before.slice(99, 100));
  await place.append(10);
  t.equal((await everything(place)).length, 510, 'and the log goes on');
});

t.test('nothing past the checkpoint of the tables is packed, and less than a segment is not', async (t) => {
  const place = new Place(t);
  await place.append(20);
  await place.sweep();
  const archiver = place.archiver();
  await archiver.run();
  t.same(place.files, [], '20 KB are no segment');
  t.equal(archiver.lagEntries, 20);
  await place.append(500);
  await archiver.run();
  t.same(place.files, [], 'the checkpoint stands at 20');
  t.equal(await firstPosition(place.store.journal, 0), 1);
  await place.sweep();
  await archiver.run();
  t.ok(place.archive.end(0) > 400);
  t.equal(archiver.lagEntries, 520 - place.archive.end(0));
  t.ok(place.files.length >= 7, 'segments are full and no more');
});

t.test('P5: the first segments of the partitions differ in size, the later ones do not', async (t) => {
  const place = new Place(t);
  await place.append(230);
  await place.sweep();
  await place.archiver().run();
  const bytes = await Promise.all(
    place.archive
      .segments(0)
      .map(async ({ file }) => (await JournalFileReader.open(file)).range(0)?.bytes ?? 0),
  );
  const [first = 0, second = 0, third = 0] = bytes;
  t.ok(
    first >= segmentBytes / 2 && first < segmentBytes * 0.6,
    `${first}: half a segment, of two partitions`,
  );
  for (const later of [second, third]) t.ok(later >= segmentBytes && later < segmentBytes * 1.1, `${later}`);
});

t.test('who packs is told how much the log holds, in segments', async (t) => {
  const place = new Place(t);
  await place.append(230);
  await place.sweep();
  const due: number[] = [];
  const archiver = new Archiver({
    ...{ journal: place.journal, tables: place.store.tables, partitionCount: 2, archive: place.archive },
    segmentBytes,
    hasOneLog: true,
    pack: (order, segmentsDue) => {
      due.push(Math.floor(segmentsDue));
      return archiveSegment(place.store.journal, place.archive, order);
    },
    clock: machineClock,
    report: () => undefined,
  });
  await archiver.run();
  t.same(due, [3, 3, 2, 1], 'some 230 KB in segments of 64 KB, the first of them half as large');
});

t.test(
  'a crash between packing and trimming is made up for, and one while packing leaves nothing',
  async (t) => {
    const place = new Place(t);
    await place.append(200);
    await place.sweep();
    await archiveSegment(place.store.journal, place.archive, {
      partition: 0,
      to: 200,
      bytesMax: segmentBytes,
    });
    const end = place.archive.end(0);
    t.equal(await firstPosition(place.store.journal, 0), 1);
    const part = place.archive.partFile(0);
    const left = part.replace(machineGround.writer, 'gone');
    for (const file of [part, left]) writeFileSync(file, 'half a segment');
    await place.archiver().run();
    t.notOk(existsSync(left), 'what another writer has left there is gone');
    t.ok(place.archive.end(0) > end);
    t.ok((await firstPosition(place.store.journal, 0)) > end, 'what was packed before is trimmed');
    t.equal((await everything(place)).length, 200);
  },
);

t.test('a partition that cannot be packed holds up itself alone', async (t) => {
  const place = new Place(t);
  const tables = { checkpoint: async () => ({ position: 300, hash: new Uint8Array(16), epoch: 1 }) };
  const writer = await LogWriter.take(place.store, [0, 1]);
  for (let count = 0; count < 300; count++) await writer.append([0, 1], Buffer.alloc(1_000, `${count} `));
  place.disk.dropEntry(0, 1);
  const archiver = place.archiver(place.journal, tables);
  await t.rejects(archiver.run(), { message: /^partition 0: / });
  t.equal(place.archive.end(0), 0);
  t.ok(place.archive.end(1) > 200);
  t.ok((await firstPosition(place.store.journal, 1)) > 100, 'and the other one is trimmed');
});

t.test('a partition that cannot be asked holds up no trim of another', async (t) => {
  const place = new Place(t);
  const tables = {
    checkpoint: async (partition: number) => {
      if (partition === 0) throw new Error('no answer');
      return { position: 300, hash: new Uint8Array(16), epoch: 1 };
    },
  };
  const writer = await LogWriter.take(place.store, [0, 1]);
  for (let count = 0; count < 300; count++) await writer.append([0, 1], Buffer.alloc(1_000, `${count} `));
  await t.rejects(place.archiver(place.journal, tables).run(), { message: 'partition 0: no answer' });
  t.ok((await firstPosition(place.store.journal, 1)) > 100);
});

/** What two partitions that grow alike are trimmed of, cut by cut, while an archiver looks after them. */
async function trimsOf(place: Place, hasOneLog: boolean) {
  const tables = { checkpoint: async () => ({ position, hash: new Uint8Array(16), epoch: 1 }) };
  let position = 0;
  const trims: (readonly Cut[])[] = [];
  const journal: Journal = {
    ...place.journal,
    trim: async (cuts) => {
      trims.push(cuts);
    },
  };
  const writer = await LogWriter.take(place.store, [0, 1]);
  const archiver = place.archiver(journal, tables, hasOneLog);
  for (; position < 400; position += 10) {
    for (let count = 0; count < 10; count++) await writer.append([0, 1], Buffer.alloc(1_000));
    await archiver.run();
  }
  const packed = place.archive.segments(0).length + place.archive.segments(1).length;
  return { trims, packed };
}

t.test('P6: a log of its own is trimmed to its archive as soon as a segment is packed', async (t) => {
  const place = new Place(t);
  const { trims, packed } = await trimsOf(place, false);
  t.ok(packed >= 10, `${packed} segments`);
  t.equal(trims.length, packed + 1, 'and once at first for what there is');
  for (const cuts of trims) t.equal(cuts.length, 1);
  for (const partition of [0, 1]) {
    const last = trims.flat().findLast((cut) => cut.partition === partition);
    t.equal(last?.below, place.archive.end(partition) + 1);
  }
});

t.test('P6: partitions in one log are trimmed together, as soon as one has packed again', async (t) => {
  const { trims: cuts, packed } = await trimsOf(new Place(t), true);
  const trims = cuts.map(({ length }) => length);
  t.ok(packed >= 10, `${packed} segments`);
  t.equal(trims[0], 1, 'at first what there is');
  for (const cuts of trims.slice(1)) t.equal(cuts, 2);
  t.ok(trims.length >= 4 && trims.length <= packed / 2 + 1, `${trims.length} trims`);
});

t.test('a damaged or missing segment is never served, and verifying names the place', async (t) => {
  const place = new Place(t);
  await place.append(300);
  await place.sweep();
  await place.archiver().run();
  const [segment] = place.archive.segments(0);
  const { file, to } = segment ?? { file: '', to: 0 };
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(600) ^ 4, 600);
  writeFileSync(file, bytes);
  const fresh = archivedJournal(place.store.journal, new Archive(place.archive.directory));
  await t.rejects(fresh.read(0, 1, all), { code: 'journal-damaged' });
  const damages: unknown[] = [];
  for await (const damage of verifyLog(fresh, 0, 1)) damages.push(damage);
  t.match(damages, [{ partition: 0, position: 1, kind: 'unreadable' }]);
  t.ok((await fresh.read(0, to + 1, all)).length > 0, 'the next segment is read');
  renameSync(file, `${file}.moved`);
  const missing = archivedJournal(place.store.journal, new Archive(place.archive.directory));
  await t.rejects(missing.read(0, 1, all), { code: 'journal-gap' });
});

t.test('who was paused in the middle of a segment and succeeded does no harm when it wakes', async (t) => {
  const place = new Place(t);
  await place.append(200);
  await place.sweep();
  const ground = { ...machineGround, writer: 'paused' };
  const paused = new Archive(place.archive.directory, ground);
  const part = paused.partFile(0);
  const writer = new JournalFileWriter(part, {}, ground);
  await place.archiver().run();
  writer.finish();
  t.throws(() => publish(part, paused.fileFor(0, 1, 200), ground), { code: 'ENOENT' });
  t.equal((await everything(place)).length, 200);
});

t.test('a folder that was made and not flushed is flushed by whoever writes into it next', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const files = new SimulatedFiles(new SeededRandom(seed));
    const hold = { onEnd: () => undefined, freeBytes: () => 0 };
    const ends = (step: string) => (step === 'flush a folder' ? ('end of the process' as const) : undefined);
    const first = new Archive('/data/archive', files.groundOf({ ...hold, fault: ends }));
    t.throws(() => first.partFile(0));
    const ground = files.groundOf({ ...hold, fault: () => undefined });
    const archive = new Archive('/data/archive', ground);
    const part = archive.partFile(0);
    new JournalFileWriter(part, {}, ground).finish();
    publish(part, archive.fileFor(0, 1, 1), ground);
    files.losePower();
    t.equal(archive.end(0), 1, 'the segment is there after a power loss');
  }
});

t.test('a name that was given and not flushed is flushed before anybody relies on it', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const files = new SimulatedFiles(new SeededRandom(seed));
    const hold = { onEnd: () => undefined, freeBytes: () => 0 };
    let isNamed = false;
    const first = files.groundOf({
      ...hold,
      fault: (step) => {
        isNamed ||= step === 'rename';
        return isNamed && step === 'flush a folder' ? 'end of the process' : undefined;
      },
    });
    const archive = new Archive('/data/archive', first);
    const part = archive.partFile(0);
    new JournalFileWriter(part, {}, first).finish();
    t.throws(() => publish(part, archive.fileFor(0, 1, 1), first));
    const next = new Archive('/data/archive', files.groundOf({ ...hold, fault: () => undefined }));
    t.equal(next.settledEnd(0), 1);
    files.losePower();
    t.equal(next.end(0), 1, 'what was relied on is there after a power loss');
  }
});

t.test('a store that does not answer holds nothing up', async (t) => {
  const place = new Place(t);
  await place.append(200);
  await place.sweep();
  let isDown = false;
  const { journal } = place;
  const archiver = place.archiver({
    ...journal,
    read: (partition, from, limits) =>
      isDown
        ? Promise.reject(new OperatingError('storage-unavailable', 'no answer'))
        : journal.read(partition, from, limits),
  });
  await archiver.run();
  await place.append(200);
  await place.sweep();
  isDown = true;
  await t.rejects(archiver.run(), { cause: { code: 'storage-unavailable' } });
  isDown = false;
  await archiver.run();
  t.equal(await firstPosition(place.store.journal, 0), place.archive.end(0) + 1);
  t.ok(place.archive.end(0) > 300, 'it goes on as soon as the store answers');
  t.same(
    place.reports.filter((event) => event !== 'segment-archived'),
    [],
  );
});

t.test(
  'the archive of another store, or of one that was put back, holds packing and trimming up',
  async (t) => {
    const first = new Place(t);
    await first.append(300);
    await first.sweep();
    await first.archiver().run();
    const files = first.files.length;
    const other = new Place(t, first.archive.directory);
    for (const count of [100, 500]) {
      await other.append(count);
      await other.sweep();
      await other.archiver().run();
      t.equal(await firstPosition(other.store.journal, 0), 1, `${count} entries: nothing is trimmed`);
      t.equal(first.files.length, files, 'nothing is added');
      t.same(other.reports.splice(0), ['archive-not-of-this-log']);
    }
  },
);

redisSuite('archive of a store in Redis', (server) => {
  void t.test(
    'what is packed leaves the memory of Redis, and every reader finds it all the same',
    async (t) => {
      const { url, freshPrefix, clear } = await server();
      const prefix = freshPrefix();
      const directory = mkdtempSync(path.join(tmpdir(), 'troupe-archive-'));
      t.teardown(async () => {
        rmSync(directory, { recursive: true, force: true });
        await clear(prefix);
      });
      const options = { partitionCount: 2, clock: machineClock, redis: { prefix } };
      const store = await openStore(url, { ...options, archive: directory });
      const writer = await LogWriter.take(store, [0]);
      for (let index = 0; index < 300; index++) await writer.append([0], Buffer.alloc(1_000, `${index} `));
      const before = await store.journal.read(0, 1, all);
      t.equal(before.length, 300);
      const to = { ...writer.head(0), epoch: writer.fence(0).epoch };
      const from = await store.tables.checkpoint(0);
      await store.tables.commit({ partition: 0, fence: writer.fence(0), from, to, puts: [], deletes: [] });
      const log = await openStoreReader({ url, redis: { prefix } }, machineClock);
      const archive = new Archive(directory);
      const archiver = new Archiver({
        ...{ journal: store.journal, tables: store.tables, partitionCount: 2, archive, segmentBytes },
        hasOneLog: store.hasOneLog,
        pack: (order) => archiveSegment(log.journal, archive, order),
        clock: machineClock,
        report: (_level, event) => t.not(event, 'archive-not-of-this-log'),
      });
      await archiver.run();
      t.equal(await firstPosition(log.journal, 0), archive.end(0) + 1);
      t.ok(archive.end(0) > 200);
      const after: StoredEntry[] = [];
      while (after.length < 300) after.push(...(await store.journal.read(0, after.length + 1, all)));
      t.same(after, before);
      await log.close();
      await store.close();
    },
  );
});
