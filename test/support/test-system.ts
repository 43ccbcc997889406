/**
 * A whole actor system over a disk in memory, on virtual time: started, asked, crashed and started again on what the disk kept.
 *
 * Every answer is kept in an `Ask`, so that a test can see that it has not come yet.
 */
import { partitionOf } from '../../actors/model/address.js';
import { type ActorCall, type Answered, queryCall } from '../../actors/model/call.js';
import type { Caller } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import type { Archive } from '../../persistence/archive/archive.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { FaultScript, type MemoryFaults } from '../../persistence/memory/memory-faults.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { Store } from '../../persistence/store.js';
import type { Activities } from '../../runtime/activity/activities.js';
import type { StruckActor } from '../../runtime/actor/strike-book.js';
import type { ActorAnswer, ActorRequest } from '../../runtime/actor-client.js';
import { ActorSystem } from '../../runtime/actor-system.js';
import { inThreadShards } from '../../runtime/in-thread-shards.js';
import type { Limits } from '../../runtime/limits.js';
import type { ShardMetrics } from '../../runtime/shard-thread.js';
import { counterContract, counterModule } from './counter-module.js';
import { SeededRandom } from './seeded-random.js';
import { VirtualClock } from './virtual-clock.js';

export interface TestSystemOptions {
  /** Default: counters. */
  readonly modules?: readonly Module[];
  readonly shardCount?: number;
  /** Default 4. */
  readonly partitionCount?: number;
  readonly limits?: Partial<Limits>;
  /** Strikes given before this start. */
  readonly struck?: readonly StruckActor[];
  readonly disk?: MemoryDisk;
  readonly clock?: VirtualClock;
  /** Default: a script, reachable as `faults`. */
  readonly faults?: MemoryFaults;
  readonly failsWithProcess?: boolean;
  /** See `MemoryStoreOptions`. */
  readonly node?: number;
  readonly isServer?: boolean;
  /** Of older entries; reading them is up to `storeAs`. */
  readonly archive?: Archive;
  /** Stands between the runtime and the store: for reads that wait. */
  readonly storeAs?: (store: Store) => Store;
  readonly seed?: number;
  /** What does the activities of the modules. */
  readonly activities?: Activities;
}

export interface Report {
  readonly level: string;
  readonly event: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One question and, once it came, its answer. */
export interface Ask {
  readonly commandId: string;
  readonly answers: readonly ActorAnswer[];
  /** The answer, undefined while there is none. Throws when there were several. */
  readonly answer: ActorAnswer | undefined;
}

export const somebody: Caller = { principal: 'somebody', roles: ['admin'], internal: false };

/** An id in each partition, in the order of the partitions. */
export function idsOn(partitionCount: number): readonly [string, string, ...string[]] {
  const ids: string[] = [];
  for (let count = 0; ids.filter((id) => id !== undefined).length < partitionCount; count++) {
    ids[partitionOf(`id${count}`, partitionCount)] ??= `id${count}`;
  }
  // Tests ask for two partitions at least.
  return ids as [string, string, ...string[]];
}

let commandCount = 0;

export class TestSystem {
  readonly system: ActorSystem;
  readonly disk: MemoryDisk;
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly script: FaultScript;
  readonly reports: readonly Report[];
  readonly fatal: readonly string[];
  readonly #options: TestSystemOptions;

  private constructor(parts: {
    readonly system: ActorSystem;
    readonly disk: MemoryDisk;
    readonly store: Store;
    readonly clock: VirtualClock;
    readonly script: FaultScript;
    readonly reports: readonly Report[];
    readonly fatal: readonly string[];
    readonly options: TestSystemOptions;
  }) {
    this.system = parts.system;
    this.disk = parts.disk;
    this.store = parts.store;
    this.clock = parts.clock;
    this.script = parts.script;
    this.reports = parts.reports;
    this.fatal = parts.fatal;
    this.#options = parts.options;
  }

  static async start(options: TestSystemOptions = {}): Promise<TestSystem> {
    const partitionCount = options.disk?.partitionCount ?? options.partitionCount ?? 4;
    const disk = options.disk ?? new MemoryDisk(partitionCount);
    const clock = options.clock ?? new VirtualClock();
    const script = new FaultScript();
    const memory = createMemoryStore({
      partitionCount,
      disk,
      faults: options.faults ?? script,
      ...(options.failsWithProcess === undefined ? {} : { failsWithProcess: options.failsWithProcess }),
      ...(options.node === undefined ? {} : { node: options.node }),
      isServer: options.isServer ?? false,
    });
    const store = options.storeAs?.(memory) ?? memory;
    const reports: Report[] = [];
    const fatal: string[] = [];
    const shared = {
      modules: options.modules ?? [counterModule()],
      store,
      clock,
      random: new SeededRandom((options.seed ?? 1) + disk.generation),
      report: (level: string, event: string, details: Readonly<Record<string, unknown>> = {}) => {
        reports.push({ level, event, details });
      },
    };
    const system = await clock.settled(
      ActorSystem.start({
        ...shared,
        ...(options.archive === undefined ? {} : { archive: options.archive }),
        shardCount: options.shardCount ?? 1,
        ...(options.struck === undefined ? {} : { struck: options.struck }),
        // The filter of a shard would be 64 MB that are zeroed at every start.
        limits: { filterBytes: 65_536, ...options.limits },
        startShards: inThreadShards({
          ...shared,
          onFatal: (code) => fatal.push(code),
          ...(options.activities === undefined ? {} : { activities: options.activities }),
        }),
      }),
    );
    return new TestSystem({ system, disk, store, clock, script, reports, fatal, options });
  }

  /** Submits a call and returns at once; nothing moves before the clock does. */
  submit(call: ActorCall, request: Partial<Omit<ActorRequest, 'call'>> = {}): Ask {
    const answers: ActorAnswer[] = [];
    const commandId = request.commandId ?? `c${(++commandCount).toString().padStart(21, '0')}`;
    this.system.submit({ call, caller: somebody, ...request, commandId }, (answer) => answers.push(answer));
    return {
      commandId,
      answers,
      get answer(): ActorAnswer | undefined {
        if (answers.length > 1)
          throw new Error(`answered ${answers.length} times: ${JSON.stringify(answers)}`);
        return answers[0];
      },
    };
  }

  /** A command with an idempotency key. */
  submitKeyed(call: ActorCall, key: string, fingerprint = 'f'): Ask {
    return this.submit(call, { commandId: key.padEnd(22, '-'), fingerprint });
  }

  /** Submits a call and lets time pass until it is answered. */
  async ask(call: ActorCall, request: Partial<Omit<ActorRequest, 'call'>> = {}): Promise<ActorAnswer> {
    return this.answered(this.submit(call, request));
  }

  async answered(ask: Ask): Promise<ActorAnswer> {
    await this.clock.until(() => ask.answer !== undefined);
    return ask.answer as ActorAnswer;
  }

  /** The reply of a call that must succeed. */
  async reply<Reply>(call: ActorCall & Answered<Reply>): Promise<Reply> {
    const answer = await this.ask(call);
    if (answer.type !== 'reply') throw new Error(`no reply: ${JSON.stringify(answer)}`);
    // The call carries the type of its reply.
    return answer.reply as Reply;
  }

  /** An operator tries a parked actor again. */
  async unpark(kind: string, id: string): Promise<void> {
    const operator = { principal: 'olga', commandId: `operator-${++commandCount}` };
    const partition = partitionOf(id, this.disk.partitionCount);
    const ask = { kind, id, isDryRun: false };
    const facts = await this.clock.settled(
      this.system.operations.ask(partition, 'actors.unpark', ask, operator),
    );
    if (facts.isParked) throw new Error(`${kind}/${id} is still parked`);
  }

  /** The state of a counter as its query shows it. */
  counter(id: string) {
    return this.reply(queryCall(counterContract, id, 'get', {}));
  }

  async metrics(): Promise<readonly ShardMetrics[]> {
    return this.clock.settled(this.system.metrics());
  }

  /** Waits until the tables hold everything that is in the log. */
  async swept(): Promise<void> {
    let lag = Number.POSITIVE_INFINITY;
    while (lag > 0) {
      await this.clock.advance(100);
      lag = (await this.metrics()).reduce((sum, shard) => sum + shard.tableLagEntries, 0);
    }
  }

  /** Ends the process without a word and starts another one on what the disk kept. */
  async crash(
    options: TestSystemOptions & { readonly kind?: 'power' | 'process' } = {},
  ): Promise<TestSystem> {
    this.disk.crash(options.kind ?? 'power');
    this.clock.forget();
    return TestSystem.start({ ...this.#options, ...options, disk: this.disk, clock: this.clock });
  }

  /** Stops in order and starts again. */
  async restart(options: TestSystemOptions = {}): Promise<TestSystem> {
    await this.stop();
    return TestSystem.start({ ...this.#options, ...options, disk: this.disk, clock: this.clock });
  }

  async stop(): Promise<void> {
    await this.clock.settled(this.system.stop());
    await this.store.close();
  }

  countOf(event: string): number {
    return this.reports.filter((report) => report.event === event).length;
  }
}
