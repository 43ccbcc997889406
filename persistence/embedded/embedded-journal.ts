/**
 * Journal and ownership over the log environment.
 *
 * An append is judged against the ledger, then sent as one condition block: for every partition of the group its fence
 * record must still have the version this thread last gave it. The group in flight before it gave versions too, so it
 * is refused whenever that one was; when the two share no partition, one of the predecessor's is checked as well (it
 * went in whole or not at all, so one is enough).
 */
import {
  assertGroup,
  assertNonce,
  assertPartition,
  type Refusal,
  refused,
  refuseEntry,
  sameFence,
} from '../append-check.js';
import { hashEntry, sameHash } from '../entry.js';
import type {
  AppendResult,
  Cut,
  EntryAppend,
  EntryIdentity,
  Fence,
  GroupAppend,
  Head,
  Journal,
  ReadLimits,
  StoredEntry,
} from '../journal.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { CommitSequence } from './commit-sequence.js';
import { type BlockFate, type Condition, fateOf, type SentBlock, sendBlock } from './condition-block.js';
import { EntryLocator } from './entry-locator.js';
import { encodeFenceRecord, type FenceHead } from './fence-record.js';
import { indexKey, type LogEnvironment, logKey } from './log-environment.js';
import { trimLogs } from './log-trimmer.js';
import { PartitionLedger, type PartitionState } from './partition-ledger.js';
import { blockOf, encodeBlock, sequencesPerBlock } from './sequence-tail.js';
import type { WriteDoor } from './write-door.js';

/** Takers of one partition that keep overtaking each other; more than this is a fault somewhere else. */
const takeAttemptsMax = 100;

const always = () => true;

interface Share {
  readonly entry: EntryAppend;
  readonly state: PartitionState;
}

export class EmbeddedJournal implements Journal {
  readonly #environment: LogEnvironment;
  readonly #door: WriteDoor;
  readonly #clock: StoreClock;
  readonly #partitionCount: number;
  readonly #sequence: CommitSequence;
  readonly #ledger: PartitionLedger;

  constructor(options: {
    readonly environment: LogEnvironment;
    readonly door: WriteDoor;
    readonly clock: StoreClock;
    readonly sequence: CommitSequence;
    readonly partitionCount: number;
  }) {
    this.#environment = options.environment;
    this.#door = options.door;
    this.#clock = options.clock;
    this.#partitionCount = options.partitionCount;
    this.#sequence = options.sequence;
    this.#ledger = new PartitionLedger(options.environment);
  }

  append(group: GroupAppend): Promise<AppendResult> {
    assertGroup(group, this.#partitionCount);
    const closed = this.#door.refusal();
    if (closed !== undefined) return Promise.resolve(closed);
    const shares = group.entries.map(
      (entry): Share => ({ entry, state: this.#ledger.load(entry.partition) }),
    );
    for (const { entry, state } of shares) {
      const refusal = refuseEntry(entry, state);
      if (refusal !== undefined) return Promise.resolve(this.#judgeAgain(refusal, shares));
    }
    const missing = this.#missing(group.after);
    if (missing !== undefined) return Promise.resolve(missing);
    const conditions = shares.map(({ entry, state }) => ({ key: entry.partition, version: state.version }));
    conditions.push(...this.#conditionsOn(group.after, conditions));
    const block = this.#send(shares, conditions);
    return this.#door.enter(this.#settle(shares, block));
  }

  async read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
    assertPartition(partition, this.#partitionCount);
    const record = this.#environment.readFence(partition);
    const isKnown = from + limits.entriesMax - 1 <= (limits.durableTo ?? 0);
    const durable = isKnown
      ? record.head
      : (this.#durableHead(partition, record) ?? (await this.#flushed(record)));
    return new EntryLocator(this.#environment, partition, record).read(from, durable.position, limits);
  }

  /** For a partition this thread still owns, what it knows to be flushed; else what is there, after a flush of it (J4). */
  async head(partition: number): Promise<Head> {
    assertPartition(partition, this.#partitionCount);
    const stored = this.#environment.readHead(partition);
    return this.#durableHead(partition, stored) ?? this.#flushed(stored);
  }

  async trim(cuts: readonly Cut[], mayGoOn: () => boolean = always): Promise<void> {
    for (const { partition } of cuts) assertPartition(partition, this.#partitionCount);
    // Not the space guard: what is given up makes room.
    if (this.#door.closed !== undefined) throw new StoreFailure('store-broken', this.#door.closed);
    try {
      const goesOn = () => mayGoOn() && this.#door.closed === undefined;
      await this.#door.enter(trimLogs(this.#environment, this.#clock, cuts, goesOn));
    } catch (error) {
      if (!(error instanceof StoreFailure && error.code === 'store-unreachable')) this.#door.fail();
      throw error;
    }
  }

  /**
   * Raises the epoch. Its flush covers everything written to the environment before it, so the head it returns, and every
   * entry below, is durable, whoever wrote it.
   */
  async raiseEpoch(
    partition: number,
    nonce: string,
  ): Promise<{ readonly fence: Fence; readonly head: Head }> {
    assertPartition(partition, this.#partitionCount);
    assertNonce(nonce);
    for (let attempt = 0; attempt < takeAttemptsMax; attempt++) {
      // Not the space guard: a few bytes, and without an owner a full store could not even be read.
      if (this.#door.closed !== undefined) throw new StoreFailure('store-broken', this.#door.closed);
      const stored = this.#environment.readFence(partition);
      const fence: Fence = { epoch: stored.fence.epoch + 1, nonce };
      const version = this.#sequence.next([stored.version]);
      const record = encodeFenceRecord({ ...stored, fence });
      const block = sendBlock(this.#environment.fences, [{ key: partition, version: stored.version }], () => {
        void this.#environment.fences.put(partition, record, version);
      });
      const fate = await this.#door.enter(fateOf(block, this.#clock, () => false));
      if (fate.type === 'unknown') throw this.#broken(fate);
      if (fate.type === 'unmet') continue;
      this.#ledger.set(partition, { ...stored, fence, version, durable: stored.head });
      return { fence, head: stored.head };
    }
    throw new StoreFailure(
      'store-broken',
      `partition ${partition} was taken by others ${takeAttemptsMax} times in a row`,
    );
  }

  /** The token in the store, by whoever wrote it. */
  observe(partition: number): Fence | undefined {
    assertPartition(partition, this.#partitionCount);
    const { fence } = this.#environment.readHead(partition);
    return fence.epoch === 0 ? undefined : fence;
  }

  /** Forgets what this thread knew of the partition. */
  forget(partition: number): void {
    this.#ledger.drop(partition, this.#ledger.find(partition));
  }

  #durableHead(partition: number, stored: FenceHead): Head | undefined {
    const known = this.#ledger.find(partition);
    return known !== undefined && sameFence(stored.fence, known.fence) ? known.durable : undefined;
  }

  async #flushed(stored: FenceHead): Promise<Head> {
    await this.#environment.barrier();
    return stored.head;
  }

  /** The ledger refused. If another thread has the partition by now, that is the true reason. */
  #judgeAgain(refusal: Refusal, shares: readonly Share[]): Refusal {
    return this.#fencedBy(shares) ?? refusal;
  }

  #fencedBy(shares: readonly Share[]): Refusal | undefined {
    for (const { entry } of shares) {
      const { fence } = this.#environment.readHead(entry.partition);
      if (!sameFence(fence, entry.fence)) {
        return refused(
          'fenced',
          `partition ${entry.partition} belongs to epoch ${fence.epoch}, not ${entry.fence.epoch}`,
        );
      }
    }
    return undefined;
  }

  #missing(after: readonly EntryIdentity[]): Refusal | undefined {
    const missing = after.find((entry) => !this.#stands(entry));
    if (missing === undefined) return undefined;
    return refused(
      'conflict',
      `the group before is not in: partition ${missing.partition}, position ${missing.position}`,
    );
  }

  /** The extra condition that the group before this one is in, if this one's own conditions do not say so already. */
  #conditionsOn(after: readonly EntryIdentity[], own: readonly Condition[]): Condition[] {
    const [first] = after;
    if (first === undefined) return [];
    if (after.some((entry) => own.some(({ key }) => key === entry.partition))) return [];
    return [{ key: first.partition, version: this.#ledger.load(first.partition).version }];
  }

  /** True when that entry is at its position, or will be when what is under way goes in. */
  #stands({ partition, position, hash }: EntryIdentity): boolean {
    const { head } = this.#ledger.load(partition);
    if (position === head.position) return sameHash(hash, head.hash);
    const record = this.#environment.readFence(partition);
    const bytes = new EntryLocator(this.#environment, partition, record).entry(position);
    return bytes !== undefined && sameHash(hash, hashEntry(bytes));
  }

  #send(shares: readonly Share[], conditions: readonly Condition[]): SentBlock {
    const { log, index, fences } = this.#environment;
    const sequence = this.#sequence.next(conditions.map(({ version }) => version));
    return sendBlock(fences, conditions, () => {
      for (const { entry, state } of shares) {
        const { partition, position, hash, bytes } = entry;
        void log.put(logKey(sequence, partition), bytes as Buffer);
        state.head = { position, hash };
        state.version = sequence;
        state.tail.add(sequence);
        if (state.tail.count === sequencesPerBlock) {
          void index.put(indexKey(partition, blockOf(position)), encodeBlock(state.tail.list()));
          state.tail.clear();
        }
        void fences.put(partition, encodeFenceRecord(state), sequence);
      }
    });
  }

  async #settle(shares: readonly Share[], block: SentBlock): Promise<AppendResult> {
    const fate = await fateOf(block, this.#clock, () => this.#isIn(shares));
    switch (fate.type) {
      case 'durable':
        for (const { entry, state } of shares) {
          if (entry.position > (state.durable?.position ?? 0)) {
            state.durable = { position: entry.position, hash: entry.hash };
          }
        }
        return { type: 'appended' };
      case 'unmet':
        for (const { entry, state } of shares) this.#ledger.drop(entry.partition, state);
        return this.#fencedBy(shares) ?? refused('conflict', 'a head moved, or the group before was refused');
      case 'unknown':
        this.#door.fail(fate.isLate);
        return fate;
    }
  }

  /** One entry proves the group (J2), and this owner appends each position once. */
  #isIn(shares: readonly Share[]): boolean {
    const [share] = shares;
    if (share === undefined) return false;
    const stored = this.#environment.readHead(share.entry.partition);
    return sameFence(stored.fence, share.entry.fence) && stored.head.position >= share.entry.position;
  }

  #broken(fate: BlockFate & { readonly type: 'unknown' }): StoreFailure {
    this.#door.fail(fate.isLate);
    return new StoreFailure('store-broken', 'the epoch could not be raised', { cause: fate.cause });
  }
}
