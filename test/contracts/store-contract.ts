/**
 * What every store must do, crash cases included. A driver's test hands in how to make a place for data and how to open it;
 * see `test/persistence/`.
 */
import t, { type Test } from 'tap';
import { EntryReader, noHash } from '../../persistence/entry.js';
import type { GroupAppend, Head } from '../../persistence/journal.js';
import type { PartitionCount } from '../../persistence/partition-count.js';
import type { Store } from '../../persistence/store.js';
import type { Checkpoint, TableCommit } from '../../persistence/tables.js';
import { type Damage, verifyLog } from '../../persistence/verify.js';
import { until } from '../support/until.js';
import { identities, LogWriter } from './log-writer.js';

export interface StorePlace {
  /** Opens the data, by default for the count of the place. Several stores may be open at once: each is an owner of its own. */
  open(partitionCount?: PartitionCount): Promise<Store>;
  /** Flips one bit inside the stored bytes of an entry, while no store is open. `record` is what was written in it. */
  corrupt(at: { partition: number; position: number; record: Uint8Array }): Promise<void>;
  remove(): Promise<void>;
}

export interface StoreDriver {
  readonly name: string;
  place(partitionCount: PartitionCount): Promise<StorePlace>;
}

const all = { entriesMax: 1_000, bytesMax: 64 * 1024 * 1024 };
const start: Checkpoint = { position: 0, hash: noHash, epoch: 0 };

export function storeContract(driver: StoreDriver): void {
  const rule = (name: string, run: (t: Test, place: StorePlace, store: Store) => Promise<void>): void => {
    void t.test(`${driver.name}: ${name}`, async (t) => {
      const place = await driver.place(8);
      const store = await place.open();
      t.teardown(async () => {
        await store.close();
        await place.remove();
      });
      await run(t, place, store);
    });
  };

  rule('what was appended is read back in order, with its head', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [3]);
    t.same(await store.journal.head(3), { position: 0, hash: noHash });
    t.same(await store.journal.read(3, 1, all), []);
    const groups: GroupAppend[] = [];
    for (let count = 0; count < 5; count++) groups.push(await owner.append([3]));
    const read = await store.journal.read(3, 1, all);
    t.same(
      read.map(({ position }) => position),
      [1, 2, 3, 4, 5],
    );
    t.same(
      read.map(({ bytes }) => Buffer.from(bytes)),
      groups.map((group) => group.entries[0]?.bytes),
    );
    t.equal(new EntryReader(read[4]?.bytes ?? noHash).position, 5);
    sameHead(t, await store.journal.head(3), owner.head(3));
  });

  rule(
    'a read starts anywhere and keeps its limits, but gives at least one entry',
    async (t, _place, store) => {
      const owner = await LogWriter.take(store, [0]);
      for (let count = 0; count < 200; count++) await owner.append([0]);
      t.same(positions(await store.journal.read(0, 64, { ...all, entriesMax: 3 })), [64, 65, 66]);
      t.same(positions(await store.journal.read(0, 130, { ...all, bytesMax: 1 })), [130]);
      t.equal((await store.journal.read(0, 1, all)).length, 200);
      t.same(positions(await store.journal.read(0, 199, all)), [199, 200]);
      t.same(await store.journal.read(0, 201, all), []);
    },
  );

  rule(
    'what was trimmed is a gap, what stands from there on is read as before, and the log goes on',
    async (t, place, store) => {
      const owner = await LogWriter.take(store, [0, 1]);
      for (let count = 0; count < 300; count++) await owner.append([0, 1]);
      await checkpointed(store, owner, 0);
      const before = await store.journal.read(0, 200, all);
      const untouched = await store.journal.read(1, 1, all);
      await store.journal.trim([{ partition: 0, below: 200 }]);
      for (const from of [1, 100])
        await t.rejects(store.journal.read(0, from, all), { code: 'journal-gap' }, `from ${from}`);
      t.same(await store.journal.read(0, 200, all), before);
      t.same(await store.journal.read(1, 1, all), untouched, 'other partitions are whole');
      await owner.append([0]);
      await store.journal.trim([{ partition: 0, below: 200 }]);
      await store.journal.trim([{ partition: 0, below: 10 }]);
      t.equal((await store.journal.read(0, 200, all)).length, 102, 'a trim of what is gone changes nothing');
      const other = await place.open();
      t.equal(
        (await other.ownership.take(0, 'owner-02')).head.position,
        301,
        'and another owner finds it so',
      );
      t.equal((await other.journal.read(0, 301, all)).length, 1);
      await other.close();
    },
  );

  rule('the last entry is never trimmed, and an empty log has nothing to trim', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    await store.journal.trim([{ partition: 0, below: 1_000 }]);
    t.same(await store.journal.read(0, 1, all), []);
    for (let count = 0; count < 128; count++) await owner.append([0]);
    await checkpointed(store, owner, 0);
    await store.journal.trim([{ partition: 0, below: 1_000 }]);
    t.same(positions(await store.journal.read(0, 128, all)), [128]);
    sameHead(t, await store.journal.head(0), owner.head(0));
    await owner.append([0]);
    t.equal((await store.journal.read(0, 128, all)).length, 2);
    await t.rejects(
      store.journal.trim([{ partition: 8, below: 1 }]),
      { name: 'RangeError' },
      'no such partition',
    );
  });

  rule('a group over many partitions is in every one of them', async (t, _place, store) => {
    const partitions = [0, 1, 2, 3, 4, 5, 6, 7];
    const owner = await LogWriter.take(store, partitions);
    await owner.append(partitions);
    await owner.append(partitions);
    for (const partition of partitions)
      sameHead(t, await store.journal.head(partition), owner.head(partition));
  });

  rule('a group is refused whole when one of its partitions does not fit', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0, 1, 2]);
    await owner.append([1]);
    const behind = owner.group([0, 1, 2]);
    const [first, second, third] = behind.entries;
    const skewed = {
      entries: [first!, { ...second!, position: 1, previousHash: noHash }, third!],
      after: [],
    };
    const result = await store.journal.append(skewed);
    t.match(result, { type: 'refused', reason: 'conflict' });
    t.same(await heads(store, [0, 1, 2]), [0, 1, 0]);
    t.same(await store.journal.append(behind), { type: 'appended' });
  });

  rule('a gap is refused', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    owner.group([0]);
    t.match(await store.journal.append(owner.group([0])), { type: 'refused', reason: 'conflict' });
    t.equal((await store.journal.head(0)).position, 0);
  });

  rule('an entry after another one than the stored is refused', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    await owner.append([0]);
    const group = owner.group([0]);
    const [entry] = group.entries;
    const elsewhere = { entries: [{ ...entry!, previousHash: Buffer.alloc(16, 7) }], after: [] };
    t.match(await store.journal.append(elsewhere), { type: 'refused', reason: 'conflict' });
    t.equal((await store.journal.head(0)).position, 1);
  });

  rule('a group appended again is refused, and looking finds it by its hash', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0, 1]);
    const group = await owner.append([0, 1]);
    t.match(await store.journal.append(group), { type: 'refused', reason: 'conflict' });
    for (const { partition, position, hash } of group.entries) {
      const head = await store.journal.head(partition);
      t.equal(head.position, position);
      t.same(Buffer.from(head.hash), Buffer.from(hash));
    }
  });

  rule('a stale token is refused by the journal and nothing is written', async (t, _place, store) => {
    const old = await LogWriter.take(store, [0, 1], 'owner-old');
    await old.append([0, 1]);
    const next = await LogWriter.take(store, [1], 'owner-new');
    t.ok(next.fence(1).epoch > old.fence(1).epoch, 'the epoch rises');
    t.match(await store.journal.append(old.group([0, 1])), { type: 'refused', reason: 'fenced' });
    t.same(await heads(store, [0, 1]), [1, 1]);
    await next.append([1]);
    t.same(await heads(store, [0, 1]), [1, 2]);
  });

  rule('a token with the right epoch and another nonce is refused', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    const [entry] = owner.group([0]).entries;
    const forged = { entries: [{ ...entry!, fence: { ...entry!.fence, nonce: 'somebody' } }], after: [] };
    t.match(await store.journal.append(forged), { type: 'refused', reason: 'fenced' });
    t.equal((await store.journal.head(0)).position, 0);
  });

  rule('taking hands over the head that the old owner left', async (t, place, store) => {
    const old = await LogWriter.take(store, [0], 'owner-old');
    for (let count = 0; count < 70; count++) await old.append([0]);
    const other = await place.open();
    const next = await LogWriter.take(other, [0], 'owner-new');
    sameHead(t, next.head(0), old.head(0));
    t.match(await store.journal.append(old.group([0])), { type: 'refused', reason: 'fenced' });
    await next.append([0]);
    t.same(positions(await other.journal.read(0, 60, all)), [60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71]);
    t.same(
      positions(await store.journal.read(0, 71, { ...all, entriesMax: 1, durableTo: 71 })),
      [71],
      'the old owner may still look, and waits for what it is told to be there',
    );
    await until(async () => (await store.journal.head(0)).position === 71);
    t.same(positions(await store.journal.read(0, 70, all)), [70, 71], 'it comes by itself as well');
    await other.close();
  });

  rule(
    'takers of one partition at the same time get different epochs, and the last one has it',
    async (t, place, store) => {
      const other = await place.open();
      const taken = await Promise.all([
        store.ownership.take(0, 'taker-01'),
        other.ownership.take(0, 'taker-02'),
        store.ownership.take(0, 'taker-03'),
      ]);
      const epochs = taken.map(({ fence }) => fence.epoch).sort();
      t.equal(new Set(epochs).size, 3);
      t.equal((await store.ownership.observe(0))?.epoch, epochs[2]);
      await other.close();
    },
  );

  rule(
    'renewing and observing know the owner; a partition nobody took has none',
    async (t, _place, store) => {
      t.equal(await store.ownership.observe(5), undefined);
      const first = await store.ownership.take(5, 'owner-01');
      t.same(await store.ownership.observe(5), first.fence);
      t.equal(await store.ownership.renew(5, first.fence), 'held');
      const second = await store.ownership.take(5, 'owner-02');
      t.equal(await store.ownership.renew(5, first.fence), 'lost');
      await store.ownership.release(5, first.fence);
      t.equal(await store.ownership.renew(5, second.fence), 'held', 'a stale release changes nothing');
      await store.ownership.release(5, second.fence);
    },
  );

  rule('what no caller may ask is thrown, and changes nothing', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    const [entry] = owner.group([0]).entries;
    for (const nonce of ['short', 'x'.repeat(33), 'with spaces']) {
      await t.rejects(store.ownership.take(0, nonce), { name: 'RangeError' }, nonce);
    }
    await t.rejects(store.ownership.take(8, 'owner-01'), { name: 'RangeError' }, 'no such partition');
    const append = async (entries: GroupAppend['entries']) => store.journal.append({ entries, after: [] });
    await t.rejects(append([]), { name: 'RangeError' }, 'an empty group');
    await t.rejects(append([entry!, entry!]), { name: 'RangeError' }, 'two entries of one partition');
    const commit = async (table: string, key: string) =>
      store.tables.commit(
        slice({ partition: 0, fence: owner.fence(0), puts: [{ table, key, value: latin1('v') }] }),
      );
    for (const [table, key] of [
      ['', 'k'],
      ['t'.repeat(65), 'k'],
      ['t', 'k'.repeat(1_025)],
      ['t', '\u0100'],
    ] as const) {
      await t.rejects(
        commit(table, key),
        { name: 'RangeError' },
        `${table.length}, ${key.length} characters`,
      );
    }
    t.same(await store.ownership.observe(0), owner.fence(0));
    t.same(await heads(store, [0]), [0]);
    t.same(await commit('t'.repeat(64), 'k'.repeat(1_024)), { type: 'committed' });
  });

  rule('two groups in flight go in, in order', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0, 1, 2]);
    const first = owner.group([0, 1]);
    const second = owner.group([1, 2], { after: first });
    const third = owner.group([0, 1, 2], { after: second });
    const results = await Promise.all([first, second, third].map((group) => store.journal.append(group)));
    t.same(results, [{ type: 'appended' }, { type: 'appended' }, { type: 'appended' }]);
    t.same(await heads(store, [0, 1, 2]), [2, 3, 2]);
  });

  rule(
    'a group is refused when the one in flight before it was, also over other partitions',
    async (t, place, store) => {
      for (const [shared, name] of [
        [[2], 'no partition in common'],
        [[1, 2], 'one in common'],
      ] as const) {
        const owner = await LogWriter.take(store, [0, 1, 2], 'owner-old');
        const before = await heads(store, [0, 1, 2]);
        const other = await place.open();
        await other.ownership.take(0, 'owner-new');
        const first = owner.group([0, 1]);
        const second = owner.group(shared, { after: first });
        const results = await Promise.all([store.journal.append(first), store.journal.append(second)]);
        t.match(results, [{ type: 'refused', reason: 'fenced' }, { type: 'refused' }], name);
        t.same(await heads(store, [0, 1, 2]), before, name);
        await other.close();
      }
    },
  );

  rule(
    'of what a stale owner has in flight nothing goes in, neither groups nor rows',
    async (t, place, store) => {
      const other = await place.open();
      for (const takings of [1, 2, 3]) {
        const old = await LogWriter.take(store, [0], 'owner-old');
        const next = new LogWriter(other);
        for (let taking = 0; taking < takings; taking++) await next.take(0, `owner-new-${taking}`);
        const appends = [1, 2, 3, 4, 5].map(() => store.journal.append(old.group([0])));
        const puts = [{ table: 'rows', key: 'k', value: latin1('old') }];
        const commits = [1, 2, 3, 4, 5].map(() =>
          store.tables.commit(slice({ partition: 0, fence: old.fence(0), puts })),
        );
        const results = [...(await Promise.all(appends)), ...(await Promise.all(commits))];
        t.same(
          results.map(({ type }) => type),
          Array(10).fill('refused'),
          `after ${takings} takeovers`,
        );
        t.match(results[0], { reason: 'fenced' });
        t.same(await heads(store, [0]), [0]);
        t.same(await other.tables.get(0, 'rows', ['k']), [undefined]);
        t.same(await store.ownership.observe(0), next.fence(0));
      }
      await other.close();
    },
  );

  rule(
    'a group is refused when the entry it names as its predecessor is another one',
    async (t, _place, store) => {
      const owner = await LogWriter.take(store, [0, 1]);
      const first = await owner.append([0]);
      const [identity] = identities(first);
      const second = owner.group([1]);
      const wrongHash = { ...second, after: [{ ...identity!, hash: Buffer.alloc(16, 9) }] };
      t.match(await store.journal.append(wrongHash), { type: 'refused', reason: 'conflict' });
      const tooFar = { ...second, after: [{ ...identity!, position: 2 }] };
      t.match(await store.journal.append(tooFar), { type: 'refused', reason: 'conflict' });
      t.same(
        await store.journal.append({ ...second, after: [identity!] }),
        { type: 'appended' },
        'the right one is taken',
      );
    },
  );

  rule('after a refusal the owner goes on from the stored head', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    await owner.append([0]);
    const head = owner.head(0);
    owner.group([0]);
    t.match(await store.journal.append(owner.group([0])), { type: 'refused' });
    owner.rewind(0, head);
    await owner.append([0]);
    t.equal((await store.journal.head(0)).position, 2);
  });

  rule('rows of a table commit are read back, in the order of their bytes', async (t, _place, store) => {
    const { fence } = await store.ownership.take(1, 'owner-01');
    const keys = ['b', 'a', '\u00ff', '', 'a\u0000', 'aa', 'B', '\u0080', 'a\u00ff'];
    const puts = keys.map((key) => ({ table: 'rows', key, value: Buffer.from(`value of ${key}`) }));
    t.same(await store.tables.commit(slice({ partition: 1, fence, puts })), { type: 'committed' });
    const bytewise = [...keys].sort((left, right) => Buffer.compare(latin1(left), latin1(right)));
    const rows = await store.tables.range(1, { table: 'rows', from: '', limit: 100 });
    t.same(
      rows.map(({ key }) => key),
      bytewise,
    );
    t.same(
      rows.map(({ value }) => Buffer.from(value).toString()),
      bytewise.map((key) => `value of ${key}`),
    );
    const found = await store.tables.get(1, 'rows', ['aa', 'missing', '\u00ff']);
    t.same(
      found.map((value) => value && Buffer.from(value).toString()),
      ['value of aa', undefined, 'value of \u00ff'],
    );
  });

  rule('a range keeps its bounds, its limit, its table and its partition', async (t, _place, store) => {
    const keys = ['a', 'b', 'c', 'd', 'e'];
    for (const partition of [0, 1]) {
      const { fence } = await store.ownership.take(partition, 'owner-01');
      const puts = ['t', 't\u00ff', 'u'].flatMap((table) =>
        keys.map((key) => ({ table, key, value: latin1(table + key) })),
      );
      await store.tables.commit(slice({ partition, fence, puts }));
    }
    const range = async (query: { table: string; from: string; to?: string; limit: number }) =>
      (await store.tables.range(0, query)).map(({ key }) => key);
    t.same(await range({ table: 't', from: 'b', to: 'd', limit: 9 }), ['b', 'c']);
    t.same(await range({ table: 't', from: 'b', limit: 2 }), ['b', 'c']);
    t.same(await range({ table: 't', from: '', limit: 99 }), keys);
    t.same(await range({ table: 't\u00ff', from: 'bb', limit: 99 }), ['c', 'd', 'e']);
    t.same(await range({ table: 'none', from: '', limit: 99 }), []);
    t.same(await range({ table: 't', from: 'd', to: 'b', limit: 9 }), []);
    t.same(await range({ table: 't', from: 'a', limit: 0 }), []);
  });

  rule('a commit replaces and deletes rows, and moves the checkpoint', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    t.same(await store.tables.checkpoint(0), start);
    const fence = owner.fence(0);
    const put = (value: string) => ({ table: 'rows', key: 'k', value: latin1(value) });
    await store.tables.commit(slice({ partition: 0, fence, puts: [put('one'), { ...put('x'), key: 'l' }] }));
    t.same(await store.tables.checkpoint(0), start, 'a slice in the middle of a sweep leaves it');
    await owner.append([0]);
    const to = { ...owner.head(0), epoch: fence.epoch };
    const last = slice({
      partition: 0,
      fence,
      puts: [put('two')],
      deletes: [{ table: 'rows', key: 'l' }],
      to,
    });
    t.same(await store.tables.commit(last), { type: 'committed' });
    const checkpoint = await store.tables.checkpoint(0);
    t.same({ ...checkpoint, hash: Buffer.from(checkpoint.hash) }, { ...to, hash: Buffer.from(to.hash) });
    const rows = await store.tables.range(0, { table: 'rows', from: '', limit: 9 });
    t.same(
      rows.map(({ key, value }) => [key, Buffer.from(value).toString()]),
      [['k', 'two']],
    );
  });

  rule('a commit from another checkpoint is refused and nothing is written', async (t, _place, store) => {
    const { fence } = await store.ownership.take(0, 'owner-01');
    const from = { position: 3, hash: Buffer.alloc(16, 1), epoch: 1 };
    const puts = [{ table: 'rows', key: 'k', value: latin1('v') }];
    const result = await store.tables.commit({ partition: 0, fence, from, to: from, puts, deletes: [] });
    t.match(result, { type: 'refused', reason: 'conflict' });
    t.same(await store.tables.get(0, 'rows', ['k']), [undefined]);
    t.same(await store.tables.checkpoint(0), start);
  });

  rule('a stale token is refused by the tables and nothing is written', async (t, place, store) => {
    const old = await store.ownership.take(0, 'owner-old');
    const puts = [{ table: 'rows', key: 'k', value: latin1('old') }];
    const other = await place.open();
    const next = await other.ownership.take(0, 'owner-new');
    const late = await store.tables.commit(slice({ partition: 0, fence: old.fence, puts }));
    t.match(late, { type: 'refused', reason: 'fenced' }, 'a write held back until after a takeover');
    t.same(await other.tables.get(0, 'rows', ['k']), [undefined]);
    t.same(await other.tables.commit(slice({ partition: 0, fence: next.fence, puts })), {
      type: 'committed',
    });
    const same = await store.ownership.take(0, 'owner-again');
    t.match(await other.tables.commit(slice({ partition: 0, fence: next.fence, puts })), {
      type: 'refused',
      reason: 'fenced',
    });
    t.same(await store.tables.commit(slice({ partition: 0, fence: same.fence, puts })), {
      type: 'committed',
    });
    await other.close();
  });

  rule('two table commits in flight go in, in order', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    const fence = owner.fence(0);
    await owner.append([0]);
    const middle = { ...owner.head(0), epoch: fence.epoch };
    const put = (value: string) => [{ table: 'rows', key: 'k', value: latin1(value) }];
    const results = await Promise.all([
      store.tables.commit({ partition: 0, fence, from: start, to: middle, puts: put('one'), deletes: [] }),
      store.tables.commit({ partition: 0, fence, from: middle, to: middle, puts: put('two'), deletes: [] }),
    ]);
    t.same(results, [{ type: 'committed' }, { type: 'committed' }]);
    const [value] = await store.tables.get(0, 'rows', ['k']);
    t.equal(Buffer.from(value ?? noHash).toString(), 'two');
  });

  rule('entries and rows of 1 MB are kept', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0, 1]);
    const large = Buffer.alloc(1_000_000, 'large ');
    const group = await owner.append([0, 1], large);
    const [read] = await store.journal.read(1, 1, all);
    t.same(Buffer.from(read?.bytes ?? noHash), group.entries[1]?.bytes);
    t.equal(new EntryReader(read?.bytes ?? noHash).record(0).equals(large), true);
    const puts = [1, 2, 3].map((row) => ({ table: 'rows', key: `${row}`, value: large }));
    t.same(await store.tables.commit(slice({ partition: 0, fence: owner.fence(0), puts })), {
      type: 'committed',
    });
    const values = await store.tables.get(0, 'rows', ['1', '3']);
    t.same(
      values.map((value) => value !== undefined && large.equals(value)),
      [true, true],
    );
    const rows = await store.tables.range(0, { table: 'rows', from: '', limit: 9 });
    t.same(
      rows.map(({ value }) => large.equals(value)),
      [true, true, true],
    );
  });

  rule('what was read stays as it was when more is read and written', async (t, _place, store) => {
    const owner = await LogWriter.take(store, [0]);
    await owner.append([0], Buffer.from('first record'));
    const fence = owner.fence(0);
    await store.tables.commit(
      slice({ partition: 0, fence, puts: [{ table: 'rows', key: 'k', value: latin1('first') }] }),
    );
    const [entry] = await store.journal.read(0, 1, all);
    const [value] = await store.tables.get(0, 'rows', ['k']);
    const [row] = await store.tables.range(0, { table: 'rows', from: '', limit: 1 });
    for (let count = 0; count < 3; count++) {
      await owner.append([0], Buffer.from('other record'));
      await store.tables.commit(
        slice({ partition: 0, fence, puts: [{ table: 'rows', key: 'k', value: latin1('other') }] }),
      );
      await store.journal.read(0, 2, all);
      await store.tables.get(0, 'rows', ['k']);
      await store.tables.range(0, { table: 'rows', from: '', limit: 1 });
    }
    t.equal(new EntryReader(entry?.bytes ?? noHash).record(0).toString(), 'first record');
    t.equal(Buffer.from(value ?? noHash).toString(), 'first');
    t.equal(Buffer.from(row?.value ?? noHash).toString(), 'first');
  });

  rule('the manifest is replaced only when it is the expected one', async (t, _place, store) => {
    t.equal(await store.readManifest(), undefined);
    t.equal(await store.replaceManifest(latin1('none'), latin1('one')), false);
    t.equal(await store.replaceManifest(undefined, latin1('one')), true);
    t.equal(await store.replaceManifest(undefined, latin1('two')), false);
    t.equal(await store.replaceManifest(latin1('one'), latin1('two')), true);
    t.equal(Buffer.from((await store.readManifest()) ?? noHash).toString(), 'two');
  });

  rule('the store tells how much space there is', async (t, _place, store) => {
    const space = await store.space();
    t.ok(space.freeBytes > 0);
    t.equal(space.acceptsWrites, true);
    t.equal(store.partitionCount, 8);
  });

  void t.test(`${driver.name}: a store opened again has everything`, async (t) => {
    const place = await driver.place(4);
    t.teardown(() => place.remove());
    const store = await place.open();
    const owner = await LogWriter.take(store, [0, 1, 2, 3]);
    for (let count = 0; count < 130; count++) await owner.append(count % 3 === 0 ? [0, 1, 2] : [count % 2]);
    const fence = owner.fence(0);
    const to = { ...owner.head(0), epoch: fence.epoch };
    await store.tables.commit(
      slice({ partition: 0, fence, puts: [{ table: 'rows', key: 'k', value: latin1('v') }], to }),
    );
    await store.replaceManifest(undefined, latin1('manifest'));
    await store.close();

    const again = await place.open();
    for (const partition of [0, 1, 2, 3]) {
      sameHead(t, await again.journal.head(partition), owner.head(partition));
      t.same(await damages(again, partition), [], `partition ${partition} is sound`);
    }
    t.same(await again.ownership.observe(0), fence);
    t.equal((await again.tables.checkpoint(0)).position, to.position);
    t.equal(Buffer.from((await again.tables.get(0, 'rows', ['k']))[0] ?? noHash).toString(), 'v');
    t.equal(Buffer.from((await again.readManifest()) ?? noHash).toString(), 'manifest');
    const next = await LogWriter.take(again, [0, 1], 'owner-next');
    t.equal(next.fence(0).epoch, fence.epoch + 1);
    await next.append([0, 1]);
    await again.close();
  });

  void t.test(`${driver.name}: a store keeps the partition count that it was created with`, async (t) => {
    const place = await driver.place({ whenCreated: 4 });
    t.teardown(() => place.remove());
    for (const [index, asked] of [undefined, { whenCreated: 6 }, { whenCreated: 3 }, 4].entries()) {
      const store = await place.open(asked);
      t.equal(store.partitionCount, 4);
      const last = await LogWriter.take(store, [3], `owner-no-${index}`);
      await last.append([3]);
      await t.rejects(store.journal.head(4), RangeError);
      await store.close();
    }
    await t.rejects(place.open(3), {
      code: 'store-incompatible',
      message: /created with 4 partitions, not 3; the count is fixed$/,
    });
  });

  void t.test(`${driver.name}: a flipped bit is found, in any entry and by its place`, async (t) => {
    const place = await driver.place(2);
    t.teardown(() => place.remove());
    const store = await place.open();
    const owner = await LogWriter.take(store, [0, 1]);
    const record = (position: number): Buffer =>
      Buffer.from(`the one and only record ${position} of its partition`);
    for (let position = 1; position <= 9; position++) await owner.append([1], record(position));
    await store.close();
    for (const [corrupted, reported] of [
      [
        4,
        [
          { position: 4, kind: 'torn' },
          { position: 5, kind: 'chain' },
        ],
      ],
      [
        9,
        [
          { position: 9, kind: 'torn' },
          { position: 9, kind: 'head' },
        ],
      ],
    ] as const) {
      await place.corrupt({ partition: 1, position: corrupted, record: record(corrupted) });
      const damaged = await place.open();
      t.match(await damages(damaged, 1), reported);
      t.same(await damages(damaged, 0), []);
      await damaged.close();
      await place.corrupt({ partition: 1, position: corrupted, record: record(corrupted) });
    }
    const restored = await place.open();
    t.same(await damages(restored, 1), [], 'flipped back it is sound');
    await restored.close();
  });
}

/** The tables are made of the whole log: only then may it be trimmed. */
async function checkpointed(store: Store, owner: LogWriter, partition: number): Promise<void> {
  const from = await store.tables.checkpoint(partition);
  const fence = owner.fence(partition);
  const to = { ...owner.head(partition), epoch: fence.epoch };
  await store.tables.commit({ partition, fence, from, to, puts: [], deletes: [] });
}

function slice(
  commit: Pick<TableCommit, 'partition' | 'fence' | 'puts'> & Partial<TableCommit>,
): TableCommit {
  return { from: start, to: start, deletes: [], ...commit };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function positions(entries: readonly { readonly position: number }[]): number[] {
  return entries.map(({ position }) => position);
}

async function heads(store: Store, partitions: readonly number[]): Promise<number[]> {
  return Promise.all(partitions.map(async (partition) => (await store.journal.head(partition)).position));
}

function sameHead(t: Test, found: Head, wanted: Head): void {
  t.equal(found.position, wanted.position);
  t.same(Buffer.from(found.hash), Buffer.from(wanted.hash));
}

async function damages(store: Store, partition: number): Promise<Damage[]> {
  const found: Damage[] = [];
  for await (const damage of verifyLog(store.journal, partition, 1)) found.push(damage);
  return found;
}
