/**
 * The outcome ledger over a store in memory, with slices and looks interleaved by hand.
 */
import t from 'tap';
import type { Fence } from '../../../persistence/journal.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import type { Store } from '../../../persistence/store.js';
import type { Tables } from '../../../persistence/tables.js';
import { FilterGenerations } from '../../../runtime/deduplication/filter-generations.js';
import { type LedgerRows, OutcomeLedger } from '../../../runtime/deduplication/outcome-ledger.js';
import { segmentLimitsDefault } from '../../../runtime/deduplication/segment-plan.js';

const partition = 0;
const at = 1_800_000_000_000;

/** A ledger whose reads of the tables can be held. */
class Bench {
  readonly store: Store = createMemoryStore({ partitionCount: 1 });
  ledger!: OutcomeLedger;
  #fence: Fence | undefined;
  #held: Promise<void> | undefined;
  position = 0;
  nextTurn: () => Promise<void> = async () => {};

  async open(): Promise<void> {
    this.#fence = (await this.store.ownership.take(partition, 'nonce-of-a-test')).fence;
    const tables: Tables = {
      ...this.store.tables,
      get: async (...keys) => {
        await this.#held;
        return this.store.tables.get(...keys);
      },
    };
    this.ledger = await OutcomeLedger.open(tables, partition, new FilterGenerations(65_536), () =>
      this.nextTurn(),
    );
  }

  /** Reads from now on wait until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined;
    this.#held = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.#held = undefined;
      release();
    };
  }

  note(id: string): number {
    this.position += 1;
    this.ledger.note(id, this.position, at);
    return this.position;
  }

  /** Commits a sweep's rows; the ledger is told when the caller says so. */
  async commit(): Promise<LedgerRows> {
    const rows = this.ledger.takeRows(this.position, at);
    const checkpoint = await this.store.tables.checkpoint(partition);
    if (this.#fence === undefined) throw new Error('open first');
    const result = await this.store.tables.commit({
      partition,
      fence: this.#fence,
      from: checkpoint,
      to: checkpoint,
      puts: rows.puts,
      deletes: rows.deletes,
    });
    if (result.type !== 'committed') throw new Error(result.type);
    return rows;
  }

  async sweep(): Promise<void> {
    (await this.commit()).written();
    await settled();
  }

  /** As many segments as a merge takes, each with one id, and the merge prepared. */
  async fillForMerge(): Promise<void> {
    for (let index = 0; index < segmentLimitsDefault.mergeFanIn; index++) {
      this.note(`id-${index}`);
      await this.sweep();
    }
  }
}

/** Lets promises that wait for nothing outside run to their ends. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

t.test(
  'L1: a look finds what was noted, in memory, being written, written and after a restart',
  async (t) => {
    const bench = new Bench();
    await bench.open();
    bench.note('a');
    t.same(await bench.ledger.candidates('a'), [1]);
    const rows = await bench.commit();
    t.same(await bench.ledger.candidates('a'), [1]);
    rows.written();
    t.same(await bench.ledger.candidates('a'), [1]);
    await bench.open();
    t.equal(bench.ledger.mayHold('a'), true);
    t.same(await bench.ledger.candidates('a'), [1]);
    t.same(await bench.ledger.candidates('b'), []);
  },
);

t.test(
  'L1: a look that reads while its segments are merged away finds the outcome in the merge',
  async (t) => {
    const bench = new Bench();
    await bench.open();
    await bench.fillForMerge();
    const release = bench.hold();
    const look = bench.ledger.candidates('id-0');
    const rows = await bench.commit();
    t.ok(rows.deletes.length > 0, 'the merge was written');
    release();
    t.same(await look, [1], 'before the ledger hears of it');
    t.same(await bench.ledger.candidates('id-3'), [4]);
    rows.written();
    t.same(await bench.ledger.candidates('id-0'), [1], 'and after');
  },
);

t.test('L1: a look that began before a merge and reads long after it looks again', async (t) => {
  const bench = new Bench();
  await bench.open();
  await bench.fillForMerge();
  const release = bench.hold();
  const look = bench.ledger.candidates('id-0');
  (await bench.commit()).written();
  release();
  t.same(await look, [1]);
});

t.test(
  'L1: a look after another owner has replaced what it looks for is refused, and is no damage',
  async (t) => {
    const bench = new Bench();
    await bench.open();
    await bench.fillForMerge();
    const superseded = bench.ledger;
    await bench.open();
    bench.note('one-more');
    await bench.sweep();
    await bench.sweep();
    await t.rejects(superseded.candidates('id-0'), { code: 'storage-unavailable' });
    t.same(await bench.ledger.candidates('id-0'), [1]);
  },
);

t.test('L2: a segment that is missing without a successor is damage, not a miss', async (t) => {
  const bench = new Bench();
  await bench.open();
  bench.note('a');
  const rows = await bench.commit();
  rows.written();
  const fence = (await bench.store.ownership.take(partition, 'somebody-else')).fence;
  const checkpoint = await bench.store.tables.checkpoint(partition);
  const deletes = rows.puts
    .filter(({ key }) => key !== 'directory')
    .map(({ table, key }) => ({ table, key }));
  await bench.store.tables.commit({ partition, fence, from: checkpoint, to: checkpoint, puts: [], deletes });
  await t.rejects(bench.ledger.candidates('a'), { code: 'bytes-damaged' });
});

t.test('after a restart the filter is told every segment, those merged meanwhile too', async (t) => {
  const bench = new Bench();
  await bench.open();
  await bench.fillForMerge();
  await bench.open();
  bench.note('later');
  let turns = 0;
  let isSweeping = false;
  bench.nextTurn = async () => {
    if (isSweeping || turns === 2) return;
    turns += 1;
    isSweeping = true;
    await bench.sweep();
    isSweeping = false;
  };
  await bench.ledger.cover();
  t.equal(bench.ledger.mayHold('never seen'), false, 'no look searches a segment for nothing');
  t.same(await bench.ledger.candidates('id-5'), [6]);
});
