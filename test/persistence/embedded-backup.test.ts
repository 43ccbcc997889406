/** A copy of an embedded store: rules K2–K4 of `persistence/embedded/embedded-backup.ts`. */
import {
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Archive } from '../../persistence/archive/archive.js';
import { archiveSegment, whyNotFollowing } from '../../persistence/archive/archive-segment.js';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { copyStore, openStoreReader } from '../../persistence/open-store.js';
import type { Store } from '../../persistence/store.js';
import { verifyLog } from '../../persistence/verify.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

class Place {
  readonly data: string;
  readonly copy: string;
  readonly archive: Archive;

  constructor(t: Test, archiveName = 'data/archive') {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    this.data = path.join(directory, 'data');
    this.copy = path.join(directory, 'copy');
    this.archive = new Archive(path.join(directory, archiveName));
  }

  open(directory = this.data): Promise<Store> {
    return openEmbeddedStore({ directory, partitionCount: 1, clock: machineClock, freeBytesMin });
  }

  /** Appends so many entries, then does what is asked for, with the store open. */
  async append(count: number, then: (store: Store) => Promise<void> | void = () => {}): Promise<void> {
    const store = await this.open();
    const writer = await LogWriter.take(store, [0]);
    for (let index = 0; index < count; index++) await writer.append([0]);
    await then(store);
    await store.close();
  }

  /** Archives all that is in the log. */
  async pack({ journal }: Store): Promise<void> {
    const { position } = await journal.head(0);
    await archiveSegment(journal, this.archive, { partition: 0, to: position, bytesMax: 2 ** 30 });
  }

  copied(): Promise<void> {
    return copyStore(
      { url: `embedded:${this.data}`, archive: this.archive.directory },
      this.copy,
      machineClock,
    );
  }

  get copiedArchive(): Archive {
    return new Archive(path.join(this.copy, 'archive'));
  }

  /** With nothing but the copy to read. */
  async assertWhole(t: Test, { head, archived }: { head: number; archived: number }): Promise<void> {
    const reader = await openStoreReader(
      { url: `embedded:${this.copy}`, archive: this.copiedArchive.directory },
      machineClock,
    );
    t.equal((await reader.journal.head(0)).position, head);
    const damages: unknown[] = [];
    for await (const damage of verifyLog(reader.journal, 0, 1)) damages.push(damage);
    t.same(damages, []);
    t.equal(this.copiedArchive.end(0), archived);
    t.equal((await this.copiedArchive.read(0, 1, { entriesMax: 1, bytesMax: 1 })).length, 1);
    await reader.close();
  }
}

t.test('K2: a copy is no store until it is whole', async (t) => {
  const place = new Place(t);
  await place.append(3);
  const copying = place.copied();
  while (!existsSync(path.join(place.copy, 'log'))) await nextTurn();
  await t.rejects(place.open(place.copy), { code: 'store-incompatible', message: /not finished/ });
  await copying;
  await (await place.open(place.copy)).close();
});

t.test('K3: a server on a copy has the version that was copied, not the one flushed before it', async (t) => {
  const place = new Place(t);
  const log = path.join(place.data, 'log', 'data.mdb');
  let flushed: Buffer = Buffer.alloc(0);
  await place.append(5, async (store) => {
    flushed = noteOfFlushed(readFileSync(log));
    const writer = await LogWriter.take(store, [0], 'owner-02');
    for (let index = 0; index < 2; index++) await writer.append([0]);
  });
  // As the file stands while the flush of what was appended last is under way.
  const bytes = readFileSync(log);
  t.notOk(noteOfFlushed(bytes).equals(flushed));
  noteOfFlushed(bytes).set(flushed);
  writeFileSync(log, bytes);
  await place.copied();
  const store = await place.open(place.copy);
  t.equal((await store.journal.head(0)).position, 7);
  await store.close();
});

t.test('K4: an archive outside of the data directory is in the copy', async (t) => {
  const place = new Place(t, 'elsewhere');
  await place.append(5, (store) => place.pack(store));
  await place.append(2);
  await place.copied();
  renameSync(place.archive.directory, `${place.archive.directory}-gone`);
  await place.assertWhole(t, { head: 7, archived: 5 });
});

t.test('K4: an archive that is a link, and a folder in it that is one, are in the copy', async (t) => {
  const place = new Place(t);
  await place.append(5, (store) => place.pack(store));
  const { directory } = place.archive;
  const [elsewhere, folder] = [`${place.data}-archive`, `${place.data}-0000`];
  renameSync(path.join(directory, '0000'), folder);
  symlinkSync(folder, path.join(directory, '0000'));
  renameSync(directory, elsewhere);
  symlinkSync(elsewhere, directory);
  await place.copied();
  for (const original of [elsewhere, folder]) renameSync(original, `${original}-gone`);
  await place.assertWhole(t, { head: 5, archived: 5 });
});

t.test('K4: the archive of a copy ends where its log ends, or before', async (t) => {
  const place = new Place(t);
  await place.append(3, (store) => place.pack(store));
  await place.append(3);
  const before = `${place.data}-before`;
  cpSync(place.data, before, { recursive: true });
  await place.append(2, (store) => place.pack(store));
  const [, past] = place.archive.segments(0);
  writeFileSync((past?.file ?? '').replace('.journal', '.events'), 'a companion');
  // As when the segment is packed after the log was copied, before the archive is.
  renameSync(path.join(place.data, 'log'), path.join(place.data, 'log-of-later'));
  renameSync(path.join(before, 'log'), path.join(place.data, 'log'));
  await place.copied();
  t.same(readdirSync(path.join(place.copiedArchive.directory, '0000')).length, 1);
  await place.assertWhole(t, { head: 6, archived: 3 });
  const store = await place.open(place.copy);
  t.equal(await whyNotFollowing(store.journal, place.copiedArchive, 0), undefined);
  await store.close();
});

/** The second half of the first page, where LMDB notes the version that was flushed last. */
function noteOfFlushed(file: Buffer): Buffer {
  const pageBytes = file.readUInt32LE(pageSizeAt);
  return file.subarray(pageBytes / 2, pageBytes);
}

/** Behind the header of the page, and magic, version, address and map size of the description; the first database begins with it. */
const pageSizeAt = 24 + 4 + 4 + 8 + 8;

t.test('a small file that is a link is in the copy as a file', async (t) => {
  const place = new Place(t);
  await place.append(1);
  const secret = path.join(place.data, '..', 'mounted.key');
  writeFileSync(secret, 'a secret');
  symlinkSync(secret, path.join(place.data, 'signing.key'));
  await place.copied();
  const copied = path.join(place.copy, 'signing.key');
  t.equal(readFileSync(copied, 'utf8'), 'a secret');
  t.ok(lstatSync(copied).isFile());
});
