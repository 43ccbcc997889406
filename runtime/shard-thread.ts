/**
 * One shard with its links: what runs in a worker thread, or on the main thread in single-thread mode.
 */

import type { Module } from '../actors/model/module.js';
import type { Store } from '../persistence/store.js';
import type { Activities } from './activity/activities.js';
import type { StruckActor } from './actor/strike-book.js';
import type { Clock, Random, Report } from './clock.js';
import type { Counters } from './counters.js';
import { compileKinds } from './kind-table.js';
import type { ShardPhase } from './lifecycle.js';
import type { Limits } from './limits.js';
import type { Link } from './link/link.js';
import type { LinkAnswer, ShardItem } from './link/link-protocol.js';
import { SchemaCatalogue } from './schema-catalogue.js';
import { Shard } from './shard.js';

/** What a shard is told at its start; plain data, so that it crosses a thread. */
export interface ShardSetup {
  readonly index: number;
  readonly shardCount: number;
  readonly limits: Limits;
  /** The stored catalogue, with every schema of the modules in it. */
  readonly catalogue: Uint8Array;
  /** Strikes given to actors before this start. */
  readonly struck: readonly StruckActor[];
}

export interface ShardThreadOptions {
  readonly setup: ShardSetup;
  readonly modules: readonly Module[];
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Absent: an activity that is ordered fails as `port-unknown`. */
  readonly activities?: Activities;
  readonly gateway: Link<LinkAnswer, ShardItem>;
  /** Links to the other shards by their index; the own one is undefined. */
  readonly peers: readonly (Link<ShardItem, ShardItem> | undefined)[];
  readonly onFatal: (code: string, cause: unknown) => void;
  readonly onTurn?: (isBusy: boolean) => void;
  readonly onPhase?: (phase: ShardPhase) => void;
  /** Room for two numbers: whose code runs, see `Domain.enter`. */
  readonly running?: Int32Array;
}

/** Numbers of a shard, as its thread gives them to whoever exports metrics. */
export interface ShardMetrics {
  readonly shard: number;
  readonly counters: Counters;
  readonly activations: number;
  /** Estimated memory of the activations. */
  readonly activationBytes: number;
  readonly timers: number;
  readonly callsQueued: number;
  readonly messagesQueued: number;
  readonly actorsParked: number;
  readonly deadLetters: number;
  readonly tableLagEntries: number;
  readonly phase: ShardPhase;
  /** Lateness of the event loop since the last reading, ms. Measured by whoever gave the shard a thread of its own. */
  readonly eventLoopDelay?: { readonly meanMs: number; readonly p99Ms: number; readonly maxMs: number };
}

/** Which shard owns a partition. */
export function shardOf(partition: number, shardCount: number): number {
  return partition % shardCount;
}

export class ShardThread {
  readonly #shard: Shard;
  readonly #index: number;

  constructor(options: ShardThreadOptions) {
    const { setup, store, gateway, peers } = options;
    this.#index = setup.index;
    const { table } = compileKinds(options.modules, SchemaCatalogue.parse(setup.catalogue));
    const partitions: number[] = [];
    for (let partition = 0; partition < store.partitionCount; partition++) {
      if (shardOf(partition, setup.shardCount) === setup.index) partitions.push(partition);
    }
    this.#shard = new Shard({
      store,
      kinds: table,
      limits: setup.limits,
      clock: options.clock,
      random: options.random,
      report: options.report,
      ...(options.activities === undefined ? {} : { activities: options.activities }),
      partitions,
      struck: setup.struck,
      ...(options.running === undefined ? {} : { running: options.running }),
      host: {
        answer: (answer) => gateway.send(answer),
        sendTo: (partition, item) => {
          if (partition >= 0) peers[shardOf(partition, setup.shardCount)]?.send(item);
          else for (const peer of peers) peer?.send(item);
        },
        flush: () => {
          gateway.flush();
          for (const peer of peers) peer?.flush();
        },
        onFatal: options.onFatal,
        ...(options.onTurn === undefined ? {} : { onTurn: options.onTurn }),
        ...(options.onPhase === undefined ? {} : { onPhase: options.onPhase }),
      },
    });
    gateway.receive((items) => this.#shard.receive(items));
    for (const peer of peers) peer?.receive((items) => this.#shard.receive(items));
  }

  open(): Promise<void> {
    return this.#shard.open();
  }

  /** See `Shard.endWaits`. */
  endWaits(): void {
    this.#shard.endWaits();
  }

  stop(): Promise<void> {
    return this.#shard.stop();
  }

  get phase(): ShardPhase {
    return this.#shard.phase;
  }

  metrics(): ShardMetrics {
    return { shard: this.#index, counters: this.#shard.counters, ...this.#shard.gauges() };
  }
}
