/** Each fault of the memory store does what it says, and what a crash leaves is a prefix. */
import t from 'tap';
import { noHash } from '../../persistence/entry.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { FaultScript, gate, seededFaults } from '../../persistence/memory/memory-faults.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { Store } from '../../persistence/store.js';
import type { Checkpoint, TableCommit } from '../../persistence/tables.js';
import { verifyLog } from '../../persistence/verify.js';
import { LogWriter } from '../contracts/log-writer.js';

const partitionCount = 3;
const start: Checkpoint = { position: 0, hash: noHash, epoch: 0 };
const all = { entriesMax: 100, bytesMax: 1_000_000 };

interface Opened {
  readonly disk: MemoryDisk;
  readonly faults: FaultScript;
  readonly store: Store;
}

function opened(disk = new MemoryDisk(partitionCount)): Opened {
  const faults = new FaultScript();
  return { disk, faults, store: createMemoryStore({ partitionCount, disk, faults }) };
}

async function position(store: Store, partition: number): Promise<number> {
  return (await store.journal.head(partition)).position;
}

t.test('an append refused by the storage is not in the log, and the next one is taken', async (t) => {
  const { faults, store } = opened();
  const owner = await LogWriter.take(store, [0]);
  faults.onNextAppend({ type: 'refuse', detail: 'full' });
  const group = owner.group([0]);
  t.same(await store.journal.append(group), { type: 'refused', reason: 'storage', detail: 'full' });
  t.equal(await position(store, 0), 0);
  t.same(await store.journal.append(group), { type: 'appended' });
});

t.test(
  'a lost reply leaves the group in, a lost request leaves it out; both are unknown to the caller',
  async (t) => {
    const { faults, store } = opened();
    const owner = await LogWriter.take(store, [0]);
    faults.onNextAppend({ type: 'lose-reply' });
    t.match(await store.journal.append(owner.group([0])), { type: 'unknown' });
    t.equal(await position(store, 0), 1);
    faults.onNextAppend({ type: 'lose-request' });
    const lost = owner.group([0]);
    t.match(await store.journal.append(lost), { type: 'unknown' });
    t.equal(await position(store, 0), 1);
    t.same(await store.journal.append(lost), { type: 'appended' }, 'sent again it is taken');
  },
);

t.test('a group behind a lost one is refused', async (t) => {
  const { faults, store } = opened();
  const owner = await LogWriter.take(store, [0, 1]);
  faults.onNextAppend({ type: 'lose-request' });
  const first = owner.group([0]);
  const second = owner.group([1], { after: first });
  const results = await Promise.all([store.journal.append(first), store.journal.append(second)]);
  t.match(results, [{ type: 'unknown' }, { type: 'refused', reason: 'conflict' }]);
});

t.test('a request held back until after a takeover is refused by journal and tables', async (t) => {
  const { disk, faults, store } = opened();
  const old = await LogWriter.take(store, [0], 'owner-old');
  const [held, heldCommit] = [gate(), gate()];
  faults.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
  faults.onNextCommit({ type: 'delay', at: 'request', until: heldCommit.promise });
  const append = store.journal.append(old.group([0]));
  const puts = [{ table: 'rows', key: 'k', value: Buffer.from('old') }];
  const commit: TableCommit = {
    partition: 0,
    fence: old.fence(0),
    from: start,
    to: start,
    puts,
    deletes: [],
  };
  const late = store.tables.commit(commit);
  const next = await LogWriter.take(opened(disk).store, [0], 'owner-new');
  await next.append([0]);
  held.open();
  heldCommit.open();
  t.match(await append, { type: 'refused', reason: 'fenced' });
  t.match(await late, { type: 'refused', reason: 'fenced' });
  t.same(await store.tables.get(0, 'rows', ['k']), [undefined]);
  t.equal(await position(store, 0), 1);
});

t.test('an append that is applied but not flushed is not shown, and a crash takes it away', async (t) => {
  const { disk, faults, store } = opened();
  const owner = await LogWriter.take(store, [0, 1]);
  await owner.append([0, 1]);
  const held = gate();
  faults.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const append = store.journal.append(owner.group([0, 1]));
  await Promise.resolve();
  t.equal(await position(store, 0), 1);
  t.equal((await store.journal.read(0, 1, all)).length, 1);
  disk.crash();
  held.open();
  t.match(await append, { type: 'unknown' });
  await t.rejects(store.journal.head(0), { code: 'store-closed' });
  const again = opened(disk).store;
  t.equal(await position(again, 0), 1);
  t.equal(await position(again, 1), 1);
});

t.test('taking a partition makes what the old owner had applied durable', async (t) => {
  const { disk, faults, store } = opened();
  const owner = await LogWriter.take(store, [0], 'owner-old');
  const held = gate();
  faults.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const append = store.journal.append(owner.group([0]));
  await Promise.resolve();
  const next = await LogWriter.take(opened(disk).store, [0], 'owner-new');
  t.equal(next.head(0).position, 1);
  disk.crash();
  t.equal(await position(opened(disk).store, 0), 1);
  held.open();
  await append;
});

t.test(
  'after a failed flush nothing more is taken; power loss drops it, a process crash keeps it',
  async (t) => {
    for (const [kind, kept] of [
      ['power', 0],
      ['process', 1],
    ] as const) {
      const { disk, faults, store } = opened();
      const owner = await LogWriter.take(store, [0]);
      faults.onNextAppend({ type: 'fail-flush' });
      t.match(await store.journal.append(owner.group([0])), { type: 'unknown' });
      t.match(await store.journal.append(owner.group([0])), { type: 'unknown' });
      t.match(await store.space(), { acceptsWrites: false });
      await t.rejects(store.ownership.take(0, 'owner-02'), { code: 'store-broken' });
      disk.crash(kind);
      const again = opened(disk).store;
      t.equal(await position(again, 0), kept, kind);
      await (await LogWriter.take(again, [0], 'owner-03')).append([0]);
    }
  },
);

t.test('a reply held back comes late, and the writes behind it do not wait', async (t) => {
  const { faults, store } = opened();
  const owner = await LogWriter.take(store, [0]);
  const held = gate();
  faults.onNextAppend({ type: 'delay', at: 'reply', until: held.promise });
  const first = store.journal.append(owner.group([0]));
  t.same(await store.journal.append(owner.group([0])), { type: 'appended' });
  held.open();
  t.same(await first, { type: 'appended' });
});

t.test('a reader that lags sees presence only', async (t) => {
  const { faults, store } = opened();
  const owner = await LogWriter.take(store, [0]);
  await owner.append([0]);
  await owner.append([0]);
  faults.showUpTo(0, 1);
  t.equal(await position(store, 0), 1);
  t.equal((await store.journal.read(0, 1, all)).length, 1);
  faults.showUpTo(0, undefined);
  t.equal(await position(store, 0), 2);
});

t.test('a torn tail, a flipped bit, a gap and an older log are found', async (t) => {
  const { disk, store } = opened();
  const owner = await LogWriter.take(store, [0, 1, 2]);
  for (let count = 0; count < 5; count++) await owner.append([0, 1, 2]);
  disk.tear(0, 5, 20);
  disk.corrupt(1, 2, 40);
  disk.dropEntry(2, 3);
  const damage: object[] = [];
  for (const partition of [0, 1, 2])
    for await (const found of verifyLog(store.journal, partition, 1)) damage.push(found);
  t.match(damage, [
    { partition: 0, position: 5, kind: 'torn' },
    { partition: 0, position: 5, kind: 'head' },
    { partition: 1, position: 2, kind: 'torn' },
    { partition: 1, position: 3, kind: 'chain' },
    { partition: 2, position: 3, kind: 'gap' },
  ]);
  await t.rejects(store.journal.read(2, 1, all), { code: 'journal-gap' });
  t.same((await store.journal.read(2, 4, all)).length, 2);
  disk.rollBack(1, 1);
  t.equal(await position(store, 1), 1);
  t.match(await store.journal.append(owner.group([1])), { type: 'refused', reason: 'conflict' });
});

t.test('faults drawn from one seed are the same every time', async (t) => {
  const run = async (): Promise<string[]> => {
    let seed = 17;
    const fraction = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 0x1_0000_0000;
    };
    const faults = seededFaults({
      fraction,
      probability: 0.4,
      faults: [{ type: 'lose-reply' }, { type: 'lose-request' }, { type: 'refuse', detail: 'by chance' }],
    });
    const store = createMemoryStore({ partitionCount, faults });
    const owner = await LogWriter.take(store, [0]);
    const results: string[] = [];
    for (let count = 0; count < 30; count++) {
      const head = await store.journal.head(0);
      owner.rewind(0, head);
      results.push((await store.journal.append(owner.group([0]))).type);
    }
    return results;
  };
  const first = await run();
  t.same(await run(), first);
  t.ok(new Set(first).size > 1, 'some went wrong');
});
