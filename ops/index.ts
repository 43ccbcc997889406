/**
 * The package: a system in this process with a typed client, and the vocabulary for defining actors.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Adapters } from '../actors/model/activity.js';
import type { Module } from '../actors/model/module.js';
import { BodyFingerprint, FreshCommandIds } from '../gateway/idempotency.js';
import type { BreakerMetrics, StateChangeListener } from '../runtime/activity/breaker.js';
import type { Report } from '../runtime/clock.js';
import type { ArchiveOptions } from './archiving.js';
import { createInProcessClient, type InProcessClient } from './in-process-client.js';
import { createInProcessEvents, type InProcessEvents } from './in-process-events.js';
import { createReport } from './logger.js';
import { loadModuleFile } from './module-file.js';
import { type OpenSystemOptions, openSystem } from './open-system.js';
import { simulatedProviders } from './providers/simulated-providers.js';
import type { SimulatorSettings } from './providers/simulator.js';
import { secretBytesMin } from './secret-file.js';
import { loadFingerprintSecret } from './signing-key.js';
import { segmentBytesOf, witnessFileOf } from './store-options.js';
import { systemClock, systemRandom } from './system-clock.js';

export * from '../actors/model/index.js';
export * from '../actors/providers/index.js';
export type { BreakerMetrics, StateChange, StateChangeListener } from '../runtime/activity/breaker.js';
export type { Report } from '../runtime/clock.js';
export type {
  CallOptions,
  CallResult,
  HistoryOptions,
  InProcessClient,
  WaitOptions,
} from './in-process-client.js';

export type {
  EventHandler,
  EventSubscription,
  EventsOptions,
  InProcessEvents,
} from './in-process-events.js';
export { type HttpProvider, httpAdapter } from './providers/http-adapter.js';
export type { SimulatorSettings } from './providers/simulator.js';
export { type SmtpProvider, smtpAdapter } from './providers/smtp-sender.js';

export interface SystemOptions {
  /** The actors. They run on this thread. */
  readonly modules?: readonly Module[];
  /** Instead of `modules`: path or URL of a file that exports them, so that shards can load it on threads of their own. */
  readonly moduleFile?: string | URL;
  /** What does the activities of the modules' ports, by the name of the port. It runs on this thread. */
  readonly adapters?: Adapters;
  /** Default: memory, gone with the process. */
  readonly store?:
    | { readonly type: 'memory' }
    | {
        readonly type: 'embedded';
        readonly directory: string;
        /** Default `disk`: an answer waits for its fsync. */
        readonly durability?: 'disk' | 'none';
        /** Default true: older journal entries are packed into `DIRECTORY/archive` and trimmed from the log. */
        readonly archive?: boolean;
        /** Of journal entries of one partition, packed into one file. Default 16 MB. */
        readonly archiveSegmentBytes?: number;
      }
    | {
        readonly type: 'redis';
        /** `redis://…` or `rediss://…` */
        readonly url: string;
        /** For what this node keeps beside the store: a secret, and what it last saw of the store. */
        readonly directory: string;
        /** One installation each. Default `troupe`. */
        readonly prefix?: string;
        /** Default `disk`: a server that does not flush before it acknowledges is refused. */
        readonly durability?: 'disk' | 'none';
        /** As of the embedded store. */
        readonly archive?: boolean;
        /** As of the embedded store, default 4 MB. */
        readonly archiveSegmentBytes?: number;
      };
  /** Worker threads; needs `moduleFile`. Default 0: everything on this thread. */
  readonly shards?: number;
  /** Fixed when a store is created. Default: as stored; 8 per shard, 256 at most, where the store is created. */
  readonly partitions?: number;
  /** For resident actors, per shard. Default 512 MB. */
  readonly memoryBudgetBytes?: number;
  /** What the runtime reports. Default: warnings and errors as JSON lines on stderr. */
  readonly report?: Report;
  /** The system can only be helped by a new process. Default: an exception that nobody catches. */
  readonly onFatal?: (error: unknown) => void;
}

export interface System extends InProcessClient, InProcessEvents {
  /** Row 161, for each circuit: one per activity that has a breaker, named `port.activity`. */
  circuits(): readonly BreakerMetrics[];
  /** Told of every change of a circuit (row 160). Returns what takes the listener off again. */
  onCircuitChange(listener: StateChangeListener): () => void;
  /** Finishes what is under way, writes the last groups, releases the store. */
  stop(): Promise<void>;
}

/**
 * Starts a system in this process. Resolves when it answers.
 * @example
 * const system = await createSystem({ modules: [counters] });
 * const result = await system.call(counterContract, 'visits', 'add', { amount: 1 });
 * if (result.ok) console.log(result.reply);
 * await system.stop();
 */
export async function createSystem(options: SystemOptions): Promise<System> {
  const { store = { type: 'memory' }, shards = 0, partitions, report = warnings() } = options;
  const moduleUrl = urlOf(options.moduleFile);
  const modules = options.modules ?? (moduleUrl === undefined ? [] : await loadModuleFile(moduleUrl));
  if (modules.length === 0) throw new TypeError('createSystem needs modules or a moduleFile');
  const secret =
    store.type === 'memory'
      ? systemRandom.bytes(secretBytesMin)
      : await loadFingerprintSecret(store.directory);
  const { system, activities, stop } = await openSystem({
    modules,
    adapters: options.adapters ?? {},
    moduleUrl,
    ...placeOf(store),
    ...archiveOf(store),
    partitions,
    durability: (store.type === 'memory' ? undefined : store.durability) ?? 'disk',
    shards,
    memoryBudgetBytes: options.memoryBudgetBytes ?? 512 * 2 ** 20,
    directory: store.type === 'embedded' ? store.directory : undefined,
    clock: systemClock,
    random: systemRandom,
    report,
    onFatal: options.onFatal ?? throwLater,
  });
  const client = createInProcessClient({
    modules,
    client: system,
    freshIds: new FreshCommandIds(systemRandom.bytes(16)),
    fingerprint: new BodyFingerprint(secret),
  });
  return {
    ...client,
    ...createInProcessEvents(system.feed, report),
    circuits: () => activities.metrics().flatMap(({ breaker }) => breaker ?? []),
    onCircuitChange: (listener) => activities.onStateChange(listener),
    stop,
  };
}

function archiveOf(store: NonNullable<SystemOptions['store']>): { readonly archive?: ArchiveOptions } {
  if (store.type === 'memory') return {};
  const directory = path.join(store.directory, 'archive');
  const segmentBytes = store.archiveSegmentBytes ?? segmentBytesOf(store.type);
  return { archive: { directory, segmentBytes, isOn: store.archive ?? true } };
}

/** Adapters for every built-in port that reach nobody: each is steered by its input. Default: approve all, at once. */
export function simulators(settings: Partial<SimulatorSettings> = {}): Adapters {
  const { latencyMs = 0, successRate = 1 } = settings;
  return simulatedProviders({
    settings: { latencyMs, successRate },
    clock: systemClock,
    random: systemRandom,
  });
}

function placeOf(store: NonNullable<SystemOptions['store']>): Pick<OpenSystemOptions, 'storeUrl' | 'redis'> {
  switch (store.type) {
    case 'memory':
      return { storeUrl: 'memory:' };
    case 'embedded':
      return { storeUrl: `embedded:${store.directory}` };
    case 'redis': {
      const { prefix = 'troupe' } = store;
      return { storeUrl: store.url, redis: { prefix, witnessFile: witnessFileOf(store.directory, prefix) } };
    }
  }
}

function urlOf(file: string | URL | undefined): string | undefined {
  if (file === undefined) return undefined;
  return typeof file === 'string' && !file.startsWith('file:') ? pathToFileURL(file).href : String(file);
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

function warnings(): Report {
  return createReport({ level: 'warn', form: 'lines', write: (line) => process.stderr.write(line) });
}
