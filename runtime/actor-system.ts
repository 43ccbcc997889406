/**
 * The actor system as its callers see it: each call sent to the shard that owns the actor, each answered once.
 *
 * N1  A call is answered no later than its deadline: past it with `outcome-unknown`, and a later answer is dropped.
 * N2  What a shard holds unanswered is bounded (`pending-calls.ts`); past it the next call is refused with `overloaded`
 *     before any work.
 */
import { isActorId, partitionOf } from '../actors/model/address.js';
import type { Module } from '../actors/model/module.js';
import type { Archive } from '../persistence/archive/archive.js';
import type { Store } from '../persistence/store.js';
import type { StruckActor } from './actor/strike-book.js';
import type { ActorAnswer, ActorClient, ActorRequest } from './actor-client.js';
import { type Asked, kindOf, toActorAnswer, toItem } from './call-translation.js';
import type { Clock, Random, Report } from './clock.js';
import { EventFeed } from './feed/event-feed.js';
import { compileKinds, type KindTable } from './kind-table.js';
import type { ShardPhase } from './lifecycle.js';
import { defaultLimits, type Limits } from './limits.js';
import type { Link } from './link/link.js';
import { answerOperation, answerTail, type LinkAnswer, type ShardItem } from './link/link-protocol.js';
import { OperationCalls } from './operator/operation-calls.js';
import { callBytesDefault, type PendingCall, PendingCalls } from './pending-calls.js';
import { SchemaCatalogue } from './schema-catalogue.js';
import { type ShardMetrics, type ShardSetup, shardOf } from './shard-thread.js';

/** A started shard, wherever it runs. */
export interface ShardHandle {
  readonly link: Link<ShardItem, LinkAnswer>;
  /** As last heard. */
  readonly phase: ShardPhase;
  metrics(): Promise<ShardMetrics>;
  /** See `Shard.endWaits`. */
  endWaits(): void;
  stop(): Promise<void>;
}

export interface ActorSystemOptions {
  readonly modules: readonly Module[];
  /** Opened by the caller, who closes it after `stop`. */
  readonly store: Store;
  /** Where the store's older entries are, if they are kept apart. */
  readonly archive?: Archive;
  readonly shardCount: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly limits?: Partial<Limits>;
  /** Strikes given to actors before this start. Default: none. */
  readonly struck?: readonly StruckActor[];
  /** Starts all shards and resolves when each has recovered its partitions and serves. */
  readonly startShards: (setups: readonly ShardSetup[]) => Promise<readonly ShardHandle[]>;
}

/** Time for an answer to travel after its wait ended. */
const waitGraceMs = 2_000;
/** Turns of the event loop that answers may take after the last shard has stopped. */
const farewellTurns = 10;

export class ActorSystem implements ActorClient {
  readonly kinds: KindTable;
  readonly operations: OperationCalls;
  readonly feed: EventFeed;
  readonly #shards: readonly ShardHandle[];
  readonly #partitionCount: number;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #pending: PendingCalls<PendingCall & Asked>;
  #needsFlush = false;
  #isStopping = false;

  private constructor(
    options: ActorSystemOptions,
    kinds: KindTable,
    shards: readonly ShardHandle[],
    limits: Limits,
  ) {
    this.kinds = kinds;
    this.#shards = shards;
    this.#partitionCount = options.store.partitionCount;
    this.#clock = options.clock;
    this.#limits = limits;
    this.#pending = new PendingCalls(options.clock, limits, shards.length);
    this.operations = new OperationCalls({
      partitionCount: options.store.partitionCount,
      links: shards.map(({ link }) => link),
      clock: options.clock,
    });
    this.feed = new EventFeed({
      journal: options.store.journal,
      kinds,
      links: shards.map(({ link }) => link),
      partitionCount: options.store.partitionCount,
      clock: options.clock,
      limits,
      archive: options.archive,
    });
    for (const shard of shards) {
      shard.link.receive((answers) => {
        for (const answer of answers) this.#receive(answer);
      });
    }
  }

  /** Compiles the modules, stores their schemas, starts the shards. Rejects with the reason when a shard cannot open. */
  static async start(options: ActorSystemOptions): Promise<ActorSystem> {
    const limits: Limits = { ...defaultLimits, ...options.limits };
    const stored = await options.store.readManifest();
    const catalogue = SchemaCatalogue.parse(stored);
    const { table, isNew } = compileKinds(options.modules, catalogue);
    const bytes = catalogue.serialise();
    if (isNew && !(await options.store.replaceManifest(stored, bytes))) {
      throw new Error('Another node changed the schema catalogue while this one started; start again.');
    }
    const setups = Array.from({ length: options.shardCount }, (_, index): ShardSetup => {
      const { shardCount, struck = [] } = options;
      return { index, shardCount, limits, catalogue: bytes, struck };
    });
    return new ActorSystem(options, table, await options.startShards(setups), limits);
  }

  get shardCount(): number {
    return this.#shards.length;
  }

  /** Calls submitted and not answered. */
  get callsPending(): number {
    return this.#pending.count;
  }

  submit(request: ActorRequest, answered: (answer: ActorAnswer) => void): void {
    const { call } = request;
    const kind = kindOf(this.kinds, call.kind);
    const shard = shardOf(partitionOf(call.id, this.#partitionCount), this.#shards.length);
    const refusal = isActorId(call.id) ? this.#refusal(shard) : idInvalid;
    if (refusal !== undefined) {
      this.#clock.defer(() => answered(refusal));
      return;
    }
    const waitMs = call.type === 'history' ? undefined : call.waitMs;
    const deadlineMs =
      (request.deadlineMs ?? this.#limits.callDeadlineMs) + (waitMs === undefined ? 0 : waitMs + waitGraceMs);
    const requestId = this.#pending.nextRequestId;
    // Everything that may throw comes before the call counts as taken.
    const taken: PendingCall & Asked = {
      shard,
      bytes: request.bytes ?? callBytesDefault,
      deadlineAt: this.#clock.monotonic() + deadlineMs,
      answered,
      kind,
      guardKind: call.guard === undefined ? undefined : kindOf(this.kinds, call.guard.kind),
      command: call.type === 'command' ? kind.commandByName.get(call.command) : undefined,
      query: call.type === 'query' ? kind.queryByName.get(call.query) : undefined,
    };
    const item = toItem(requestId, request, taken, deadlineMs);
    this.#pending.add(taken);
    this.#shards[shard]?.link.send(item);
    this.#flushSoon();
  }

  metrics(): Promise<readonly ShardMetrics[]> {
    return Promise.all(this.#shards.map((shard) => shard.metrics()));
  }

  /** Whether each shard serves. */
  get shardPhases(): readonly ShardPhase[] {
    return this.#shards.map(({ phase }) => phase);
  }

  /** The node is about to stop: held calls are answered with how their actor stands, now and from here on. */
  endWaits(): void {
    for (const shard of this.#shards) shard.endWaits();
  }

  /** Refuses new calls, lets every shard finish and release its partitions; calls still open then end `outcome-unknown`. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.feed.stop();
    // What was submitted before arrives before the stop, and answers given before its end are still on their way after it.
    for (const shard of this.#shards) shard.link.flush();
    await this.#turn();
    await Promise.all(this.#shards.map((shard) => shard.stop()));
    for (let turns = 0; turns < farewellTurns && this.#pending.count > 0; turns++) await this.#turn();
    this.#pending.stop();
    this.#pending.leaveOpen('The node stopped.');
    this.operations.stop();
    for (const shard of this.#shards) shard.link.close();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#clock.defer(resolve));
  }

  /** A shard is gone: whether its open calls took effect cannot be known here. */
  shardLost(shard: number): void {
    this.#pending.leaveOpen('The shard stopped.', shard);
  }

  #refusal(shard: number): ActorAnswer | undefined {
    if (this.#isStopping) return shuttingDown;
    return this.#pending.hasRoom(shard) ? undefined : overloaded;
  }

  #receive(answer: LinkAnswer): void {
    if (answer[1] === answerTail) return this.feed.receive(answer);
    if (answer[0] < 0 || answer[1] === answerOperation) return this.operations.receive(answer);
    const asked = this.#pending.get(answer[0]);
    if (asked !== undefined) this.#pending.settle(answer[0], toActorAnswer(answer, asked));
  }

  /** One batch per turn: everything that the gateway submits while it handles ready sockets goes together. */
  #flushSoon(): void {
    if (this.#needsFlush) return;
    this.#needsFlush = true;
    this.#clock.defer(() => {
      this.#needsFlush = false;
      for (const shard of this.#shards) shard.link.flush();
    });
  }
}

const idInvalid: ActorAnswer = {
  type: 'failure',
  code: 'id-invalid',
  detail: 'The id of the actor is not valid.',
};
const shuttingDown: ActorAnswer = {
  type: 'failure',
  code: 'shutting-down',
  detail: 'The node is stopping.',
  retryAfterSeconds: 1,
};
const overloaded: ActorAnswer = {
  type: 'failure',
  code: 'overloaded',
  detail: 'Too many calls are waiting.',
  retryAfterSeconds: 1,
};
