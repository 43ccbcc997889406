/** What networks do to an append: it is refused, or in exactly once, and the store says which, or that it does not know. */
import t from 'tap';
import { hashEntry, sameHash } from '../../../persistence/entry.js';
import type { AppendResult, GroupAppend } from '../../../persistence/journal.js';
import type { Store } from '../../../persistence/store.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { logOnly, proxiedScene, tablesOnly } from './proxied-store.js';

const one = { entriesMax: 1, bytesMax: 1 };
const start = { position: 0, hash: Buffer.alloc(16), epoch: 0 };
const partitions = [0, 1, 2];

if (hasRedis('faults of connections')) {
  void t.test('two owners that race for a partition: exactly one commits', async (t) => {
    const { open, openDirect } = await proxiedScene(t, 3);
    const [left, right] = [await open(), await openDirect()];
    let appended = 0;
    for (let round = 0; round < 30; round++) {
      const owners = await Promise.all([
        LogWriter.take(left, [0], `left-owner-${round}`),
        LogWriter.take(right, [0], `right-owner-${round}`),
      ]);
      const groups = owners.map((owner) => owner.group([0]));
      const results = await Promise.all(
        groups.map((group, index) => at([left, right], index).journal.append(group)),
      );
      t.same(results.map(({ type }) => type).sort(), ['appended', 'refused'], `round ${round}`);
      t.match(
        results.find(({ type }) => type === 'refused'),
        { reason: 'fenced' },
      );
      appended += 1;
    }
    t.equal((await right.journal.head(0)).position, appended);
    t.same(await damage(right, 0), []);
  });

  void t.test('an append held back until after a takeover is refused', async (t) => {
    const { proxy, open, openDirect } = await proxiedScene(t, 3);
    const store = await open();
    const old = await LogWriter.take(store, partitions, 'owner-old');
    await old.append(partitions);
    proxy.hold('up', logOnly);
    const late = store.journal.append(old.group(partitions));
    await until(() => [...proxy.connections].some((connection) => connection.heldBytes('up') > 0));
    const other = await openDirect();
    const next = await LogWriter.take(other, [1], 'owner-new');
    await next.append([1]);
    proxy.release('up', logOnly);
    t.match(await late, { type: 'refused', reason: 'fenced' });
    t.same(await heads(other), [1, 2, 1], 'nothing of it is in');
  });

  void t.test('an append delivered after its owner gave up the connection is refused', async (t) => {
    const { proxy, open, openDirect } = await proxiedScene(t, 3);
    const store = await open();
    const old = await LogWriter.take(store, partitions, 'owner-old');
    proxy.hold('up', logOnly);
    const group = old.group(partitions);
    // Nothing comes back: the driver gives the connection up and makes a new one, while the bytes are still on their way.
    t.match(await store.journal.append(group), { type: 'unknown' });
    const other = await openDirect();
    await LogWriter.take(other, partitions, 'owner-new');
    const before = [...proxy.connections].find((connection) => connection.heldBytes('up') > 0);
    t.ok(before, 'it is still held');
    before?.release('up');
    await until(() => before?.passed('down') !== 0 && before?.heldBytes('up') === 0);
    t.same(await heads(other), [0, 0, 0]);
  });

  void t.test('a group sent again while its first sending is on its way goes in once', async (t) => {
    const { proxy, open } = await proxiedScene(t, 3);
    const store = await open();
    const owner = await LogWriter.take(store, partitions);
    proxy.hold('up', logOnly);
    const group = owner.group(partitions);
    t.match(await store.journal.append(group), { type: 'unknown' });
    const [held] = [...proxy.connections].filter((connection) => connection.heldBytes('up') > 0);
    t.same(await settled(store, group), { type: 'appended' }, 'the second sending');
    held?.release('up');
    await owner.append(partitions);
    t.same(await heads(store), [2, 2, 2], 'the first one changed nothing');
    t.same(await damage(store, 1), []);
  });

  void t.test('a table commit held back until after a takeover is refused', async (t) => {
    const { proxy, open, openDirect } = await proxiedScene(t, 3);
    const store = await open();
    const old = await LogWriter.take(store, [0], 'owner-old');
    proxy.hold('up', tablesOnly);
    const puts = [{ table: 'rows', key: 'k', value: Buffer.from('old') }];
    const late = store.tables.commit({
      ...{ partition: 0, fence: old.fence(0), from: start, to: start, puts, deletes: [] },
    });
    await until(() => [...proxy.connections].some((connection) => connection.heldBytes('up') > 0));
    const other = await openDirect();
    await LogWriter.take(other, [0], 'owner-new');
    proxy.release('up', tablesOnly);
    t.match(await late, { type: 'refused', reason: 'fenced' });
    t.same(await other.tables.get(0, 'rows', ['k']), [undefined]);
  });

  void t.test(
    'a reply lost after the append was applied: unknown, found by looking, never in twice',
    async (t) => {
      const { proxy, open } = await proxiedScene(t, 3);
      const store = await open();
      const owner = await LogWriter.take(store, partitions);
      for (let round = 1; round <= 10; round++) {
        for (const connection of proxy.connections) if (logOnly(connection)) connection.swallowReplyAfter(0);
        const group = owner.group(partitions);
        t.match(await store.journal.append(group), { type: 'unknown' }, `round ${round}`);
        t.equal(await isIn(store, group), true, 'it is in');
        t.match(await settled(store, group), { type: 'refused', reason: 'conflict' }, 'sent again');
      }
      t.same(await heads(store), [10, 10, 10]);
      t.same(await damage(store, 2), []);
    },
  );

  void t.test(
    'of two groups in flight when the connection breaks, neither is in without the one before it',
    async (t) => {
      const { proxy, open } = await proxiedScene(t, 3);
      const store = await open();
      const owner = await LogWriter.take(store, partitions);
      for (let round = 0; round < 12; round++) {
        const first = owner.group([0]);
        const second = owner.group([1], { after: first });
        for (const connection of proxy.connections)
          if (logOnly(connection)) connection.resetAfter('up', 100 + round * 60);
        const results = await Promise.all([first, second].map((group) => store.journal.append(group)));
        for (const { type } of results) t.ok(type === 'unknown' || type === 'appended', type);
        const [isFirstIn, isSecondIn] = [await isIn(store, first), await isIn(store, second)];
        t.notOk(isSecondIn && !isFirstIn, `round ${round}: ${isFirstIn}, ${isSecondIn}`);
        // What was on its way may arrive between the look and the repeat, which is then refused.
        for (const group of [first, second]) {
          await settled(store, group);
          t.equal(await isIn(store, group), true, `round ${round}: in after a repeat`);
        }
      }
      t.same(await heads(store), [12, 12, 0]);
    },
  );

  void t.test(
    'a connection cut at any byte of request or reply leaves the group whole or absent',
    async (t) => {
      const { proxy, open } = await proxiedScene(t, 3);
      const store = await open();
      const owner = await LogWriter.take(store, partitions);
      const log = () => [...proxy.connections].find(logOnly);
      const before = log()?.passed('up') ?? 0;
      await owner.append(partitions);
      const requestBytes = (log()?.passed('up') ?? 0) - before;
      let groups = 1;
      let wereIn = 0;
      const cuts = [...range(1, requestBytes, 37), ...range(requestBytes - 4, requestBytes + 1, 1)];
      for (const cut of [...cuts.map((up) => ({ up })), ...range(1, 4, 1).map((down) => ({ down }))]) {
        const [direction, bytes] = 'up' in cut ? (['up', cut.up] as const) : (['down', cut.down] as const);
        log()?.resetAfter(direction, bytes);
        const group = owner.group(partitions);
        const result = await store.journal.append(group);
        if (result.type !== 'appended')
          t.equal(result.type, 'unknown', `cut after ${bytes} bytes ${direction}`);
        // A look proves presence, never absence: what was sent may still arrive. Sending it again decides.
        const isPresent = await isIn(store, group);
        const again = isPresent ? undefined : await settled(store, group);
        if (result.type === 'appended') t.ok(isPresent, 'an acknowledged group is there');
        if (again?.type === 'refused') t.equal(again.reason, 'conflict');
        if (again?.type !== 'appended') wereIn += 1;
        groups += 1;
        t.ok(await isIn(store, group));
        for (const entry of group.entries)
          t.equal((await store.journal.head(entry.partition)).position, groups, 'whole, and once');
        await until(() => log() !== undefined);
      }
      t.ok(wereIn > 0 && wereIn < cuts.length, `${wereIn} of the cut ones were in`);
      t.same(await damage(store, 0), []);
    },
  );

  void t.test('a server that takes everything and answers nothing is left within a deadline', async (t) => {
    for (const direction of ['up', 'down'] as const) {
      const { proxy, open, events } = await proxiedScene(t, 3);
      const store = await open();
      const owner = await LogWriter.take(store, partitions);
      proxy.blackhole(direction, logOnly);
      const group = owner.group(partitions);
      t.match(await store.journal.append(group), { type: 'unknown' }, `blackhole ${direction}`);
      t.ok(events.includes('redis-connection-lost'));
      const result = await settled(store, group);
      t.match(result, direction === 'up' ? { type: 'appended' } : { type: 'refused', reason: 'conflict' });
      t.same(await heads(store), [1, 1, 1]);
    }
  });

  void t.test('a server that accepts connections and says nothing is left, and tried again', async (t) => {
    const { proxy, open } = await proxiedScene(t, 3);
    const store = await open();
    const owner = await LogWriter.take(store, partitions);
    t.equal(store.outage?.(), undefined);
    proxy.silence();
    proxy.reset();
    await until(() => /no answer for/.test(store.outage?.() ?? ''));
    t.match(await store.journal.append(owner.group(partitions)), { type: 'unknown' });
    proxy.silence(false);
    // Those that were accepted stay silent: only new ones help.
    await until(() => store.outage?.() === undefined);
    t.same(await heads(store), [0, 0, 0]);
  });

  void t.test(
    'without a connection nothing is queued: an append does not know, a read is refused',
    async (t) => {
      const { proxy, open, events } = await proxiedScene(t, 3);
      const store = await open();
      const owner = await LogWriter.take(store, partitions);
      proxy.refuse();
      proxy.reset();
      await until(() => events.filter((event) => event === 'redis-connection-lost').length === 2);
      const group = owner.group(partitions);
      t.match(await store.journal.append(group), { type: 'unknown' });
      await t.rejects(store.journal.read(0, 1, one), { code: 'storage-unavailable' });
      await t.rejects(store.ownership.take(0, 'owner-two'), { code: 'storage-unavailable' });
      t.match(await store.space(), { acceptsWrites: true });
      proxy.refuse(false);
      t.same(await settled(store, group), { type: 'appended' });
      // The connection of the reads may come back later than that of the appends.
      await until(() => store.outage?.() === undefined);
      t.same(await heads(store), [1, 1, 1], 'what was sent without a connection came in once');
    },
  );
}

/** Sends until the store knows. */
async function settled(store: Store, group: GroupAppend): Promise<AppendResult> {
  for (;;) {
    const result = await store.journal.append(group);
    if (result.type !== 'unknown') return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** By the hash of its first entry, as the committer looks. */
async function isIn(store: Store, group: GroupAppend): Promise<boolean> {
  const [entry] = group.entries;
  if (entry === undefined) return false;
  const [found] = await readWhenBack(store, entry.partition, entry.position);
  return found !== undefined && sameHash(hashEntry(found.bytes), entry.hash);
}

async function readWhenBack(store: Store, partition: number, position: number) {
  for (;;) {
    try {
      return await store.journal.read(partition, position, one);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function heads(store: Store): Promise<number[]> {
  return Promise.all(partitions.map(async (partition) => (await store.journal.head(partition)).position));
}

async function damage(store: Store, partition: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const one of verifyLog(store.journal, partition, 1)) found.push(one);
  return found;
}

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function at<T>(items: readonly T[], index: number): T {
  return items[index] as T;
}
