/** Write-ahead files: what their bytes say, and that everything in them gets into LMDB once, or not at all where it was refused. */
import { spawn } from 'node:child_process';
import fs, { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { aheadFilesIn, readAheadFiles } from '../../persistence/embedded/ahead-file.js';
import {
  type AheadRecord,
  decodeAheadRecords,
  encodeAheadRecord,
} from '../../persistence/embedded/ahead-record.js';
import { flushDeadlineMs } from '../../persistence/embedded/condition-block.js';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { LogEnvironment } from '../../persistence/embedded/log-environment.js';
import { copyStore, openStoreReader } from '../../persistence/open-store.js';
import type { StoreClock } from '../../persistence/store-clock.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import { verifyLog } from '../../persistence/verify.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const partitionCount = 4;
const writer = fileURLToPath(new URL('./crash-writer.js', import.meta.url));

t.test('what is written is read: entries, conditions, an entry without bytes', async (t) => {
  const written = [
    record({ sequence: 2 ** 52 + 1, sizes: [0, 1, 5_000] }),
    record({ sequence: 1, sizes: [3], more: [{ key: 65_534, version: 2 ** 52 }] }),
    record({ sequence: 7, sizes: [0] }),
  ];
  const content = decodeAheadRecords(fileOf(5, written));
  t.equal(content.firstNumber, 5);
  t.same(content.records, written);
});

t.test('whoever keeps the hash of an entry does not keep the file', async (t) => {
  const file = Buffer.concat([fileOf(1, [record({ sequence: 1, sizes: [9] })]), Buffer.alloc(2 ** 20)]);
  const [entry] = decodeAheadRecords(file).records[0]?.entries ?? [];
  t.not(entry?.hash.buffer, file.buffer);
});

t.test('a file without a record is empty, and is read no further', async (t) => {
  t.same(decodeAheadRecords(Buffer.alloc(4096)), { firstNumber: 0, records: [], end: 0, isCut: false });
});

t.test(
  'zeros behind the last record end the file; bytes that end sooner than a record may go on',
  async (t) => {
    const bytes = fileOf(1, [record({ sequence: 1, sizes: [10] })]);
    for (const [zeros, isCut] of [
      [0, true],
      [35, true],
      [36, false],
      [4096, false],
    ] as const) {
      const content = decodeAheadRecords(Buffer.concat([bytes, Buffer.alloc(zeros)]));
      t.equal(content.records.length, 1);
      t.equal(content.isCut, isCut, `${zeros} zeros`);
    }
  },
);

t.test('a record that is cut short at any byte is not read, and there may be more', async (t) => {
  const records = [1, 2, 3].map((sequence) => record({ sequence, sizes: [40, 0, 9] }));
  const bytes = fileOf(1, records);
  const length = bytes.length / records.length;
  const wrong: number[] = [];
  for (let end = 0; end <= bytes.length; end++) {
    const content = decodeAheadRecords(bytes.subarray(0, end));
    if (content.records.length !== Math.floor(end / length) || !content.isCut) wrong.push(end);
  }
  t.same(wrong, []);
});

t.test('a bit that has changed ends the file at its record', async (t) => {
  const records = [1, 2, 3].map((sequence) => record({ sequence, sizes: [40, 9] }));
  const bytes = fileOf(1, records);
  const length = bytes.length / records.length;
  const wrong: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const byte = Math.floor(bit / 8);
    bytes[byte]! ^= 1 << (bit % 8);
    if (decodeAheadRecords(bytes).records.length !== Math.floor(byte / length)) wrong.push(bit);
    bytes[byte]! ^= 1 << (bit % 8);
  }
  t.same(wrong, []);
});

t.test('A1: records of an earlier round behind the newest are not read', async (t) => {
  const old = [1, 2, 3, 4, 5].map((sequence) => record({ sequence, sizes: [40] }));
  const next = [11, 12].map((sequence) => record({ sequence, sizes: [40] }));
  const file = fileOf(1, old);
  file.set(fileOf(11, next));
  t.match(decodeAheadRecords(file), { firstNumber: 11, records: next, isCut: false });
  const longer = fileOf(11, [record({ sequence: 11, sizes: [57] })]);
  const torn = Buffer.concat([longer, fileOf(1, old).subarray(longer.length)]);
  t.equal(decodeAheadRecords(torn).records.length, 1, 'nor what is left of one');
});

t.test(
  'what was acknowledged before a kill stands in the files or in LMDB, and the next owner has it',
  async (t) => {
    const directory = directoryFor(t);
    const acknowledged = await writeAndKill(directory);
    const written = readAheadFiles(directory);
    const heads = await headsInLmdb(t, directory);
    t.ok(written.length > 0, `${written.length} groups in the files; LMDB has ${heads}`);
    const ends = heads.map((head, partition) =>
      written
        .flatMap(({ entries }) => entries)
        .reduce((end, entry) => (entry.partition === partition ? Math.max(end, entry.position) : end), head),
    );
    const store = await open(directory);
    for (const [partition, position] of acknowledged.entries()) {
      t.ok((ends[partition] ?? 0) >= position, `partition ${partition}: ${position} is on the disk`);
      t.ok((await store.journal.head(partition)).position >= position);
    }
    await store.close();
  },
);

t.test('opening removes the files when LMDB has what they hold, as closing does', async (t) => {
  const { left, heads } = await leftBehind(t, 3);
  t.equal(aheadFilesIn(left).length, 2);
  t.same(await headsInLmdb(t, left), [0, 0, 0, 0], 'LMDB has nothing of it');
  const store = await open(left);
  t.same(aheadFilesIn(left), []);
  t.same(await headsOf(store), heads);
  t.equal((await (await LogWriter.take(store, [0])).append([0])).entries[0]?.position, heads[0]! + 1);
  t.equal(aheadFilesIn(left).length, 2, 'made for the first append');
  await store.close();
  t.same(aheadFilesIn(left), []);
  const again = await open(left);
  t.same(await headsOf(again), [heads[0]! + 1, ...heads.slice(1)]);
  await again.close();
});

const noProc = existsSync('/proc/self/stat') ? false : 'needs /proc';

t.test('a reader after an unclean end sees what stood in the files alone', { skip: noProc }, async (t) => {
  const { left, heads } = await leftBehind(t, 3);
  // As a process leaves it that is not there any more.
  writeFileSync(path.join(left, 'LOCK'), '1 another-boot:17\n');
  const reader = await openStoreReader({ url: `embedded:${left}` }, machineClock);
  t.same(
    (await reader.heads()).map(({ position }) => position),
    heads,
  );
  t.same(aheadFilesIn(left), []);
  await reader.close();
});

t.test('a group that is in LMDB already is not put in again', async (t) => {
  const { left, heads } = await leftBehind(t, 70);
  const kept = path.join(directoryFor(t), 'ahead');
  cpSync(path.join(left, 'ahead'), kept, { recursive: true });
  await (await open(left)).close();
  const before = await stateOf(t, left);
  for (let time = 0; time < 2; time++) {
    cpSync(kept, path.join(left, 'ahead'), { recursive: true });
    const store = await open(left);
    t.same(await headsOf(store), heads);
    t.same(await damages(store), []);
    await store.close();
    t.same(await stateOf(t, left), before, 'nothing was written');
  }
});

t.test('of a group of which LMDB has the ones before it, only what it lacks is put in', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory, holding);
  const owner = await LogWriter.take(store, [0, 1]);
  for (let count = 0; count < 5; count++) await owner.append([0, 1]);
  // Waits until LMDB has everything.
  await store.journal.trim([]);
  await owner.append([0]);
  const left = await copyOf(t, directory);
  t.same(await headsInLmdb(t, left), [5, 5, 0, 0]);
  await store.close();
  const again = await open(left);
  t.same(await headsOf(again), [6, 5, 0, 0]);
  t.same(await damages(again), []);
  await again.close();
});

t.test('a file of an owner whose partition went on without it changes nothing', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory, holding);
  const owner = await LogWriter.take(store, [0, 1]);
  await owner.append([0, 1]);
  const stale = path.join(await copyOf(t, directory), 'ahead');
  await store.close();
  const [before] = await stateOf(t, directory);
  const next = await open(directory);
  const nextOwner = await LogWriter.take(next, [0], 'owner-02');
  await nextOwner.append([0]);
  await next.close();
  const after = await stateOf(t, directory);
  const { bytes, hash } = owner.group([0]).entries[0]!;
  const late: AheadRecord = {
    sequence: after[0]!.version + 256,
    sentAt: 0,
    conditions: [{ key: 0, version: before!.version }],
    entries: [{ partition: 0, position: 2, hash, bytes }],
  };
  cpSync(stale, path.join(directory, 'ahead'), { recursive: true });
  writeFileSync(path.join(directory, 'ahead', 'late-0'), fileOf(2, [late]));
  const again = await open(directory);
  t.same(await damages(again), []);
  await again.close();
  t.same(await stateOf(t, directory), after);
});

t.test('a file that has grown, with more than an index block, is read to its end', async (t) => {
  const groupCount = 150;
  const { left, heads } = await leftBehind(t, groupCount, Buffer.alloc(20_000, 'x'));
  t.ok(aheadFilesIn(left).some((file) => statSync(file).size > 2 ** 21));
  const store = await open(left);
  t.same(await headsOf(store), heads);
  t.same(await damages(store), []);
  for (const position of [1, 64, 65, 128, 129, groupCount]) {
    const [entry] = await store.journal.read(0, position, { entriesMax: 1, bytesMax: 1 });
    t.equal(entry?.position, position);
  }
  await store.close();
});

t.test('groups of more partitions than one block has conditions are put in, in order', async (t) => {
  const count = 6_000;
  const directory = directoryFor(t);
  const place = { partitionCount: count, freeBytesMin };
  const store = await openEmbeddedStore({ ...place, directory, clock: holding });
  const all = Array.from({ length: count }, (_, partition) => partition);
  const owner = new LogWriter(store);
  await Promise.all(all.map((partition) => owner.take(partition, 'owner-01')));
  const append = () => Promise.all(all.map((partition) => store.journal.append(owner.group([partition]))));
  t.ok([...(await append()), ...(await append())].every(({ type }) => type === 'appended'));
  const left = await copyOf(t, directory);
  await store.close();
  for (const each of [directory, left]) {
    const again = await openEmbeddedStore({ ...place, directory: each, clock: machineClock });
    const heads = await Promise.all(all.map((partition) => again.journal.head(partition)));
    t.ok(heads.every(({ position }) => position === 2));
    await again.close();
  }
});

t.test('W4: past a bound a group is acknowledged when LMDB has it', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory, holding);
  const owner = await LogWriter.take(store, [0]);
  const record = Buffer.alloc(16 * 2 ** 20);
  for (let count = 0; count < 3; count++) await owner.append([0], record);
  t.same(await headsInLmdb(t, directory), [0, 0, 0, 0]);
  await owner.append([0], record);
  t.same(await headsInLmdb(t, directory), [4, 0, 0, 0]);
  await owner.append([0]);
  t.same(await headsInLmdb(t, directory), [4, 0, 0, 0], 'and they gather again');
  await store.close();
});

t.test('a failure to make the files refuses the append, and the next one makes them', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory);
  const owner = await LogWriter.take(store, [0]);
  const group = owner.group([0]);
  // In the way of the second file.
  const opening = 0;
  const inTheWay = path.join(directory, 'ahead', `${opening}-1`);
  mkdirSync(inTheWay, { recursive: true });
  t.match(await store.journal.append(group), { type: 'refused', reason: 'storage' });
  t.same(aheadFilesIn(directory), [], 'nothing is left of the first');
  rmSync(inTheWay, { recursive: true });
  t.same(await store.journal.append(group), { type: 'appended' });
  await store.close();
});

t.test('after an append that is late the files stay for whoever looks next', async (t) => {
  const directory = directoryFor(t);
  const clock = new StallingClock();
  const store = await open(directory, clock);
  const owner = await LogWriter.take(store, [0]);
  for (let count = 0; count < 3; count++) await owner.append([0]);
  clock.isStalled = true;
  t.match(await store.journal.append(owner.group([0])), { type: 'unknown' });
  await store.close();
  const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
  t.ok(((await reader.heads())[0]?.position ?? 0) >= 3);
  await reader.close();
});

t.test('a reader waits for what will come, not for what was refused', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory);
  const owner = await LogWriter.take(store, [0]);
  const write = holdWrites(t);
  const refused = store.journal.append(owner.group([0]));
  await store.ownership.take(0, 'owner-02');
  write();
  t.match(await refused, { type: 'refused' });
  t.same(readAheadFiles(directory), [], 'what nobody needs is cleared');
  const begin = Date.now();
  const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
  t.ok(Date.now() - begin < flushDeadlineMs / 10);
  await reader.close();
  await store.close();
});

t.test('no backup without what its owner has acknowledged and does not put into LMDB', async (t) => {
  const directory = directoryFor(t);
  const store = await open(directory, holding);
  await (await LogWriter.take(store, [0])).append([0]);
  const target = path.join(directoryFor(t), 'copy');
  await t.rejects(copyStore({ url: `embedded:${directory}` }, target, machineClock), {
    code: 'store-unreachable',
  });
  t.notOk(existsSync(target));
  await store.close();
});

t.test('tables stay behind a log of which nobody can tell whether LMDB has it', async (t) => {
  const clock = new StallingClock();
  const directory = directoryFor(t);
  const store = await open(directory, clock);
  const owner = await LogWriter.take(store, [0]);
  const from = await store.tables.checkpoint(0);
  const fence = owner.fence(0);
  await owner.append([0]);
  const to = { ...owner.head(0), epoch: fence.epoch };
  clock.isStalled = true;
  const late = store.journal.append(owner.group([0]));
  const commit = store.tables.commit({ partition: 0, fence, from, to, puts: [], deletes: [] });
  t.match(await late, { type: 'unknown' });
  t.match(await commit, { type: 'unknown' });
  await store.close();
  const again = await open(directory);
  t.same(await again.tables.checkpoint(0), from);
  await again.close();
});

t.test(
  'J3: what follows a group is refused with it, also when its partition was taken anew by this thread',
  async (t) => {
    const store = await open(directoryFor(t));
    const owner = await LogWriter.take(store, [0, 1]);
    await owner.append([0, 1]);
    const write = holdWrites(t);
    const first = owner.group([0]);
    const firstResult = store.journal.append(first);
    await store.ownership.take(0, 'owner-02');
    const secondResult = store.journal.append(owner.group([1], { after: first }));
    write();
    t.match(await firstResult, { type: 'refused', reason: 'fenced' });
    t.match(await secondResult, { type: 'refused', reason: 'conflict' });
    await store.close();
  },
);

/** From now on writes to write-ahead files wait until the returned function is called. */
t.test(
  'W5: other events come in between writes that are waited for, though each is followed by the next',
  async (t) => {
    let blocked = 0;
    const store = await openEmbeddedStore({
      ...{ directory: directoryFor(t), partitionCount, clock: machineClock, freeBytesMin },
      blocking: (call) => {
        blocked++;
        return call();
      },
    });
    const owner = await LogWriter.take(store, [0]);
    const appended: number[] = [];
    let isRunning = true;
    let between = 0;
    const look = (): void => {
      between++;
      if (isRunning) setImmediate(look);
    };
    setImmediate(look);
    for (let number = 0; number < 200; number++) {
      t.match(await store.journal.append(owner.group([0])), { type: 'appended' });
      appended.push(between);
    }
    isRunning = false;
    const longest = Math.max(...appended.map((seen) => appended.filter((each) => each === seen).length));
    t.ok(longest <= 9, `${longest} appends without another event`);
    t.ok(blocked > 0, `${blocked} writes are waited for`);
    await store.close();
  },
);

function holdWrites(t: Test): () => void {
  const { writev } = fs;
  const held: (() => void)[] = [];
  const release = (): void => {
    Object.assign(fs, { writev });
    syncBuiltinESMExports();
    for (const write of held.splice(0)) write();
  };
  t.teardown(release);
  Object.assign(fs, {
    writev: (...call: Parameters<typeof writev>) => held.push(() => writev(...call)),
  });
  syncBuiltinESMExports();
  return release;
}

/** Nothing is put into LMDB unless somebody waits for it. */
const holding: StoreClock = {
  ...machineClock,
  after: (ms, run) => (ms < flushDeadlineMs ? () => undefined : machineClock.after(ms, run)),
};

/** Holds as well; while it is stalled, every write is late at once. */
class StallingClock implements StoreClock {
  isStalled = false;
  readonly now = machineClock.now;

  after(ms: number, run: () => void): () => void {
    if (!this.isStalled || ms !== flushDeadlineMs) return holding.after(ms, run);
    queueMicrotask(run);
    return () => undefined;
  }
}

function record(options: {
  readonly sequence: number;
  readonly sizes: readonly number[];
  readonly more?: AheadRecord['conditions'];
}): AheadRecord {
  const { sequence, sizes, more = [] } = options;
  return {
    sequence,
    sentAt: sequence / 2,
    conditions: [...sizes.map((_, key) => ({ key, version: sequence - 1 })), ...more],
    entries: sizes.map((size, partition) => ({
      ...{ partition, position: sequence * 10 + partition, hash: Buffer.alloc(16, partition + 1) },
      bytes: Buffer.alloc(size, sequence),
    })),
  };
}

/** The records as they stand in a file, numbered from the first one's number on. */
function fileOf(firstNumber: number, records: readonly AheadRecord[]): Buffer {
  return Buffer.concat(records.flatMap((each, index) => encodeAheadRecord(firstNumber + index, each)));
}

function directoryFor(t: Test): string {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  return directory;
}

const open = (directory: string, clock = machineClock) =>
  openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });

/** What a process leaves that is killed after so many groups, of which LMDB has got none. */
async function leftBehind(
  t: Test,
  groupCount: number,
  bytes?: Uint8Array,
): Promise<{ readonly left: string; readonly heads: readonly number[] }> {
  const directory = directoryFor(t);
  const store = await open(directory, holding);
  const owner = await LogWriter.take(store, [0, 1, 2]);
  for (let count = 0; count < groupCount; count++) await owner.append(count === 0 ? [0, 1] : [0], bytes);
  const left = await copyOf(t, directory);
  await store.close();
  return { left, heads: [groupCount, 1, 0, 0] };
}

async function copyOf(t: Test, directory: string): Promise<string> {
  const copy = directoryFor(t);
  cpSync(directory, copy, { recursive: true });
  rmSync(path.join(copy, 'LOCK'));
  return copy;
}

/** A copy of LMDB alone, opened as the next owner opens it. */
async function lmdbOf(t: Test, directory: string): Promise<LogEnvironment> {
  const copy = path.join(directoryFor(t), 'log');
  mkdirSync(copy);
  cpSync(path.join(directory, 'log', 'data.mdb'), path.join(copy, 'data.mdb'));
  return new LogEnvironment(copy, 'disk');
}

async function headsInLmdb(t: Test, directory: string): Promise<number[]> {
  const log = await lmdbOf(t, directory);
  const heads = log.readHeads(partitionCount).map(({ head }) => head.position);
  await log.root.close();
  return heads;
}

/** Every fence record, with its version and its sequences, and the number of entries. */
async function stateOf(
  t: Test,
  directory: string,
): Promise<{ version: number; position: number; epoch: number; tail: readonly number[]; entries: number }[]> {
  const log = await lmdbOf(t, directory);
  const entries = log.log.getKeysCount();
  const state = Array.from({ length: partitionCount }, (_, partition) => {
    const { version, head, fence, tail } = log.readFence(partition);
    return { version, position: head.position, epoch: fence.epoch, tail: tail.list(), entries };
  });
  await log.root.close();
  return state;
}

type Log = Pick<StoreReader, 'journal'>;

async function headsOf({ journal }: Log): Promise<number[]> {
  const heads = Array.from({ length: partitionCount }, (_, partition) => journal.head(partition));
  return (await Promise.all(heads)).map(({ position }) => position);
}

async function damages({ journal }: Log): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let partition = 0; partition < partitionCount; partition++)
    for await (const damage of verifyLog(journal, partition, 1)) found.push(damage);
  return found;
}

/** Kills a writer at its first acknowledgement; resolves to the highest position that it acknowledged, per partition. */
async function writeAndKill(directory: string): Promise<number[]> {
  const child = spawn(process.execPath, [writer, directory, `${partitionCount}`, 'writer-01'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged = Array.from({ length: partitionCount }, () => 0);
  for await (const line of createInterface({ input: child.stdout })) {
    child.kill('SIGKILL');
    for (const text of line.split(' ')) {
      const [partition, position] = text.split(':').map(Number);
      acknowledged[partition!] = Math.max(acknowledged[partition!]!, position!);
    }
  }
  await gone;
  return acknowledged;
}
