/**
 * The actor system as its callers see it: names turned into numbers and back, each call sent to the shard that owns the
 * actor, each answered once.
 *
 * N1  A call is answered no later than its deadline: past it with `outcome-unknown`, and a later answer is dropped.
 * N2  At most `callsPerShardMax` calls are unanswered per shard; the next one is refused with `overloaded` before any work.
 */
import { isActorId, partitionOf } from '../actors/model/address.js';
import type { ActorCall, Guard, HistoryReply } from '../actors/model/call.js';
import type { Module } from '../actors/model/module.js';
import type { Store } from '../persistence/store.js';
import type { StruckActor } from './actor/strike-book.js';
import type { ActorAnswer, ActorClient, ActorRequest } from './actor-client.js';
import type { CancelTimer, Clock, Random, Report } from './clock.js';
import { type CommandEntry, compileKinds, type Kind, type KindTable, type QueryEntry } from './kind-table.js';
import { defaultLimits, type Limits } from './limits.js';
import type { Link } from './link/link.js';
import {
  answerHistory,
  answerOperation,
  answerRejection,
  answerReply,
  answerStatus,
  type CallAnswer,
  type CallItem,
  type GuardItem,
  itemCommand,
  itemHistory,
  itemQuery,
  type LinkAnswer,
  type ShardItem,
} from './link/link-protocol.js';
import { OperationCalls } from './operator/operation-calls.js';
import { SchemaCatalogue } from './schema-catalogue.js';
import { type ShardMetrics, type ShardSetup, shardOf } from './shard-thread.js';

/** A started shard, wherever it runs. */
export interface ShardHandle {
  readonly link: Link<ShardItem, LinkAnswer>;
  metrics(): Promise<ShardMetrics>;
  stop(): Promise<void>;
}

export interface ActorSystemOptions {
  readonly modules: readonly Module[];
  /** Opened by the caller, who closes it after `stop`. */
  readonly store: Store;
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

interface Pending {
  readonly shard: number;
  readonly kind: Kind;
  readonly guardKind: Kind | undefined;
  readonly command: CommandEntry | undefined;
  readonly query: QueryEntry | undefined;
  readonly deadlineAt: number;
  readonly answered: (answer: ActorAnswer) => void;
}

const deadlineCheckMs = 100;
/** Time for an answer to travel after its wait ended. */
const waitGraceMs = 2_000;
/** Turns of the event loop that answers may take after the last shard has stopped. */
const farewellTurns = 10;

export class ActorSystem implements ActorClient {
  readonly kinds: KindTable;
  readonly operations: OperationCalls;
  readonly #shards: readonly ShardHandle[];
  readonly #partitionCount: number;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #pending = new Map<number, Pending>();
  readonly #pendingPerShard: number[];
  #nextRequestId = 1;
  #needsFlush = false;
  #cancelCheck: CancelTimer | undefined;
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
    this.#pendingPerShard = shards.map(() => 0);
    this.operations = new OperationCalls({
      partitionCount: options.store.partitionCount,
      links: shards.map(({ link }) => link),
      clock: options.clock,
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
    return this.#pending.size;
  }

  submit(request: ActorRequest, answered: (answer: ActorAnswer) => void): void {
    const { call } = request;
    const kind = this.#kind(call.kind);
    const shard = shardOf(partitionOf(call.id, this.#partitionCount), this.#shards.length);
    const refusal = isActorId(call.id) ? this.#refusal(shard) : idInvalid;
    if (refusal !== undefined) {
      this.#clock.defer(() => answered(refusal));
      return;
    }
    const waitMs = call.type === 'history' ? undefined : call.waitMs;
    const deadlineMs =
      (request.deadlineMs ?? this.#limits.callDeadlineMs) + (waitMs === undefined ? 0 : waitMs + waitGraceMs);
    const requestId = this.#nextRequestId++;
    const command = call.type === 'command' ? kind.commandByName.get(call.command) : undefined;
    const query = call.type === 'query' ? kind.queryByName.get(call.query) : undefined;
    // Everything that may throw comes before the call counts as taken.
    const guardKind = call.guard === undefined ? undefined : this.#kind(call.guard.kind);
    const item = this.#toItem(requestId, request, kind, command, query, deadlineMs);
    this.#pending.set(requestId, {
      shard,
      kind,
      guardKind,
      command,
      query,
      deadlineAt: this.#clock.monotonic() + deadlineMs,
      answered,
    });
    this.#pendingPerShard[shard] = (this.#pendingPerShard[shard] ?? 0) + 1;
    this.#shards[shard]?.link.send(item);
    this.#flushSoon();
    this.#cancelCheck ??= this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }

  metrics(): Promise<readonly ShardMetrics[]> {
    return Promise.all(this.#shards.map((shard) => shard.metrics()));
  }

  /** Refuses new calls, lets every shard finish and release its partitions; calls still open then end `outcome-unknown`. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    // What was submitted before arrives before the stop, and answers given before its end are still on their way after it.
    for (const shard of this.#shards) shard.link.flush();
    await this.#turn();
    await Promise.all(this.#shards.map((shard) => shard.stop()));
    for (let turns = 0; turns < farewellTurns && this.#pending.size > 0; turns++) await this.#turn();
    this.#cancelCheck?.();
    for (const requestId of [...this.#pending.keys()]) this.#settle(requestId, unknown('The node stopped.'));
    this.operations.stop();
    for (const shard of this.#shards) shard.link.close();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#clock.defer(resolve));
  }

  /** A shard is gone: whether its open calls took effect cannot be known here. */
  shardLost(shard: number): void {
    for (const [requestId, pending] of [...this.#pending]) {
      if (pending.shard === shard) this.#settle(requestId, unknown('The shard stopped.'));
    }
  }

  #kind(name: string): Kind {
    const kind = this.kinds.named(name);
    if (kind === undefined) throw new TypeError(`No module defines the actor kind "${name}".`);
    return kind;
  }

  #refusal(shard: number): ActorAnswer | undefined {
    if (this.#isStopping)
      return {
        type: 'failure',
        code: 'shutting-down',
        detail: 'The node is stopping.',
        retryAfterSeconds: 1,
      };
    if ((this.#pendingPerShard[shard] ?? 0) < this.#limits.callsPerShardMax) return undefined;
    return {
      type: 'failure',
      code: 'overloaded',
      detail: 'Too many calls are waiting.',
      retryAfterSeconds: 1,
    };
  }

  #toItem(
    requestId: number,
    request: ActorRequest,
    kind: Kind,
    command: CommandEntry | undefined,
    query: QueryEntry | undefined,
    deadlineMs: number,
  ): CallItem {
    const { call, caller } = request;
    if (call.type === 'command') {
      if (command === undefined) throw new TypeError(`Kind "${kind.name}" has no command "${call.command}".`);
      return [
        itemCommand,
        requestId,
        kind.index,
        call.id,
        command.index,
        command.input.toFields(call.payload),
        request.commandId,
        request.fingerprint ?? 0,
        caller.principal,
        caller.roles,
        request.correlationId ?? 0,
        request.traceparent ?? 0,
        request.expectedVersion ?? -1,
        deadlineMs,
        call.waitMs ?? -1,
        this.#toGuard(call.guard),
      ];
    }
    if (call.type === 'query') {
      if (query === undefined) throw new TypeError(`Kind "${kind.name}" has no query "${call.query}".`);
      return [
        itemQuery,
        requestId,
        kind.index,
        call.id,
        query.index,
        query.input.toFields(call.payload),
        caller.principal,
        caller.roles,
        deadlineMs,
        call.waitMs ?? -1,
        this.#toGuard(call.guard),
        toMoment(call.at),
      ];
    }
    return [
      itemHistory,
      requestId,
      kind.index,
      call.id,
      caller.principal,
      caller.roles,
      deadlineMs,
      this.#toGuard(call.guard),
      call.direction === 'backward',
      call.fromVersion ?? -1,
      call.limit,
    ];
  }

  #toGuard(guard: Guard | undefined): GuardItem | 0 {
    if (guard === undefined) return 0;
    const kind = this.#kind(guard.kind);
    const query = kind.queryByName.get(guard.query);
    if (query === undefined) throw new TypeError(`Kind "${kind.name}" has no query "${guard.query}".`);
    return [kind.index, guard.id, query.index, query.input.toFields(guard.payload)];
  }

  #receive(answer: LinkAnswer): void {
    if (answer[0] < 0 || answer[1] === answerOperation) return this.operations.receive(answer);
    const pending = this.#pending.get(answer[0]);
    if (pending !== undefined) this.#settle(answer[0], toActorAnswer(answer, pending));
  }

  #settle(requestId: number, answer: ActorAnswer): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return;
    this.#pending.delete(requestId);
    this.#pendingPerShard[pending.shard] = (this.#pendingPerShard[pending.shard] ?? 1) - 1;
    pending.answered(answer);
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

  #checkDeadlines(): void {
    this.#cancelCheck = undefined;
    const now = this.#clock.monotonic();
    for (const [requestId, pending] of this.#pending) {
      if (pending.deadlineAt <= now) this.#settle(requestId, unknown('The deadline passed.'));
    }
    if (this.#pending.size > 0)
      this.#cancelCheck = this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }
}

const idInvalid: ActorAnswer = {
  type: 'failure',
  code: 'id-invalid',
  detail: 'The id of the actor is not valid.',
};

function unknown(detail: string): ActorAnswer {
  return { type: 'failure', code: 'outcome-unknown', detail, retryAfterSeconds: 1 };
}

function toMoment(at: (ActorCall & { readonly type: 'query' })['at']): readonly [0 | 1, number] | 0 {
  if (at === undefined) return 0;
  return 'version' in at ? [0, at.version] : [1, at.time];
}

function toActorAnswer(answer: CallAnswer, pending: Pending): ActorAnswer {
  switch (answer[1]) {
    case answerReply: {
      const form = pending.command?.reply ?? pending.query?.reply;
      return { type: 'reply', reply: form?.fromFields(answer[2]), version: answer[3], replayed: answer[4] };
    }
    case answerStatus: {
      const form = pending.kind.queryByName.get('status')?.reply;
      return { type: 'reply', reply: form?.fromFields(answer[2]), version: answer[3], replayed: answer[4] };
    }
    case answerHistory: {
      const reply = { events: answer[2], next: answer[3] } as HistoryReply;
      return { type: 'reply', reply, version: 0, replayed: false };
    }
    case answerRejection: {
      const status = statusOf(pending, answer[2]);
      return { type: 'rejection', code: answer[2], detail: answer[3], status, replayed: answer[4] };
    }
    default:
      return { type: 'failure', code: answer[2], detail: answer[3] };
  }
}

function statusOf(pending: Pending, code: string): number {
  const own = pending.kind.definition.contract.rejections[code];
  return own ?? pending.guardKind?.definition.contract.rejections[code] ?? 409;
}
