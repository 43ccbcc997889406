/** Journal files: rules A1 and A2 of `persistence/archive/journal-file.ts`, over every kind of damage that a file may take. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { xorshift } from '../../../bench/seeded-random.js';
import { JournalFileReader } from '../../../persistence/archive/journal-file-reader.js';
import { JournalFileWriter, publish } from '../../../persistence/archive/journal-file-writer.js';
import type { StoredEntry } from '../../../persistence/journal.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import { LogWriter } from '../../contracts/log-writer.js';

const all = { entriesMax: 1_000_000, bytesMax: 1_000_000_000 };
const seed = 7;

function folder(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'troupe-archive-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Entries of two partitions, several blocks of each. */
async function someEntries(): Promise<ReadonlyMap<number, readonly StoredEntry[]>> {
  const store = createMemoryStore({ partitionCount: 3 });
  const writer = await LogWriter.take(store, [0, 2]);
  for (let count = 0; count < 60; count++) await writer.append([0, 2], Buffer.alloc(6_000, `${count} `));
  const logs = new Map<number, readonly StoredEntry[]>();
  for (const partition of [0, 2]) logs.set(partition, await store.journal.read(partition, 1, all));
  return logs;
}

function written(file: string, logs: ReadonlyMap<number, readonly StoredEntry[]>): void {
  const writer = new JournalFileWriter(`${file}.part`, { content: 'test' });
  for (const [partition, entries] of logs) for (const entry of entries) writer.add(partition, entry);
  writer.finish();
  publish(`${file}.part`, file);
}

async function readAll(file: string): Promise<readonly StoredEntry[]> {
  const reader = await JournalFileReader.open(file);
  try {
    const entries: StoredEntry[] = [];
    for (const { partition, from } of reader.ranges)
      entries.push(...(await reader.read(partition, from, all)));
    return entries;
  } finally {
  }
}

const same = (left: readonly StoredEntry[], right: readonly StoredEntry[]): boolean =>
  left.length === right.length &&
  left.every(({ position, bytes }, index) => {
    const other = right[index];
    return other?.position === position && Buffer.compare(bytes, other.bytes) === 0;
  });

t.test('a file gives back the entries that were put in, from any position and within limits', async (t) => {
  const logs = await someEntries();
  const file = path.join(folder(t), 'one.journal');
  written(file, logs);
  const reader = await JournalFileReader.open(file);
  t.same(reader.header, { content: 'test' });
  t.match(reader.ranges, [
    { partition: 0, from: 1, to: 60 },
    { partition: 2, from: 1, to: 60 },
  ]);
  for (const [partition, entries] of logs) {
    t.ok(same(await reader.read(partition, 1, all), entries));
    t.ok(same(await reader.read(partition, 37, all), entries.slice(36)));
    t.ok(same(await reader.read(partition, 20, { ...all, entriesMax: 30 }), entries.slice(19, 49)));
    t.equal((await reader.read(partition, 20, { ...all, bytesMax: 1 })).length, 1);
    t.same(await reader.read(partition, 61, all), []);
  }
  t.same(await reader.read(1, 1, all), []);
});

t.test('an entry that does not follow the one before it is not taken', async (t) => {
  const logs = await someEntries();
  const [first, second, third] = logs.get(0) ?? [];
  const writer = new JournalFileWriter(path.join(folder(t), 'x.part'), {});
  writer.add(0, first as StoredEntry);
  t.throws(() => writer.add(0, third as StoredEntry), { code: 'journal-damaged' });
  writer.abandon();
  const elsewhere = new JournalFileWriter(path.join(folder(t), 'y.part'), {});
  t.throws(() => elsewhere.add(1, second as StoredEntry), { code: 'journal-damaged' });
  elsewhere.abandon();
});

t.test('a file cut off anywhere is refused', async (t) => {
  const directory = folder(t);
  const file = path.join(directory, 'one.journal');
  written(file, await someEntries());
  const whole = readFileSync(file);
  const random = xorshift(seed);
  const cuts = Array.from({ length: 300 }, () => Math.floor(random() * whole.length));
  const wrong: number[] = [];
  for (const cut of [0, 1, 15, 16, whole.length - 1, ...cuts]) {
    const torn = path.join(directory, 'torn.journal');
    writeFileSync(torn, whole.subarray(0, cut));
    const refusal = await readAll(torn).then(
      () => 'was read',
      (error: { code?: string }) => error.code,
    );
    if (refusal !== 'journal-damaged') wrong.push(cut);
  }
  t.same(wrong, [], `seed ${seed}`);
});

t.test('a flipped bit anywhere is found, or changes nothing that is given out', async (t) => {
  const directory = folder(t);
  const file = path.join(directory, 'one.journal');
  written(file, await someEntries());
  const whole = readFileSync(file);
  const entries = await readAll(file);
  const random = xorshift(seed);
  const wrong: string[] = [];
  let found = 0;
  for (let count = 0; count < 1_000; count++) {
    // Every other one in the first or last 512 bytes, where the frames are that say what is where.
    const span = count % 4 === 0 ? 512 : whole.length;
    const at = Math.floor(random() * span) + (count % 8 === 0 ? whole.length - 512 : 0);
    const bit = Math.floor(random() * 8);
    const changed = Buffer.from(whole);
    const offset = Math.min(at, whole.length - 1);
    changed.writeUInt8(changed.readUInt8(offset) ^ (1 << bit), offset);
    const damaged = path.join(directory, 'damaged.journal');
    writeFileSync(damaged, changed);
    try {
      if (!same(await readAll(damaged), entries)) wrong.push(`${offset}.${bit}: read otherwise`);
    } catch (error) {
      found++;
      if ((error as { code?: string }).code !== 'journal-damaged') wrong.push(`${offset}.${bit}: ${error}`);
    }
  }
  t.same(wrong, [], `seed ${seed}`);
  t.ok(found > 950, `${found} of 1,000 found`);
});

t.test('a file of a later format is refused by its number', async (t) => {
  const file = path.join(folder(t), 'one.journal');
  written(file, await someEntries());
  const bytes = readFileSync(file);
  bytes.writeUInt32LE(2, 8);
  writeFileSync(file, bytes);
  await t.rejects(JournalFileReader.open(file), { message: /has format 2; this version reads format 1/ });
});
