/**
 * Random owners, appends, commits and reads against a store and against the simplest model of one. Every operation's answer must
 * be the model's. Each run has a place of its own; failures print their seed.
 */
import fc from 'fast-check';
import t from 'tap';
import { hashEntry, noHash, sameHash } from '../../persistence/entry.js';
import type { EntryHash, Fence, GroupAppend, Head } from '../../persistence/journal.js';
import type { Store } from '../../persistence/store.js';
import type { Checkpoint } from '../../persistence/tables.js';
import { LogWriter } from './log-writer.js';
import type { StoreDriver } from './store-contract.js';

const partitionCount = 3;
const ownerCount = 2;
const keys = ['a', 'aa', 'b', '\u00ff'];
const all = { entriesMax: 1_000, bytesMax: 10_000_000 };

/** The truth, as arrays and maps. */
class StoreModel {
  readonly logs: Buffer[][] = Array.from({ length: partitionCount }, () => []);
  readonly fences: (Fence | undefined)[] = Array.from({ length: partitionCount }, () => undefined);
  readonly rows: Map<string, string>[] = Array.from({ length: partitionCount }, () => new Map());
  readonly checkpoints: Checkpoint[] = Array.from({ length: partitionCount }, () => ({
    position: 0,
    hash: noHash,
    epoch: 0,
  }));

  refusal(group: GroupAppend): 'fenced' | 'conflict' | undefined {
    if (group.entries.some(({ partition, fence }) => this.fences[partition]?.nonce !== fence.nonce))
      return 'fenced';
    const fits = group.entries.every(
      ({ partition, position }) => position === this.log(partition).length + 1,
    );
    const follows = group.after.every(({ partition, position, hash }) => {
      const entry = this.log(partition)[position - 1];
      return entry !== undefined && sameHash(hashEntry(entry), hash);
    });
    return fits && follows ? undefined : 'conflict';
  }

  log(partition: number): Buffer[] {
    return this.logs[partition] ?? [];
  }
}

/** Two stores on one place, and what each owner believes: what it took, and the heads it last knew. */
class Run {
  readonly model = new StoreModel();
  readonly #stores: Store[];
  readonly #writers: LogWriter[];
  readonly #heads: Map<number, Head>[] = Array.from({ length: ownerCount }, () => new Map());
  #takings = 0;

  constructor(stores: Store[]) {
    this.#stores = stores;
    this.#writers = stores.map((store) => new LogWriter(store));
  }

  async take(owner: number, partition: number): Promise<void> {
    this.#takings += 1;
    const nonce = `taker-number-${this.#takings}`;
    const writer = at(this.#writers, owner);
    await writer.take(partition, nonce);
    const fence = writer.fence(partition);
    equal(fence.epoch, (this.model.fences[partition]?.epoch ?? 0) + 1, 'the epoch rises by one');
    this.model.fences[partition] = fence;
    equal(writer.head(partition).position, this.model.log(partition).length, 'the head is handed over');
    this.#heads[owner]?.set(partition, writer.head(partition));
  }

  /** Several groups sent at once, each after the one before it. */
  async append(owner: number, shares: readonly (readonly number[])[]): Promise<void> {
    const writer = at(this.#writers, owner);
    const known = at(this.#heads, owner);
    const groups: GroupAppend[] = [];
    for (const share of shares) {
      const partitions = share.filter((partition) => known.has(partition));
      const last = groups.at(-1);
      if (partitions.length > 0)
        groups.push(writer.group(partitions, last === undefined ? {} : { after: last }));
    }
    const results = await Promise.all(groups.map((group) => at(this.#stores, owner).journal.append(group)));
    for (const [index, group] of groups.entries()) {
      const wanted = this.model.refusal(group);
      const result = at(results, index);
      // A group behind a refused one hears of a conflict or of the fence, whichever is found first.
      if (wanted === undefined) equal(result.type, 'appended', JSON.stringify(result));
      else equal(result.type, 'refused', `wanted ${wanted}`);
      if (wanted === 'fenced' && index === 0)
        equal(result.type === 'refused' && result.reason, 'fenced', 'reason');
      if (wanted !== undefined) continue;
      for (const { partition, position, hash, bytes } of group.entries) {
        this.model.log(partition).push(Buffer.from(bytes));
        known.set(partition, { position, hash });
      }
    }
    for (const [partition, head] of known) writer.rewind(partition, head);
  }

  async commit(
    owner: number,
    partition: number,
    change: { key: string; value: string | undefined; moves: boolean },
  ): Promise<void> {
    const known = at(this.#heads, owner);
    if (!known.has(partition)) return;
    const { key, value, moves } = change;
    const fence = at(this.#writers, owner).fence(partition);
    const from = at(this.model.checkpoints, partition);
    const to = moves ? { ...(known.get(partition) as Head), epoch: fence.epoch } : from;
    const puts = value === undefined ? [] : [{ table: 't', key, value: Buffer.from(value) }];
    const deletes = value === undefined ? [{ table: 't', key }] : [];
    const result = await at(this.#stores, owner).tables.commit({ partition, fence, from, to, puts, deletes });
    const isOwner = this.model.fences[partition]?.nonce === fence.nonce;
    equal(result.type, isOwner ? 'committed' : 'refused', JSON.stringify(result));
    if (!isOwner) return;
    const rows = at(this.model.rows, partition);
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
    this.model.checkpoints[partition] = to;
  }

  /** Everything that can be read, against the model. */
  async check(owner: number, partition: number): Promise<void> {
    const store = at(this.#stores, owner);
    const log = this.model.log(partition);
    const limits = { ...all, entriesMax: Math.max(1, log.length), durableTo: log.length };
    const read = await store.journal.read(partition, 1, limits);
    equal(read.length, log.length, 'entries');
    for (const [index, { bytes }] of read.entries())
      equal(Buffer.compare(bytes, at(log, index)), 0, `entry ${index + 1}`);
    const rows = await store.tables.range(partition, { table: 't', from: '', limit: 100 });
    const wanted = [...at(this.model.rows, partition)].sort(([left], [right]) => (left < right ? -1 : 1));
    equal(
      JSON.stringify(rows.map(({ key, value }) => [key, Buffer.from(value).toString()])),
      JSON.stringify(wanted),
      'rows',
    );
    const checkpoint = await store.tables.checkpoint(partition);
    equal(hex(checkpoint.hash), hex(at(this.model.checkpoints, partition).hash), 'checkpoint');
    const fence = await store.ownership.observe(partition);
    equal(fence?.nonce, this.model.fences[partition]?.nonce, 'owner');
  }
}

type Step =
  | { readonly type: 'take'; readonly owner: number; readonly partition: number }
  | { readonly type: 'append'; readonly owner: number; readonly shares: readonly (readonly number[])[] }
  | {
      readonly type: 'commit';
      readonly owner: number;
      readonly partition: number;
      readonly key: string;
      /** Undefined deletes. */
      readonly value: string | undefined;
      readonly moves: boolean;
    }
  | { readonly type: 'check'; readonly owner: number; readonly partition: number };

const partition = fc.nat({ max: partitionCount - 1 });
const owner = fc.nat({ max: ownerCount - 1 });
const share = fc.uniqueArray(partition, { minLength: 1, maxLength: partitionCount });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant('take' as const), owner, partition }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      owner,
      shares: fc.array(share, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      owner,
      partition,
      key: fc.constantFrom(...keys),
      value: fc.option(fc.string({ maxLength: 5 }), { nil: undefined }),
      moves: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('check' as const), owner, partition }) },
);

function take(run: Run, step: Step): Promise<void> {
  switch (step.type) {
    case 'take':
      return run.take(step.owner, step.partition);
    case 'append':
      return run.append(step.owner, step.shares);
    case 'commit':
      return run.commit(step.owner, step.partition, step);
    case 'check':
      return run.check(step.owner, step.partition);
  }
}

export interface ModelRuns {
  readonly runs: number;
  readonly isLong?: boolean;
}

/** `few`, or as many as `STORE_MODEL_RUNS` asks for. */
export function modelRuns(few: number): ModelRuns {
  const asked = process.env.STORE_MODEL_RUNS;
  return asked === undefined ? { runs: few } : { runs: Number(asked), isLong: true };
}

/** The short form ends after a minute with what it has done by then; the long one takes its time and does all. */
export function storeModel(driver: StoreDriver, { runs, isLong = false }: ModelRuns): void {
  void t.test(
    `${driver.name}: random owners, appends, commits and reads agree with the model`,
    { timeout: isLong ? 1_800_000 : 90_000 },
    async (t) => {
      const outcome = await fc.check(
        fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
          const place = await driver.place(partitionCount);
          const stores = [await place.open(), await place.open()];
          const run = new Run(stores);
          try {
            for (const step of steps) await take(run, step);
            for (let of = 0; of < partitionCount; of++) await run.check(of % ownerCount, of);
          } finally {
            for (const store of stores.reverse()) await store.close();
            await place.remove();
          }
        }),
        { numRuns: runs, includeErrorInReport: true, ...(isLong ? {} : { interruptAfterTimeLimit: 60_000 }) },
      );
      t.comment(`${outcome.numRuns} of ${runs} cases`);
      t.notOk(
        outcome.failed,
        outcome.failed ? (fc.defaultReportMessage(outcome) ?? 'failed') : `${outcome.numRuns} runs`,
      );
    },
  );
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`nothing at ${index}`);
  return item;
}

function equal(found: unknown, wanted: unknown, what: string): void {
  if (found !== wanted) throw new Error(`${what}: found ${String(found)}, wanted ${String(wanted)}`);
}

function hex(hash: EntryHash): string {
  return Buffer.from(hash).toString('hex');
}
