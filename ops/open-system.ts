/**
 * Store, shards and actor system, opened together and closed together: what a node and an in-process system share.
 *
 * O1  With `shards` 0 one shard runs on this thread and shares its store; otherwise every shard has a thread, and in it
 *     the store opened for itself. This thread's own is the one that holds the lock.
 * O2  `stop` leaves nothing open, however often it is called; an open that fails leaves nothing behind, and what can be refused
 *     without a store is refused before one is created: its number of partitions is for ever.
 */
import type { Adapters } from '../actors/model/activity.js';
import type { Module } from '../actors/model/module.js';
import { Archive } from '../persistence/archive/archive.js';
import { openStore, type RedisOptions } from '../persistence/open-store.js';
import type { Durability, Store } from '../persistence/store.js';
import { ActivityRunner } from '../runtime/activity/activity-runner.js';
import { ActorSystem, type ShardHandle } from '../runtime/actor-system.js';
import type { Clock, Random, Report } from '../runtime/clock.js';
import { inThreadShards } from '../runtime/in-thread-shards.js';
import { compileKinds } from '../runtime/kind-table.js';
import { defaultLimits } from '../runtime/limits.js';
import { pointTables } from '../runtime/point-tables.js';
import { SchemaCatalogue } from '../runtime/schema-catalogue.js';
import type { ShardSetup } from '../runtime/shard-thread.js';
import { type ArchiveOptions, startArchiving } from './archiving.js';
import { mostShards, partitionsWhenCreated, type ShardCount, shardsOver } from './shard-count.js';
import { youngGenerationMbOf } from './store-options.js';
import { StrikeFile, strikesIn } from './strike-file.js';
import { type ThreadShardsOptions, threadShards } from './thread-shards.js';

export interface OpenSystemOptions {
  readonly modules: readonly Module[];
  /** By the name of the port; every port of the modules needs its own. */
  readonly adapters: Adapters;
  /** The file that `modules` came from; needed for threads. */
  readonly moduleUrl: string | undefined;
  /** As `openStore` takes it: `embedded:DIR`, `redis://…` or `memory:`. */
  readonly storeUrl: string;
  readonly redis?: RedisOptions;
  /** Undefined: nothing is archived, and nothing archived is read. */
  readonly archive?: ArchiveOptions;
  /** Undefined: as many as the store has, and by the shards where it is created. */
  readonly partitions: number | undefined;
  readonly durability: Durability;
  readonly shards: ShardCount;
  /** Per shard. */
  readonly memoryBudgetBytes: number;
  /** Directory that outlives the process, for the strikes that do; undefined: the store does not outlive it either. */
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Runs at most once: the system can only be helped by a new process. */
  readonly onFatal: (error: unknown) => void;
}

export interface OpenedSystem {
  readonly system: ActorSystem;
  readonly activities: ActivityRunner;
  readonly store: Store;
  /** On threads of their own. */
  readonly shards: number;
  /** Entries that could be archived and are not; undefined where nothing is archived. */
  readonly archiveLagEntries: (() => number) | undefined;
  stop(): Promise<void>;
}

/** The rest is for garbage between two collections, entries kept for the tables and the buffers of the groups. */
const activationShare = 0.5;

export async function openSystem(options: OpenSystemOptions): Promise<OpenedSystem> {
  const { clock, random, report, modules } = options;
  const hasThreads = mostShards(options.shards) > 0;
  if (hasThreads && options.moduleUrl === undefined) {
    throw new TypeError('shards on threads of their own load modules from a file');
  }
  if (hasThreads && options.storeUrl.startsWith('memory:')) {
    throw new TypeError('a store in memory belongs to one thread: use 0 shards');
  }
  if (options.partitions !== undefined) shardsOver(options.partitions, options.shards);
  // Once more with what the store knows, by each thread: it costs a few milliseconds.
  compileKinds(modules, new SchemaCatalogue());
  // A port without an adapter is a mistake in how the system was put together.
  const ports = modules.flatMap((module) => module.ports ?? []);
  const activities = new ActivityRunner({ ports, adapters: options.adapters, clock, random, report });
  const store = await openStore(options.storeUrl, {
    partitionCount: options.partitions ?? { whenCreated: partitionsWhenCreated(options.shards) },
    durability: options.durability,
    clock,
    report,
    redis: redisOptions(options),
    ...archivePlace(options),
  });
  const fatal = onceFatal(options);
  const strikes = strikeFile(options);
  let system: ActorSystem;
  let shards: number;
  try {
    shards = shardsOver(store.partitionCount, options.shards);
    system = await ActorSystem.start({
      modules,
      store,
      ...(options.archive === undefined ? {} : { archive: new Archive(options.archive.directory) }),
      shardCount: Math.max(1, shards),
      clock,
      random,
      report,
      limits: { activationBytesMax: options.memoryBudgetBytes * activationShare },
      ...(strikes === undefined ? {} : { struck: strikes.struck }),
      startShards: shardStarter(
        options,
        { store, activities, shards },
        {
          onStrike: (actor) => strikes?.add(actor, clock.now()),
          onLost: (shard, code, cause) => {
            report('error', 'shard-lost', { shard, code, error: cause });
            if (shard >= 0) system?.shardLost(shard);
            fatal(cause);
          },
        },
      ),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
  const archiving = startArchiving(options, store);
  const stop = async (): Promise<void> => {
    await archiving?.stop();
    await system.stop();
    // After the shards: nobody is there any more to record that a call was given up.
    activities.stop();
    await store.close();
    strikes?.forget();
  };
  let stopping: Promise<void> | undefined;
  return {
    system,
    activities,
    store,
    shards,
    archiveLagEntries: archiving?.lagEntries,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

type Watch = Pick<ThreadShardsOptions, 'onStrike' | 'onLost'>;

function shardStarter(
  options: OpenSystemOptions,
  { store, activities, shards }: Pick<OpenedSystem, 'store' | 'activities' | 'shards'>,
  watch: Watch,
): (setups: readonly ShardSetup[]) => Promise<readonly ShardHandle[]> {
  const { modules, moduleUrl, clock, random, report } = options;
  if (shards === 0 || moduleUrl === undefined) {
    return inThreadShards({
      modules,
      store,
      clock,
      random,
      report,
      activities,
      onFatal: (code, cause) => watch.onLost(0, code, cause),
    });
  }
  const { storeUrl: url, durability } = options;
  const { partitionCount } = store;
  const redis = redisOptions(options);
  return threadShards({
    moduleUrl,
    memoryBudgetBytes: options.memoryBudgetBytes,
    youngGenerationMb: youngGenerationMbOf(url),
    store: { url, partitionCount, durability, redis, ...archivePlace(options) },
    report,
    activities,
    ...watch,
  });
}

function archivePlace({ archive }: OpenSystemOptions): { readonly archive?: string } {
  return archive === undefined ? {} : { archive: archive.directory };
}

function redisOptions({ redis }: OpenSystemOptions): RedisOptions {
  return { ...redis, pointTables };
}

function strikeFile({ directory, clock, report }: OpenSystemOptions): StrikeFile | undefined {
  if (directory === undefined) return undefined;
  const { strikeMemoryMs } = defaultLimits;
  return new StrikeFile({ file: strikesIn(directory), now: clock.now(), strikeMemoryMs, report });
}

function onceFatal({ onFatal }: OpenSystemOptions): (error: unknown) => void {
  let isFatal = false;
  return (error) => {
    if (isFatal) return;
    isFatal = true;
    onFatal(error);
  };
}
