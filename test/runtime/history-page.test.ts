/** Pages of an actor's events: both directions, histories longer than one call may walk, and a log that lacks what it should hold. */
import t from 'tap';
import { commandCall, type HistoryReply, queryCall } from '../../actors/model/call.js';
import { pack, unpack } from '../../actors/model/codec.js';
import { OperatingError } from '../../actors/model/errors.js';
import { EntryReader, EntryWriter } from '../../persistence/entry.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import type { Store } from '../../persistence/store.js';
import type { StoredRecord } from '../../runtime/commit/record.js';
import { HistorySignposts } from '../../runtime/history-signposts.js';
import { counterContract } from '../support/counter-module.js';
import { readingAs } from '../support/reading-store.js';
import { TestSystem } from '../support/test-system.js';

type Direction = 'forward' | 'backward';

const history = (direction: Direction, limit: number, fromVersion?: number) =>
  ({
    type: 'history',
    kind: 'counter',
    id: 'a',
    direction,
    limit,
    ...(fromVersion === undefined ? {} : { fromVersion }),
  }) as const;

const fill = (count: number) => commandCall(counterContract, 'a', 'fill', { count, characters: 1 });
const add = (amount: number) => commandCall(counterContract, 'a', 'add', { amount });

/** All versions in the order of the pages, and how many pages were empty. */
async function readAll(system: TestSystem, direction: Direction, limit: number) {
  const versions: number[] = [];
  let emptyCount = 0;
  let from: number | undefined;
  for (;;) {
    const answer = await system.ask(history(direction, limit, from));
    if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
    const { events, next } = answer.reply as HistoryReply;
    versions.push(...events.map((event) => event.streamVersion));
    if (events.length === 0) emptyCount++;
    if (next === null) return { versions, emptyCount };
    from = next;
  }
}

function versionsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

t.test('pages in both directions give every version once, in order, whatever their size', async (t) => {
  const system = await TestSystem.start();
  for (const count of [1, 5, 1, 7]) await system.ask(fill(count));
  for (const limit of [1, 2, 3, 13, 14, 15]) {
    t.same((await readAll(system, 'forward', limit)).versions, versionsUpTo(14), `forward by ${limit}`);
    t.same(
      (await readAll(system, 'backward', limit)).versions,
      versionsUpTo(14).reverse(),
      `backward by ${limit}`,
    );
  }
  await system.stop();
});

t.test('a page past either end is empty and the last one', async (t) => {
  const system = await TestSystem.start();
  await system.ask(fill(3));
  t.match(await system.ask(history('forward', 5, 3)), { reply: { events: [], next: null } });
  t.match(await system.ask(history('forward', 5, 99)), { reply: { events: [], next: null } });
  t.match(await system.ask(history('backward', 5, 1)), { reply: { events: [], next: null } });
  const { events } = (await system.reply(history('backward', 5, 99))) as HistoryReply;
  t.same(
    events.map((event) => event.streamVersion),
    [3, 2, 1],
  );
  await system.stop();
});

t.test('historyEventsMax: a longer history is walked in several calls and read to both ends', async (t) => {
  const system = await TestSystem.start({ limits: { historyEventsMax: 1_500 } });
  for (let count = 0; count < 25; count++) await system.ask(fill(250));
  const all = versionsUpTo(6_250);
  const forward = await readAll(system, 'forward', 1_000);
  t.same(forward.versions, all);
  t.ok(forward.emptyCount > 0, 'the first page lies several calls below the newest event');
  const backward = await readAll(system, 'backward', 1_000);
  t.same(backward.versions, all.toReversed());
  t.equal(backward.emptyCount, 0, 'each page begins where the one before ended');
  await system.stop();
});

t.test('an entry that lacks the events it should hold is an error with a code, not the end', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1, storeAs: (store) => withHollow(store, 2) });
  for (let count = 1; count <= 3; count++) await system.ask(add(count));
  t.match(await system.ask(history('backward', 1)), { type: 'reply' });
  t.match(await system.ask(history('forward', 10)), { type: 'failure', code: 'journal-gap' });
  await system.stop();
});

t.test('a dense history is fetched by the chunk, a sparse one entry by entry', async (t) => {
  const reads: number[] = [];
  const system = await TestSystem.start({ partitionCount: 1, storeAs: (store) => withReads(store, reads) });
  const other = commandCall(counterContract, 'b', 'add', { amount: 1 });
  for (let count = 0; count < 3; count++) {
    await system.ask(add(1));
    for (let between = 0; between < 100; between++) await system.ask(other);
  }
  for (let count = 0; count < 200; count++) await system.ask(add(1));
  reads.length = 0;
  t.same((await readAll(system, 'backward', 100)).versions, versionsUpTo(203).reverse());
  t.same(reads, [1, 64, 64, 64, 64, 1, 1, 1], 'the newest, the dense ones, the sparse ones');
  await system.stop();
});

t.test('a chunk of large entries is as long as reaches the one that is asked for', async (t) => {
  const reads: number[] = [];
  const system = await TestSystem.start({ partitionCount: 1, storeAs: (store) => withReads(store, reads) });
  const large = commandCall(counterContract, 'a', 'fill', { count: 1, characters: 12_000 });
  for (let count = 0; count < 100; count++) await system.ask(large);
  reads.length = 0;
  t.same((await readAll(system, 'backward', 100)).versions, versionsUpTo(100).reverse());
  t.equal(reads.shift(), 1, 'the newest');
  t.ok(reads.length <= 6 && reads.every((entries) => entries > 1), reads.join());
  await system.stop();
});

t.test('what cannot be read below an entry is not its own failure', async (t) => {
  const isLost = (position: number): boolean => position === 1;
  const system = await TestSystem.start({
    partitionCount: 1,
    storeAs: (store) => withReads(store, [], isLost),
  });
  await system.ask(commandCall(counterContract, 'b', 'add', { amount: 1 }));
  for (let count = 0; count < 20; count++) await system.ask(add(1));
  t.same((await readAll(system, 'forward', 100)).versions, versionsUpTo(20));
  t.match(await system.ask({ ...history('forward', 10), id: 'b' }), { code: 'journal-gap' });
  await system.stop();
});

t.test('a page goes as far as the actor was when it was asked for, whatever it does meanwhile', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  const [first, second] = [gate(), gate()];
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: first.promise });
  system.script.onNextAppend({ type: 'delay', at: 'request', until: second.promise });
  const one = system.submit(add(1));
  await system.clock.settle();
  const page = system.submit(history('forward', 10));
  const past = system.submit(queryCall(counterContract, 'a', 'get', {}, { at: { version: 1 } }));
  const two = system.submit(add(2));
  await system.clock.settle();
  first.open();
  await system.clock.settle();
  t.match(one.answer, { type: 'reply' });
  t.equal(two.answer, undefined, 'its group is not in the log');
  t.match(page.answer, { type: 'reply', reply: { events: [{ streamVersion: 1 }], next: null } });
  t.match(past.answer, { type: 'reply', version: 1 });
  second.open();
  t.match(await system.answered(two), { type: 'reply' });
  await system.stop();
});

t.test('signposts: the lowest of each thousand stays', (t) => {
  const signposts = new HistorySignposts();
  signposts.note('a', 999, 8);
  t.equal(signposts.count, 0, 'an ordinary history needs none');
  for (const [version, position] of [
    [2_500, 20],
    [2_400, 19],
    [1_500, 10],
    [900, 5],
  ] as const)
    signposts.note('a', version, position);
  t.equal(signposts.above('a', 0), 5);
  t.equal(signposts.above('a', 901), 10);
  t.equal(signposts.above('a', 1_501), 19);
  t.equal(signposts.above('a', 2_401), undefined);
  t.equal(signposts.above('b', 1), undefined);
  t.end();
});

t.test('signposts: the actor asked for longest ago loses its own first', (t) => {
  const signposts = new HistorySignposts(3);
  signposts.note('a', 2_500, 20);
  signposts.note('a', 1_500, 10);
  signposts.note('b', 1_100, 7);
  t.equal(signposts.above('a', 1), 10);
  signposts.note('c', 4_000, 99);
  t.equal(signposts.above('b', 1_000), undefined, 'forgotten');
  t.equal(signposts.above('a', 1), 10, 'kept: it was used later');
  t.equal(signposts.count, 3);
  t.end();
});

/** A store whose reads are noted by the entries they ask for, and fail when an entry among them is lost. */
function withReads(store: Store, reads: number[], isLost = (_position: number) => false): Store {
  return readingAs(store, (read) => async (partition, from, limits) => {
    reads.push(limits.entriesMax);
    const found = await read(partition, from, limits);
    if (found.some(({ position }) => isLost(position))) throw new OperatingError('journal-gap', 'lost');
    return found;
  });
}

/** The store, its entry at one position read as if its records belonged to another actor. */
function withHollow(store: Store, position: number): Store {
  const hollow = (bytes: Uint8Array): Uint8Array => {
    const reader = new EntryReader(bytes);
    const writer = new EntryWriter();
    for (let index = 0; index < reader.recordCount; index++) {
      const record = [...(unpack(reader.record(index)) as StoredRecord)];
      record[1] = 'somebody-else';
      writer.add(1, 1, pack(record));
    }
    const { partition, epoch, previousHash, time, group } = reader;
    const [siblings, watermarks] = [reader.siblings(), reader.watermarks()];
    return writer.finish({ partition, epoch, position, previousHash, time, group, siblings, watermarks });
  };
  return readingAs(
    store,
    (read) =>
      async (...asked) =>
        (await read(...asked)).map((stored) =>
          stored.position === position ? { ...stored, bytes: hollow(stored.bytes) } : stored,
        ),
  );
}
