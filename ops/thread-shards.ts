/**
 * Shards on worker threads: starts them, links them with each other and with the main thread, and notices when one is
 * lost.
 *
 * H1  A shard that ends without having been stopped, or says that it must, is reported once to `onLost`. With the
 *     embedded store that ends the process: what a dead thread had under way is settled only by a new one.
 * H2  A turn that does not end (an endless loop in user code) counts as lost after `hungAfterLooks` looks at a pulse
 *     that does not move. Looks are counted, not milliseconds, and those count little for which the process had hardly
 *     any processor time: one that was stopped for a minute, or starved, is not hung.
 * H3  A thread lost in the middle of a turn gives the actor whose code ran a strike, before the loss is reported.
 * H4  A thread that waits for its disk is in no turn and looks at no clock: that an append has its deadline is seen from here.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Activities } from '../runtime/activity/activities.js';
import type { ActorHashes } from '../runtime/actor/strike-book.js';
import type { ShardHandle } from '../runtime/actor-system.js';
import type { Report } from '../runtime/clock.js';
import type { ShardPhase } from '../runtime/lifecycle.js';
import { PortLink } from '../runtime/link/link.js';
import type { LinkAnswer, ShardItem } from '../runtime/link/link-protocol.js';
import type { ShardMetrics, ShardSetup } from '../runtime/shard-thread.js';
import { serveActivities } from './activity-port.js';
import type { ErrorFacts, ShardNews, ShardOrder, ShardThreadData } from './shard-protocol.js';
import { lookWeight, ShardVitals, type VitalsMemory, vitalsMemory } from './shard-vitals.js';

export interface ThreadShardsOptions {
  readonly moduleUrl: string;
  readonly store: ShardThreadData['store'];
  /** Per shard. */
  readonly memoryBudgetBytes: number;
  /** Per shard. */
  readonly youngGenerationMb: number;
  readonly report: Report;
  readonly activities: Activities;
  /** Called before `onLost` when the thread was lost in this actor's code. */
  readonly onStrike: (actor: ActorHashes) => void;
  readonly onLost: (shard: number, code: string, cause: unknown) => void;
}

/**
 * Where V8 ends a thread whose heap outgrows everything that is bounded: the budget again for the garbage between two
 * collections, the program itself, groups and channels on top.
 */
const heapMbBase = 256;
const heapPerBudget = 2;
const tickMs = 500;
/** Two seconds without the end of a turn. */
const hungAfterLooks = 4;

/** For `ActorSystem.start`: resolves when every shard has recovered its partitions; rejects when one cannot. */
export function threadShards(
  options: ThreadShardsOptions,
): (setups: readonly ShardSetup[]) => Promise<ShardHandle[]> {
  return async (setups) => {
    const mesh = portMesh(setups.length);
    const memory = vitalsMemory(setups.length);
    const shards = setups.map((setup, index) => new ThreadShard(setup, mesh[index] ?? [], memory, options));
    // From the start: what a shard finds in its log may be what hangs it.
    const watch = watchPulse(shards);
    void Promise.all(shards.map((shard) => shard.gone)).then(() => clearInterval(watch));
    const opened = await Promise.allSettled(shards.map((shard) => shard.opened));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(shards.map((shard) => shard.abandon()));
      throw failed.reason;
    }
    return shards;
  };
}

type Phase = 'opening' | 'open' | 'stopping' | 'gone';

class ThreadShard implements ShardHandle {
  readonly link: PortLink<ShardItem, LinkAnswer>;
  readonly opened: Promise<void>;
  readonly vitals: ShardVitals;
  readonly appendDeadlineMs: number;
  /** Resolves when the thread has ended, however. */
  readonly gone: Promise<void>;
  readonly #worker: Worker;
  readonly #index: number;
  readonly #options: ThreadShardsOptions;
  readonly #asked = new Map<
    number,
    { resolve: (metrics: ShardMetrics) => void; reject: (error: Error) => void }
  >();
  phase: ShardPhase = 'closed';
  #threadPhase: Phase = 'opening';
  #nextRequestId = 1;
  #settleOpened: { resolve: () => void; reject: (error: unknown) => void };
  #stopped = (): void => {};

  constructor(
    setup: ShardSetup,
    peers: readonly (MessagePort | undefined)[],
    memory: VitalsMemory,
    options: ThreadShardsOptions,
  ) {
    this.#index = setup.index;
    this.vitals = new ShardVitals(memory, setup.index);
    this.appendDeadlineMs = setup.limits.appendDeadlineMs;
    this.#options = options;
    const { port1, port2 } = new MessageChannel();
    this.link = new PortLink(port1);
    const activities = new MessageChannel();
    serveActivities(activities.port1, options.activities);
    const { moduleUrl, store } = options;
    const workerData: ShardThreadData = {
      ...{ setup, moduleUrl, store, peers, vitals: memory },
      ...{ gateway: port2, activities: activities.port2 },
    };
    this.#settleOpened = { resolve: () => {}, reject: () => {} };
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.#worker = new Worker(new URL('./shard-main.js', import.meta.url), {
      name: `shard-${setup.index}`,
      workerData,
      transferList: [port2, activities.port2, ...peers.filter((port) => port !== undefined)],
      resourceLimits: {
        maxYoungGenerationSizeMb: options.youngGenerationMb,
        maxOldGenerationSizeMb: heapMbBase + heapPerBudget * (options.memoryBudgetBytes / 2 ** 20),
      },
    });
    this.#worker.on('message', (news: ShardNews) => this.#hear(news));
    this.#worker.on('error', (error) => this.lost('thread-failed', error));
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        if (this.#threadPhase !== 'stopping') this.lost('thread-ended', new Error(`exit code ${code}`));
        this.#end();
        resolve();
      });
    });
  }

  /** Rejects when the thread is gone before it answers. */
  metrics(): Promise<ShardMetrics> {
    if (this.#threadPhase === 'gone') return Promise.reject(new Error(`shard ${this.#index} is gone`));
    const requestId = this.#nextRequestId++;
    this.#order({ type: 'metrics', requestId });
    return new Promise((resolve, reject) => this.#asked.set(requestId, { resolve, reject }));
  }

  endWaits(): void {
    if (this.#threadPhase === 'open') this.#order({ type: 'end-waits' });
  }

  /** Resolves when the shard has released its partitions and closed its store, or its thread is gone. */
  async stop(): Promise<void> {
    // A shard that was lost may have left its thread, which would keep the process; it need not come to its end (P3 of serve.ts).
    if (this.#threadPhase === 'gone') return void this.#worker.terminate();
    this.#threadPhase = 'stopping';
    this.#order({ type: 'stop' });
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /** Another shard could not open: nothing of this one is worth keeping. */
  async abandon(): Promise<void> {
    if (this.#threadPhase === 'open') await this.stop();
    else this.#threadPhase = 'stopping';
    this.link.close();
    await this.#worker.terminate();
  }

  /** Reports the loss once (H1). */
  lost(code: string, cause: unknown): void {
    const phase = this.#threadPhase;
    if (phase === 'gone') return;
    // Left in the middle of a turn: its actor's code hangs, or has taken the thread down without unwinding.
    const { culprit } = this.vitals;
    if (culprit !== undefined) this.#options.onStrike(culprit);
    this.#end();
    if (phase === 'opening') this.#settleOpened.reject(cause);
    else this.#options.onLost(this.#index, code, cause);
  }

  /** Whoever waits for this shard waits no longer. */
  #end(): void {
    this.#threadPhase = 'gone';
    this.phase = 'stopped';
    for (const { reject } of this.#asked.values()) reject(new Error(`shard ${this.#index} is gone`));
    this.#asked.clear();
    this.#stopped();
  }

  #order(order: ShardOrder): void {
    this.#worker.postMessage(order);
  }

  #hear(news: ShardNews): void {
    switch (news.type) {
      case 'opened':
        this.#threadPhase = 'open';
        return this.#settleOpened.resolve();
      case 'open-failed':
        return this.lost('open-failed', asError(news.error));
      case 'metrics': {
        const answer = this.#asked.get(news.requestId);
        this.#asked.delete(news.requestId);
        return answer?.resolve(news.metrics);
      }
      case 'phase':
        this.phase = news.phase;
        return;
      case 'stopped':
        return this.#stopped();
      case 'fatal':
        return this.lost(news.code, asError(news.error));
      case 'report':
        return this.#options.report(news.level, news.event, news.details);
    }
  }
}

/** `mesh[a][b]` is the end at shard a of the channel between a and b. */
function portMesh(count: number): (MessagePort | undefined)[][] {
  const mesh = Array.from({ length: count }, () => new Array<MessagePort | undefined>(count).fill(undefined));
  for (const [left, ports] of mesh.entries()) {
    for (const [right, others] of mesh.entries()) {
      if (right <= left) continue;
      const { port1, port2 } = new MessageChannel();
      ports[right] = port1;
      others[left] = port2;
    }
  }
  return mesh;
}

/** Looks at every pulse (H2) and every wait (H4): odd means inside, and a value seen before means still the same one. */
function watchPulse(shards: readonly ThreadShard[]): NodeJS.Timeout {
  const seen = shards.map((shard) => ({ shard, pulse: 0, looks: 0, waits: 0, waitedMs: 0 }));
  let processorMs = processorTimeMs();
  const look = (): void => {
    const before = processorMs;
    processorMs = processorTimeMs();
    const weight = lookWeight(processorMs - before, tickMs);
    for (const last of seen) {
      const { pulse } = last.shard.vitals;
      last.looks = pulse % 2 !== 0 && pulse === last.pulse ? last.looks + weight : 0;
      last.pulse = pulse;
      if (last.looks >= hungAfterLooks) last.shard.lost('shard-hung', hung());
      const { waits } = last.shard.vitals;
      last.waitedMs = waits % 2 !== 0 && waits === last.waits ? last.waitedMs + tickMs : 0;
      last.waits = waits;
      if (last.waitedMs >= last.shard.appendDeadlineMs) last.shard.lost('outcome-unknown', stuck());
    }
  };
  return setInterval(look, tickMs).unref();
}

/** Of all threads of the process. */
function processorTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** With a code: another start may go well (F2 of start-refusal.ts). */
function hung(): Error {
  return Object.assign(new Error('a turn of the shard does not end'), { code: 'shard-hung' });
}

function stuck(): Error {
  return Object.assign(new Error('the disk does not return from a write'), { code: 'store-broken' });
}

function asError({ message, stack, code }: ErrorFacts): Error {
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}
