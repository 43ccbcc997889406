/**
 * One simulated process: a gateway thread and its shards, each on an event loop of its own, over a store that others may
 * share. The runtime in it is the product's own.
 */
import type { Module } from '../../actors/model/module.js';
import type { Gateway } from '../../gateway/gateway.js';
import type { Archive } from '../../persistence/archive/archive.js';
import type { SegmentOrder } from '../../persistence/archive/archive-segment.js';
import { archivedJournal } from '../../persistence/archive/archived-journal.js';
import { Archiver } from '../../persistence/archive/archiver.js';
import type { FileRange } from '../../persistence/archive/journal-file.js';
import { packingPace } from '../../persistence/archive/packing-pace.js';
import type { Store } from '../../persistence/store.js';
import type { ActorAnswer, ActorRequest } from '../../runtime/actor-client.js';
import { ActorSystem, type ShardHandle } from '../../runtime/actor-system.js';
import { inThreadHandle } from '../../runtime/in-thread-shards.js';
import type { Limits } from '../../runtime/limits.js';
import type { Link } from '../../runtime/link/link.js';
import type { LinkAnswer, ShardItem } from '../../runtime/link/link-protocol.js';
import { type ShardMetrics, type ShardSetup, ShardThread } from '../../runtime/shard-thread.js';
import { packSegment } from '../pack-segment.js';
import { SeededRandom } from './seeded-random.js';
import type { SimulatedArchive } from './simulated-archive.js';
import type { ProcessGround } from './simulated-files.js';
import { simulatedGateway } from './simulated-gateway.js';
import { simulatedLink } from './simulated-links.js';
import type { SimulatedProviders } from './simulated-providers.js';
import { SimulatedTransport } from './simulated-transport.js';
import { storeOnThread } from './store-on-thread.js';
import { ThreadClock } from './thread-clock.js';
import type { VirtualClock } from './virtual-clock.js';

export interface NodeOptions {
  readonly modules: readonly Module[];
  readonly world: VirtualClock;
  /** Opens the store once more: each thread has its own connection. */
  readonly openStore: () => Store;
  readonly shardCount: number;
  readonly limits: Partial<Limits>;
  readonly providers: SimulatedProviders;
  /** Undefined: nothing is archived. */
  readonly archive: SimulatedArchive | undefined;
  /** Whether it is asked over HTTP. */
  readonly hasGateway: boolean;
  readonly seed: number;
  readonly linkDelayMs: () => number;
  readonly skewMs: () => number;
  readonly report: (event: string, details: Readonly<Record<string, unknown>>) => void;
}

/** As the main program's patience with a stop (design §6). */
const stopMsMax = 20_000;

export class SimulatedNode {
  readonly #world: VirtualClock;
  readonly #gateway: ThreadClock;
  readonly #shards: readonly ThreadClock[];
  /** Where segments are packed. */
  readonly #packer: ThreadClock;
  readonly #archive: SimulatedArchive | undefined;
  readonly #ground: ProcessGround | undefined;
  #archiver: Archiver | undefined;
  #gatewayOfHttp: Gateway | undefined;
  /** Where requests arrive; undefined without a gateway. */
  readonly transport: SimulatedTransport | undefined;
  readonly #stores: Store[] = [];
  #system: ActorSystem | undefined;
  #isAlive = true;
  /** Codes with which shards asked for the end of the process. */
  readonly fatal: string[] = [];

  private constructor(options: NodeOptions) {
    this.#world = options.world;
    const clock = () => new ThreadClock(options.world, options.skewMs);
    this.#gateway = clock();
    this.#shards = Array.from({ length: options.shardCount }, clock);
    this.#packer = clock();
    this.transport = options.hasGateway ? new SimulatedTransport(this.#gateway) : undefined;
    this.#archive = options.archive;
    this.#ground = options.archive?.groundOf(() => {
      this.fatal.push('ended while it packed');
      this.kill();
    });
  }

  /** Resolves when it serves. Rejects, with nothing of it left running, when it cannot. */
  static async start(options: NodeOptions): Promise<SimulatedNode> {
    const node = new SimulatedNode(options);
    try {
      node.#system = await node.#open(options);
      node.#startArchiver(options);
      await node.#startGateway(options);
      return node;
    } catch (cause) {
      node.kill();
      throw cause;
    }
  }

  get system(): ActorSystem {
    if (this.#system === undefined) throw new Error('the node has not started');
    return this.#system;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get shardCount(): number {
    return this.#shards.length;
  }

  submit(request: ActorRequest, answered: (answer: ActorAnswer) => void): void {
    this.system.submit(request, answered);
  }

  metrics(): Promise<readonly ShardMetrics[]> {
    return this.system.metrics();
  }

  /**
   * Stops in order, unless a shard asks for the end of the process meanwhile or it takes too long: then it is ended, as the
   * supervisor would. True when it has stopped by itself.
   */
  async stop(): Promise<boolean> {
    let isStopped = false;
    const stopping = this.#stopAll().then(() => {
      isStopped = true;
    });
    const patientUntil = this.#world.monotonic() + stopMsMax;
    const forget = this.#world.after(stopMsMax, () => undefined);
    await this.#world.until(
      () => isStopped || this.fatal.length > 0 || this.#world.monotonic() >= patientUntil,
    );
    forget();
    if (isStopped) await stopping;
    await this.#end();
    return isStopped;
  }

  async #stopAll(): Promise<void> {
    const answered = this.#gatewayOfHttp?.close();
    await this.#archiver?.stop();
    await this.system.stop();
    await answered;
  }

  /** Ends it without a word. What it has sent to the store may still arrive there. */
  kill(): void {
    void this.#end();
  }

  /** Stops all threads, or one shard, for as long as `resume` is not called. */
  pause(shard?: number): void {
    for (const clock of this.#clocks(shard)) clock.pause();
  }

  resume(shard?: number): void {
    for (const clock of this.#clocks(shard)) clock.resume();
  }

  #clocks(shard: number | undefined): readonly ThreadClock[] {
    return shard === undefined
      ? [this.#gateway, ...this.#shards, this.#packer]
      : this.#shards.slice(shard, shard + 1);
  }

  async #end(): Promise<void> {
    this.#isAlive = false;
    for (const clock of this.#clocks(undefined)) clock.kill();
    this.#ground?.end();
    await Promise.all(this.#stores.map((store) => store.close()));
  }

  async #open(options: NodeOptions): Promise<ActorSystem> {
    const { modules, world, seed, limits, shardCount } = options;
    const report = (_level: string, event: string, details: Readonly<Record<string, unknown>> = {}) =>
      options.report(event, details);
    const shared = { modules, report };
    const store = this.#openStore(options, this.#gateway);
    const starting = ActorSystem.start({
      ...shared,
      store,
      ...(this.#archive === undefined || this.#ground === undefined
        ? {}
        : { archive: this.#archive.on(this.#ground) }),
      clock: this.#gateway,
      random: new SeededRandom(seed),
      shardCount,
      limits: { filterBytes: 65_536, ...limits },
      startShards: (setups) => this.#startShards(options, setups),
    });
    return world.settled(starting);
  }

  async #startShards(options: NodeOptions, setups: readonly ShardSetup[]): Promise<ShardHandle[]> {
    const { modules, world, seed, linkDelayMs } = options;
    const peers = this.#mesh(setups.length, linkDelayMs);
    const started = setups.map((setup, index) => {
      const clock = this.#shards[index] as ThreadClock;
      const { near, far } = simulatedLink<ShardItem, LinkAnswer>(world, this.#gateway, clock, linkDelayMs);
      const thread = new ShardThread({
        setup,
        modules,
        store: this.#openStore(options, clock),
        clock,
        random: new SeededRandom(seed * 31 + index + 1),
        report: (_level, event, details = {}) => options.report(event, details),
        activities: options.providers.on(clock),
        gateway: far,
        peers: peers[index] ?? [],
        onFatal: (code) => this.fatal.push(code),
      });
      return { thread, link: near };
    });
    await Promise.all(started.map(({ thread }) => thread.open()));
    return started.map(({ thread, link }) => inThreadHandle(thread, link));
  }

  #openStore(options: NodeOptions, clock: ThreadClock): Store {
    const store = options.openStore();
    this.#stores.push(store);
    if (this.#archive === undefined || this.#ground === undefined) return storeOnThread(store, clock);
    const journal = archivedJournal(store.journal, this.#archive.on(this.#ground));
    return storeOnThread({ ...store, journal }, clock);
  }

  async #startGateway({ modules, seed, report }: NodeOptions): Promise<void> {
    if (this.transport === undefined) return;
    this.#gatewayOfHttp = await simulatedGateway({
      modules,
      system: this.system,
      transport: this.transport,
      clock: this.#gateway,
      random: new SeededRandom(seed ^ 0x51ed270b),
      report: (_level, event, details = {}) => report(event, details),
    });
  }

  /** As the main program has it: the archiver on the thread of the gateway, its segments packed on another one. */
  #startArchiver(options: NodeOptions): void {
    const [archive, ground, gateway] = [this.#archive, this.#ground, this.#gateway];
    if (archive === undefined || ground === undefined) return;
    const { journal, tables, partitionCount, hasOneLog } = this.#openStore(options, gateway);
    this.#archiver = new Archiver({
      ...{ journal, tables, partitionCount, hasOneLog },
      archive: archive.on(ground),
      segmentBytes: archive.segmentBytes,
      pack: (order, segmentsDue) =>
        new Promise((resolve, reject) => {
          this.#pack(options, archive.on(ground), { order, segmentsDue }).then(
            (range) => gateway.defer(() => resolve(range)),
            (cause: unknown) => gateway.defer(() => reject(cause as Error)),
          );
        }),
      clock: {
        now: () => gateway.now(),
        after: (delayMs, run) => gateway.after(delayMs / archive.hurry, run),
      },
      report: (_level, event, details = {}) => options.report(event, details),
    });
    this.#archiver.start();
  }

  /** As `ops/archive-task.ts`, in a store that it opens for itself. */
  async #pack(
    options: NodeOptions,
    archive: Archive,
    { order, segmentsDue }: { readonly order: SegmentOrder; readonly segmentsDue: number },
  ): Promise<FileRange | undefined> {
    const log = options.openStore();
    const packer = this.#packer;
    const pause = (ms: number): Promise<void> => new Promise((resolve) => void packer.after(ms, resolve));
    const rest = packingPace({ segmentsDue, worked: () => packer.monotonic(), pause });
    try {
      return await packSegment(storeOnThread(log, packer).journal, archive, order, rest);
    } finally {
      await log.close();
    }
  }

  /** `mesh[a][b]` is the end at shard a of the link between a and b. */
  #mesh(count: number, delayMs: () => number): (PeerLink | undefined)[][] {
    const mesh = Array.from({ length: count }, () => new Array<PeerLink | undefined>(count).fill(undefined));
    for (let left = 0; left < count; left++) {
      for (let right = left + 1; right < count; right++) {
        const [one, other] = [this.#shards[left] as ThreadClock, this.#shards[right] as ThreadClock];
        const { near, far } = simulatedLink<ShardItem, ShardItem>(this.#world, one, other, delayMs);
        (mesh[left] as (PeerLink | undefined)[])[right] = near;
        (mesh[right] as (PeerLink | undefined)[])[left] = far;
      }
    }
    return mesh;
  }
}

type PeerLink = Link<ShardItem, ShardItem>;
