/**
 * An `ActorClient` that runs aggregates in memory, for tests of what stands in front of actors. It keeps the promises of
 * the interface that an edge can see: one answer per call and never before `submit` returned, contiguous versions,
 * deduplication by command id and fingerprint, guards, histories. Nothing is durable, nothing travels.
 */
import type { AggregateDefinition, DecideContext } from '../../actors/model/aggregate.js';
import type { ActorCall, Guard, HistoryCall, RecordedEvent } from '../../actors/model/call.js';
import type { Rejection } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import type { ActorAnswer, ActorClient, ActorRequest } from '../../runtime/actor-client.js';

// biome-ignore lint/suspicious/noExplicitAny: a module's aggregates have forgotten their state types
type AnyAggregate = AggregateDefinition<any, any>;

interface Actor {
  readonly definition: AnyAggregate;
  state: unknown;
  readonly events: RecordedEvent[];
}

interface Recorded {
  readonly fingerprint: string;
  readonly answer: ActorAnswer;
}

type Answered = (answer: ActorAnswer) => void;

export class MemoryActors implements ActorClient {
  readonly #definitions = new Map<string, AnyAggregate>();
  readonly #actors = new Map<string, Actor>();
  readonly #recorded = new Map<string, Recorded>();
  readonly #held: (() => void)[] = [];
  /** Every request that came, in order. */
  readonly requests: ActorRequest[] = [];
  /** While true, calls run and their answers wait for `release`. */
  isHolding = false;
  /** Answered in place of running the call, once per entry. */
  readonly nextAnswers: ActorAnswer[] = [];

  constructor(modules: readonly Module[]) {
    for (const module of modules) {
      for (const aggregate of module.aggregates) this.#definitions.set(aggregate.contract.kind, aggregate);
    }
  }

  submit(request: ActorRequest, answered: Answered): void {
    this.requests.push(request);
    const answer = this.nextAnswers.shift() ?? this.#run(request);
    const give = (): void => answered(answer);
    if (this.isHolding) this.#held.push(give);
    else setImmediate(give);
  }

  /** Gives out the answers that were held. */
  release(): void {
    for (const give of this.#held.splice(0)) give();
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Events of all actors together. */
  get eventCount(): number {
    let count = 0;
    for (const actor of this.#actors.values()) count += actor.events.length;
    return count;
  }

  #run(request: ActorRequest): ActorAnswer {
    const { call, commandId, fingerprint } = request;
    if (call.type !== 'command' || fingerprint === undefined) return this.#dispatch(request);
    const key = `${call.kind}/${call.id}/${commandId}`;
    const earlier = this.#recorded.get(key);
    if (earlier !== undefined) {
      if (earlier.fingerprint !== fingerprint) return failure('idempotency-key-reused');
      return earlier.answer.type === 'failure' ? earlier.answer : { ...earlier.answer, replayed: true };
    }
    const answer = this.#dispatch(request);
    if (answer.type !== 'failure') this.#recorded.set(key, { fingerprint, answer });
    return answer;
  }

  #dispatch(request: ActorRequest): ActorAnswer {
    const { call } = request;
    const refusal = call.guard === undefined ? undefined : this.#guardRefusal(call.guard, request);
    if (refusal !== undefined) return refusal;
    const actor = this.#actor(call);
    if (call.type === 'history') return history(call, actor.events);
    const version = actor.events.length;
    const ctx = contextOf(request, version);
    if (call.type === 'query') {
      const reply: unknown = actor.definition.read[call.query]?.(actor.state, call.payload as never, ctx);
      return isRejection(reply)
        ? this.#rejection(actor, reply)
        : { type: 'reply', reply, version, replayed: false };
    }
    const decision = actor.definition.decide[call.command]?.(actor.state, call.payload as never, ctx);
    if (decision === undefined) return failure('command-unknown');
    if (isRejection(decision)) return this.#rejection(actor, decision);
    if (request.expectedVersion !== undefined && request.expectedVersion !== version)
      return failure('version-conflict');
    for (const event of decision.events ?? []) this.#apply(actor, request, event);
    const after = actor.events.length;
    const reply: unknown =
      typeof decision.reply === 'function' ? decision.reply(actor.state, after) : decision.reply;
    return { type: 'reply', reply, version: after, replayed: false };
  }

  #apply(
    actor: Actor,
    { call, caller, commandId, correlationId }: ActorRequest,
    event: { type: string; data: unknown },
  ): void {
    const streamVersion = actor.events.length + 1;
    actor.state = actor.definition.evolve[event.type]?.(actor.state, event.data as never, testNow);
    actor.events.push({
      eventId: `${commandId}-${streamVersion}`,
      type: event.type,
      aggregateId: call.id,
      aggregateType: call.kind,
      streamVersion,
      schemaVersion: 1,
      data: event.data,
      correlationId: correlationId ?? commandId,
      causationId: '',
      principal: caller.principal,
      at: testNow,
      position: `0-${streamVersion}`,
    });
  }

  #guardRefusal(guard: Guard, request: ActorRequest): ActorAnswer | undefined {
    const call: ActorCall = { type: 'query', ...guard };
    const answer = this.#dispatch({ ...request, call });
    return answer.type === 'reply' ? undefined : answer;
  }

  #actor({ kind, id }: ActorCall): Actor {
    const key = `${kind}/${id}`;
    let actor = this.#actors.get(key);
    if (actor === undefined) {
      const definition = this.#definitions.get(kind);
      if (definition === undefined) throw new TypeError(`unknown kind ${kind}`);
      actor = { definition, state: definition.initial(), events: [] };
      this.#actors.set(key, actor);
    }
    return actor;
  }

  #rejection(actor: Actor, { code, detail }: Rejection): ActorAnswer {
    const status: number = actor.definition.contract.rejections[code] ?? 500;
    return { type: 'rejection', code, detail, status, replayed: false };
  }
}

/** The time of every entry. */
const testNow = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function history(
  { direction, fromVersion, limit }: HistoryCall,
  events: readonly RecordedEvent[],
): ActorAnswer {
  const admitted =
    direction === 'forward'
      ? events.filter((event) => event.streamVersion > (fromVersion ?? 0))
      : events.filter((event) => event.streamVersion < (fromVersion ?? Number.POSITIVE_INFINITY)).reverse();
  const page = admitted.slice(0, limit);
  const next = admitted.length > limit ? (page.at(-1)?.streamVersion ?? null) : null;
  return { type: 'reply', reply: { events: page, next }, version: events.length, replayed: false };
}

function contextOf(
  { call, caller, commandId, correlationId, traceparent }: ActorRequest,
  version: number,
): DecideContext {
  const trail = {
    correlationId: correlationId ?? commandId,
    causationId: '',
    principal: caller.principal,
    traceparent: traceparent ?? '',
  };
  return { id: call.id, now: testNow, version, caller, trail, commandId };
}

function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'rejection';
}

function failure(code: string): ActorAnswer {
  return { type: 'failure', code, detail: `refused: ${code}` };
}
