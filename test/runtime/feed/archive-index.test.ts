/** G1 and what the index saves: over a real archive on the disk, made from a log by the ordinary way. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { commandCall } from '../../../actors/model/call.js';
import { Archive } from '../../../persistence/archive/archive.js';
import { archiveSegment } from '../../../persistence/archive/archive-segment.js';
import { archivedJournal } from '../../../persistence/archive/archived-journal.js';
import { EntryReader } from '../../../persistence/entry.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import type { Store } from '../../../persistence/store.js';
import { ArchiveIndex, makeDigests } from '../../../runtime/feed/archive-index.js';
import { DigestBuilder, EventDigest } from '../../../runtime/feed/event-digest.js';
import type { FeedPage, FeedQuery } from '../../../runtime/feed/event-feed.js';
import { EventFilter } from '../../../runtime/feed/event-filter.js';
import { OpenedEntry } from '../../../runtime/feed/opened-entry.js';
import { counterContract } from '../../support/counter-module.js';
import { type TestScope, temporaryDirectory } from '../../support/server.js';
import { TestSystem } from '../../support/test-system.js';

const add = (id: string) => commandCall(counterContract, id, 'add', { amount: 1 });
const fill = (id: string) => commandCall(counterContract, id, 'fill', { count: 1, characters: 3_000 });

/** A system of one partition whose log is packed into an archive and trimmed, but for its end. */
async function archived(test: TestScope) {
  const archive = new Archive(path.join(temporaryDirectory(test), 'archive'));
  let readCount = 0;
  const counting = (store: Store): Store => {
    const journal = archivedJournal(store.journal, archive);
    const read: typeof journal.read = (partition, from, limits) => {
      readCount++;
      return journal.read(partition, from, limits);
    };
    return { ...store, journal: { ...journal, read } };
  };
  const system = await TestSystem.start({ partitionCount: 1, archive, storeAs: counting });
  for (let round = 0; round < 200; round++) {
    await system.ask(round % 50 === 7 ? add('rare') : fill(`often${round % 3}`), {
      correlationId: `c${Math.floor(round / 10)}`,
    });
  }
  const pack = async (to: number): Promise<void> => {
    while (
      (await archiveSegment(system.store.journal, archive, { partition: 0, to, bytesMax: 100_000 })) !==
      undefined
    );
    await system.store.journal.trim([{ partition: 0, below: to + 1 }]);
  };
  const reads = async (run: () => Promise<unknown>): Promise<number> => {
    const before = readCount;
    await run();
    return readCount - before;
  };
  return { archive, system, pack, reads };
}

/** What waits for the disk as well as for virtual time, which stands still meanwhile. */
async function settled<Value>(system: TestSystem, promise: Promise<Value>): Promise<Value> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  while (!isSettled) {
    await system.clock.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

async function readAll(system: TestSystem, query: Partial<FeedQuery>): Promise<string[]> {
  const ids: string[] = [];
  let from: FeedQuery['from'] = 'start';
  for (;;) {
    const page: FeedPage = await settled(system, system.system.feed.page({ limit: 7, ...query, from }));
    ids.push(...page.events.map(({ event }) => event.eventId));
    if (page.isAtEnd) return ids;
    from = { token: page.next };
  }
}

const queries: readonly Partial<FeedQuery>[] = [
  { types: ['Added'] },
  { types: ['Filled'] },
  { types: ['Cursed'] },
  { correlationId: 'c3' },
  { correlationId: 'c19' },
  { correlationId: 'nobody' },
  { types: ['Added'], correlationId: 'c10' },
  { kinds: ['counter'] },
];

t.test('G1 with an index, a part of one, a damaged one or none, the same events are found', async (t) => {
  const { archive, system, pack } = await archived(t);
  const expected = await Promise.all(queries.map(() => [] as string[]));
  for (const [index, query] of queries.entries()) expected[index] = await readAll(system, query);
  const check = async (what: string): Promise<void> => {
    for (const [index, query] of queries.entries())
      t.same(await readAll(system, query), expected[index], `${what}: ${JSON.stringify(query)}`);
  };
  await pack(180);
  await check('without an index');
  t.equal(await makeDigests(archive, 0, 2), 2);
  await check('with a part of one');
  t.ok((await makeDigests(archive, 0, 100)) > 2);
  t.equal(await makeDigests(archive, 0, 100), 0, 'none is made twice');
  await check('with an index');
  const folder = path.join(archive.directory, '0000');
  const [first, second] = readdirSync(folder).filter((name) => name.endsWith('.events'));
  const damaged = path.join(folder, first ?? '');
  const bytes = readFileSync(damaged);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  rmSync(path.join(folder, second ?? ''));
  const again = await system.restart();
  for (const [index, query] of queries.entries()) t.same(await readAll(again, query), expected[index]);
  await again.stop();
});

t.test('G1 an archive of another log is not believed, however long its own is', async (t) => {
  const other = await archived(t);
  await other.pack(180);
  await makeDigests(other.archive, 0, 100);
  await other.system.stop();
  for (const count of [20, 300]) {
    const archive = new Archive(other.archive.directory);
    const system = await TestSystem.start({ partitionCount: 1, archive });
    for (let round = 0; round < count; round++) await system.ask(add('here'), { correlationId: 'new' });
    t.equal((await readAll(system, {})).length, count);
    t.equal((await readAll(system, { correlationId: 'new' })).length, count, `${count} entries`);
    await system.stop();
  }
});

t.test('what is rare is found by reading a small part of the log', async (t) => {
  const { archive, system, pack, reads } = await archived(t);
  await pack(190);
  const without = await reads(() => readAll(system, { types: ['Added'] }));
  await makeDigests(archive, 0, 100);
  const withIndex = await reads(() => readAll(system, { types: ['Added'] }));
  const nothing = await reads(() => readAll(system, { types: ['Cursed'] }));
  t.ok(nothing <= 2, `${nothing} reads for what never happened: the end of the log alone`);
  t.ok(withIndex < without, `${withIndex} reads with an index, ${without} without`);
  await system.stop();
});

t.test('G1 a digest never passes over an entry that holds what is wanted', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  for (let round = 0; round < 60; round++)
    await system.ask(round % 9 === 4 ? add(`a${round}`) : fill(`a${round}`), {
      correlationId: `c${round % 13}`,
    });
  const stored = await system.store.journal.read(0, 1, { entriesMax: 1_000, bytesMax: 1e9 });
  const entries = stored.map(({ bytes }) => new OpenedEntry(bytes));
  const builder = new DigestBuilder();
  for (const { bytes } of stored) builder.add(new EntryReader(bytes));
  const digest = EventDigest.decode(builder.finish());
  const { kinds } = system.system;
  const selection = fc.record(
    {
      types: fc.subarray(['Added', 'Filled', 'Cursed'], { minLength: 1 }),
      correlationId: fc.integer({ min: 0, max: 15 }).map((number) => `c${number}`),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(selection, fc.integer({ min: 1, max: 61 }), (wanted, from) => {
      const filter = new EventFilter(kinds, 1, wanted);
      const found = entries.find((entry) => entry.position >= from && entry.matches(filter, 0).length > 0);
      const next = digest?.next(from, filter);
      if (found === undefined) return true;
      return next !== undefined && next <= found.position;
    }),
  );
  t.equal(EventDigest.decode(Buffer.from([9, 0, 0, 0, 0, 0, 0, 0])), undefined, 'another format');
  await system.stop();
});

t.test('a look past the archive leaves the reader where it is', async (t) => {
  const archive = new Archive(path.join(temporaryDirectory(t), 'archive'));
  const index = new ArchiveIndex(archive, createMemoryStore({ partitionCount: 1 }).journal);
  const filter = { correlationId: 'x' } as unknown as EventFilter;
  t.match(await index.pass(0, 17, filter), { position: 17, looks: 0, isKnown: false });
  t.notOk(existsSync(archive.directory));
});
