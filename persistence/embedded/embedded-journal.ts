/**
 * Journal and ownership: an append goes to a write-ahead file, and from there to the log environment.
 *
 * It is judged against the ledger, then sent with its conditions: for every partition of the group its fence record must still have the
 * version this thread last gave it. The group in flight before it gave versions too, so it is refused whenever that one was; when
 * the two share no partition, one of the predecessor's is checked as well (it went in whole or not at all, so one is enough).
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
import type { Taken } from '../ownership.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { arrives } from './arrival.js';
import type { CommitSequence } from './commit-sequence.js';
import type { BlockFate } from './condition-block.js';
import { EntryLocator } from './entry-locator.js';
import type { FenceHead } from './fence-record.js';
import { partitionsMax } from './log-applier.js';
import type { LogEnvironment } from './log-environment.js';
import { trimLogs } from './log-trimmer.js';
import { PartitionLedger, type PartitionState } from './partition-ledger.js';
import { type TakingParts, takePartition } from './partition-taking.js';
import type { OwnerCondition, WriteAhead } from './write-ahead.js';
import type { WriteDoor } from './write-door.js';

const always = () => true;

interface Share {
  readonly entry: EntryAppend;
  readonly state: PartitionState;
}

export class EmbeddedJournal implements Journal {
  readonly #environment: LogEnvironment;
  readonly #ahead: WriteAhead;
  readonly #door: WriteDoor;
  readonly #clock: StoreClock;
  readonly #partitionCount: number;
  readonly #sequence: CommitSequence;
  readonly #ledger: PartitionLedger;
  readonly #taking: TakingParts;

  constructor(
    options: TakingParts & {
      readonly ahead: WriteAhead;
      readonly partitionCount: number;
    },
  ) {
    this.#taking = options;
    this.#environment = options.environment;
    this.#ahead = options.ahead;
    this.#door = options.door;
    this.#clock = options.clock;
    this.#partitionCount = options.partitionCount;
    this.#sequence = options.sequence;
    this.#ledger = new PartitionLedger(options.environment);
  }

  /** Throws `RangeError` for a group of more than 1,000 partitions. */
  append(group: GroupAppend): Promise<AppendResult> {
    assertGroup(group, this.#partitionCount);
    if (group.entries.length > partitionsMax)
      throw new RangeError(`a group of ${group.entries.length} partitions; at most ${partitionsMax}`);
    if (this.#ahead.failure !== undefined) return Promise.resolve(this.#ahead.failure);
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
    const conditions = shares.map(({ entry, state }) => conditionOf(entry.partition, state));
    conditions.push(...this.#conditionsOn(group.after, conditions));
    try {
      this.#ahead.open();
    } catch (error) {
      const detail = `there is no room to write ahead: ${error instanceof Error ? error.message : error}`;
      return Promise.resolve(refused('storage', detail));
    }
    return this.#door.enter(this.#send(shares, conditions));
  }

  /** `durableTo` of a partition that another thread owns: waits until LMDB has as much. */
  async read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
    assertPartition(partition, this.#partitionCount);
    const last = from + limits.entriesMax - 1;
    const durableTo = limits.durableTo ?? 0;
    const wanted = Math.min(last, durableTo);
    if (wanted > 0 && !(await arrives(() => this.#visibleHead(partition).position >= wanted)))
      throw new StoreFailure('store-unreachable', `partition ${partition}: ${durableTo} does not arrive`);
    const record = this.#environment.readFence(partition);
    const known = this.#durableHead(partition, record);
    const entries = new EntryLocator(this.#environment, partition, record).read(
      from,
      (known ?? record.head).position,
      limits,
      (position) => this.#ahead.entry(partition, position),
    );
    if (known === undefined && last > durableTo) await this.#environment.barrier();
    return entries;
  }

  /** For a partition this thread still owns, what it knows to be durable; else what LMDB has, after a flush of it (J4). */
  async head(partition: number): Promise<Head> {
    assertPartition(partition, this.#partitionCount);
    const stored = this.#environment.readHead(partition);
    const known = this.#durableHead(partition, stored);
    // Who takes a partition puts into LMDB what its owner's write may not have brought to the disk yet.
    if (known === undefined) await this.#environment.barrier();
    return known ?? stored.head;
  }

  async trim(cuts: readonly Cut[], mayGoOn: () => boolean = always): Promise<void> {
    for (const { partition } of cuts) assertPartition(partition, this.#partitionCount);
    await this.#ahead.appliedAll();
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

  /** Takes the partition; see `partition-taking.ts`. */
  async raiseEpoch(partition: number, nonce: string): Promise<Taken> {
    assertPartition(partition, this.#partitionCount);
    assertNonce(nonce);
    const { version, ...taken } = await takePartition(this.#taking, partition, nonce);
    this.#ledger.set(partition, { ...taken, version, durable: taken.head });
    return taken;
  }

  /** The token in the store, by whoever wrote it. */
  observe(partition: number): Fence | undefined {
    assertPartition(partition, this.#partitionCount);
    const { fence } = this.#environment.readHead(partition);
    return fence.epoch === 0 ? undefined : fence;
  }

  /** Forgets what this thread knew of the partition, unless it still knows more than LMDB. */
  forget(partition: number): void {
    if (!this.#ahead.holds(partition)) this.#ledger.drop(partition, this.#ledger.find(partition));
  }

  #visibleHead(partition: number): Head {
    const stored = this.#environment.readHead(partition);
    return this.#durableHead(partition, stored) ?? stored.head;
  }

  #durableHead(partition: number, stored: FenceHead): Head | undefined {
    const known = this.#ledger.find(partition);
    return known !== undefined && sameFence(stored.fence, known.fence) ? known.durable : undefined;
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

  /** The extra condition that the group before this one is in, while that is open and this one's own conditions do not say so already. */
  #conditionsOn(after: readonly EntryIdentity[], own: readonly OwnerCondition[]): OwnerCondition[] {
    const [first] = after;
    if (first === undefined) return [];
    if (after.some((entry) => own.some(({ key }) => key === entry.partition))) return [];
    if (!this.#ahead.isOpen(first.partition, first.position)) return [];
    return [conditionOf(first.partition, this.#ledger.load(first.partition))];
  }

  /** True when that entry is at its position, or will be when what is under way goes in. */
  #stands({ partition, position, hash }: EntryIdentity): boolean {
    const head = this.#ledger.find(partition)?.head;
    if (position === head?.position) return sameHash(hash, head.hash);
    const record = this.#environment.readFence(partition);
    // What is under way past the head was sent before this thread took the partition anew: it is in LMDB by now, or never will be.
    const underWay = position < (head?.position ?? 0) ? this.#ahead.entry(partition, position) : undefined;
    const bytes = underWay ?? new EntryLocator(this.#environment, partition, record).entry(position);
    return bytes !== undefined && sameHash(hash, hashEntry(bytes));
  }

  #send(shares: readonly Share[], conditions: readonly OwnerCondition[]): Promise<AppendResult> {
    const sequence = this.#sequence.next(conditions.map(({ version }) => version));
    const entries = shares.map(({ entry }) => entry);
    return new Promise((resolve) => {
      this.#ahead.append({ sequence, conditions, entries }, (fate) => {
        try {
          resolve(this.#settled(shares, fate));
        } catch (cause) {
          this.#door.fail();
          resolve({ type: 'unknown', cause });
        }
      });
      for (const { entry, state } of shares) {
        state.head = { position: entry.position, hash: entry.hash };
        state.version = sequence;
      }
    });
  }

  #settled(shares: readonly Share[], fate: BlockFate): AppendResult {
    switch (fate.type) {
      case 'durable':
        for (const { entry, state } of shares) state.durable = entry;
        return { type: 'appended' };
      case 'unmet':
        for (const { entry, state } of shares) this.#ledger.drop(entry.partition, state);
        return this.#fencedBy(shares) ?? refused('conflict', 'a head moved, or the group before was refused');
      case 'unknown':
        return fate;
    }
  }
}

function conditionOf(partition: number, { version, fence }: PartitionState): OwnerCondition {
  return { key: partition, version, epoch: fence.epoch };
}
