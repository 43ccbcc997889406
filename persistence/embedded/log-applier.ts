/**
 * Puts groups from write-ahead files, or from the memory of who wrote them, into LMDB: as one condition block, in which only those
 * stand whose conditions are met.
 *
 * P1  A group that is in already is not put in again, and one whose partition went on without it never is: its conditions
 *     name versions that do not come back. So anybody may apply anything, as often as they like, and nobody keeps books.
 * P2  A group that was found to be in is flushed when `apply` resolves, whoever put it in.
 * P3  At every moment LMDB has with each group all that it may have come from, though several threads write ahead each for itself:
 *     whoever puts in something puts in with it what the others have sent until then (`readAheadFiles`). A reader and a copy of
 *     LMDB rely on that.
 */
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { AheadRecord } from './ahead-record.js';
import { type BlockFate, type Condition, fateOf, fateOfFlush, sendBlock } from './condition-block.js';
import { encodeFenceRecord, type FenceRecord } from './fence-record.js';
import { indexKey, type LogEnvironment, logKey, type VersionedFence } from './log-environment.js';
import { blockOf, encodeBlock, sequencesPerBlock } from './sequence-tail.js';

/** Conditions are nested calls: some 2,000 of them exhaust the stack (Node 20, main thread). */
export const partitionsMax = 1_000;
/** Others that apply the same groups, or take a partition of theirs, at the same time; more is a fault somewhere else. */
const attemptsMax = 100;

export type Applied =
  /** Of each record whether it is in. */
  | { readonly type: 'applied'; readonly isIn: readonly boolean[] }
  | (BlockFate & { readonly type: 'unknown' });

/** A fence record as the groups leave it. */
interface Progress {
  record: FenceRecord;
  version: number;
  readonly versionBefore: number;
}

interface Put {
  readonly key: Buffer;
  readonly value: Buffer;
}

class Plan {
  readonly progress = new Map<number, Progress>();
  /** Partitions whose versions some group that goes in was judged by. */
  readonly reliedOn = new Set<number>();
  readonly entries: Put[] = [];
  readonly blocks: Put[] = [];
  readonly isIn: boolean[] = [];
  /** A record was in before. */
  hasFound = false;
}

export class LogApplier {
  readonly #environment: LogEnvironment;
  readonly #clock: StoreClock;
  /** As this applier left them, which holds as long as nobody else wrote to the partition. */
  readonly #known = new Map<number, VersionedFence>();

  constructor(environment: LogEnvironment, clock: StoreClock) {
    this.#environment = environment;
    this.#clock = clock;
  }

  /** True when there is nothing to put in: each is in, or its partition went on without it. */
  hasAll(records: readonly AheadRecord[]): boolean {
    this.#known.clear();
    return this.#planned([], records).entries.length === 0;
  }

  /**
   * In their order, those of others first: in one transaction with all of them, unless they are of more partitions than a block can
   * have conditions. Durable when it resolves. One call at a time.
   */
  async apply(records: readonly AheadRecord[], others: readonly AheadRecord[] = []): Promise<Applied> {
    const inParts = parts([...others, ...records]);
    if (inParts.length <= 1) return this.#applyTogether(records, others);
    const isIn: boolean[] = [];
    for (const part of inParts) {
      const applied = await this.#applyTogether(part, []);
      if (applied.type === 'unknown') return applied;
      isIn.push(...applied.isIn);
    }
    return { type: 'applied', isIn: isIn.slice(others.length) };
  }

  async #applyTogether(records: readonly AheadRecord[], others: readonly AheadRecord[]): Promise<Applied> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const plan = this.#plan(records, others);
      const changed = [...plan.progress].filter(([partition]) => plan.reliedOn.has(partition));
      const conditions = changed.map(
        ([key, { versionBefore }]): Condition => ({ key, version: versionBefore }),
      );
      if (plan.entries.length > 0) {
        const block = sendBlock(this.#environment.fences, conditions, () => this.#write(plan));
        const fate = await fateOf(block, this.#clock, () => false);
        if (fate.type === 'unknown') return fate;
        if (fate.type === 'unmet') {
          this.#known.clear();
          continue;
        }
      } else if (plan.hasFound) {
        const fate = await fateOfFlush(this.#environment.barrier(), this.#clock);
        if (fate.type === 'unknown') return fate;
      }
      for (const [partition, { record, version }] of changed)
        this.#known.set(partition, { ...record, version });
      return { type: 'applied', isIn: plan.isIn };
    }
    const cause = new StoreFailure('store-broken', `groups met others' writes ${attemptsMax} times in a row`);
    return { type: 'unknown', cause };
  }

  /** By what is known of the partitions if all groups fit it, else by what is in the store. */
  #plan(records: readonly AheadRecord[], others: readonly AheadRecord[]): Plan {
    // Nobody tells what others have done in their partitions.
    for (const { conditions } of others) for (const { key } of conditions) this.#known.delete(key);
    const plan = this.#planned(records, others);
    if (plan.isIn.every(Boolean) && !plan.hasFound) return plan;
    this.#known.clear();
    return this.#planned(records, others);
  }

  #planned(records: readonly AheadRecord[], others: readonly AheadRecord[]): Plan {
    const plan = new Plan();
    for (const record of others) if (this.#isMet(plan, record)) add(plan, record);
    for (const record of records) {
      const isMet = this.#isMet(plan, record);
      if (isMet) add(plan, record);
      const isFound = !isMet && this.#isStored(record);
      plan.hasFound ||= isFound;
      plan.isIn.push(isMet || isFound);
    }
    return plan;
  }

  #isMet(plan: Plan, { conditions }: AheadRecord): boolean {
    return conditions.every(({ key, version }) => this.#progressOf(plan, key).version === version);
  }

  #progressOf(plan: Plan, partition: number): Progress {
    let progress = plan.progress.get(partition);
    if (progress === undefined) {
      const { version, ...record } = this.#known.get(partition) ?? this.#environment.readFence(partition);
      progress = { record: { ...record, tail: record.tail.copy() }, version, versionBefore: version };
      plan.progress.set(partition, progress);
    }
    return progress;
  }

  /** No two groups have one sequence, so what stands under it is this group. */
  #isStored({ sequence, entries }: AheadRecord): boolean {
    const [entry] = entries;
    return entry !== undefined && this.#environment.log.doesExist(logKey(sequence, entry.partition));
  }

  #write({ entries, blocks, progress }: Plan): void {
    const { log, index, fences } = this.#environment;
    for (const { key, value } of entries) void log.put(key, value);
    for (const { key, value } of blocks) void index.put(key, value);
    for (const [partition, { record, version, versionBefore }] of progress) {
      if (version !== versionBefore) void fences.put(partition, encodeFenceRecord(record), version);
    }
  }
}

/** One after the other, each with at most `partitionsMax` partitions, or one record. */
function parts(records: readonly AheadRecord[]): AheadRecord[][] {
  const found: AheadRecord[][] = [];
  const partitions = new Set<number>();
  let part: AheadRecord[] = [];
  for (const record of records) {
    for (const { key } of record.conditions) partitions.add(key);
    if (part.length > 0 && partitions.size > partitionsMax) {
      found.push(part);
      part = [];
      partitions.clear();
      for (const { key } of record.conditions) partitions.add(key);
    }
    part.push(record);
  }
  return part.length === 0 ? found : [...found, part];
}

function add(plan: Plan, { sequence, conditions, entries }: AheadRecord): void {
  for (const { key } of conditions) plan.reliedOn.add(key);
  for (const { partition, position, hash, bytes } of entries) {
    // Every entry's partition is one of the conditions.
    const progress = plan.progress.get(partition) as Progress;
    const { fence, tail } = progress.record;
    plan.entries.push({ key: logKey(sequence, partition), value: bytes as Buffer });
    tail.add(sequence);
    if (tail.count === sequencesPerBlock) {
      plan.blocks.push({ key: indexKey(partition, blockOf(position)), value: encodeBlock(tail.list()) });
      tail.clear();
    }
    progress.record = { fence, tail, head: { position, hash } };
    progress.version = sequence;
  }
}
