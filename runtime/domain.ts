/**
 * What the parts of one shard share: its partitions, kinds and limits, the moment of the current turn, and counters.
 * A domain is the set of partitions that one append covers atomically; here, all partitions of a shard.
 */
import { partitionOf } from '../actors/model/address.js';
import type { Store } from '../persistence/store.js';
import type { Clock, Random, Report } from './clock.js';
import { type Counters, newCounters } from './counters.js';
import type { KindTable } from './kind-table.js';
import type { Limits } from './limits.js';
import type { Partition } from './partition.js';

export class Domain {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly counters: Counters = newCounters();
  /** Events recorded, by schema number: what `eventsByType` is made of when somebody asks. */
  readonly eventTally: number[] = [];
  /** By partition number; undefined where another shard owns it. */
  readonly partitions: (Partition | undefined)[];
  /** Wall clock of the current turn, Unix ms. */
  now: number;
  /** Placement and hash of the actor whose code ran last. Memory that another thread can read when this one hangs. */
  readonly #running: Int32Array;

  constructor(options: {
    readonly store: Store;
    readonly kinds: KindTable;
    readonly limits: Limits;
    readonly clock: Clock;
    readonly random: Random;
    readonly report: Report;
    /** Room for two numbers; default: memory of its own. */
    readonly running?: Int32Array;
  }) {
    this.store = options.store;
    this.kinds = options.kinds;
    this.limits = options.limits;
    this.clock = options.clock;
    this.random = options.random;
    this.report = options.report;
    this.partitions = new Array<Partition | undefined>(options.store.partitionCount).fill(undefined);
    this.now = options.clock.now();
    this.#running = options.running ?? new Int32Array(2);
  }

  /**
   * Notes whose code runs from here on. Plain stores: a hung thread stays in that code, so whoever looks after seconds
   * sees them.
   */
  enter(actor: { readonly placement: number; readonly hash: number }): void {
    this.#running[0] = actor.placement;
    this.#running[1] = actor.hash;
  }

  get partitionCount(): number {
    return this.partitions.length;
  }

  /** The partition of an id if this shard owns it. */
  partitionFor(id: string): Partition | undefined {
    return this.partitions[partitionOf(id, this.partitions.length)];
  }

  *owned(): IterableIterator<Partition> {
    for (const partition of this.partitions) if (partition !== undefined) yield partition;
  }

  /** Entries that the tables lack. */
  get tableLag(): number {
    let lag = 0;
    for (const partition of this.owned()) lag += partition.tableLag;
    return lag;
  }

  get deadLetters(): number {
    let count = 0;
    for (const { letters } of this.owned()) count += letters.size;
    return count;
  }
}
