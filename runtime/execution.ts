/**
 * One command on one actor: decide, evolve, and the record of both in the open group.
 *
 * X1  Nothing of a refused command is in the state, the group or a channel (`refusals.ts`).
 * X2  A command's events, outcome, messages and timers stand in one record.
 * X3  A throw in `decide` changes nothing. A throw in `evolve` leaves a half-changed state: the activation is broken and
 *     is folded again from what is durable before it is used.
 */
import type { Acceptance, AggregateDefinition, Decision, TaggedReply } from '../actors/model/aggregate.js';
import type { Contract, EventOf } from '../actors/model/contract.js';
import type { Caller, MessageOrder, Outcome, Rejection, TimerOrder } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { Committer } from './commit/committer.js';
import { failureOutcome, outcomeFailure, outcomeReply, type StoredOutcome } from './commit/outcome.js';
import type { StoredMessage, StoredTimer } from './commit/record.js';
import { DecisionContext, queryContext, reactionsTo } from './decision-context.js';
import { detached } from './detached-fields.js';
import type { Domain } from './domain.js';
import type { Executed } from './executed.js';
import type { CommandEntry, EventEntry, QueryEntry } from './kind-table.js';
import { naming, type Origin, traceOf } from './origin.js';
import type { RecordWriter } from './record-writer.js';
import type { Refusals } from './refusals.js';
import {
  checkDecision,
  rejectionOutcome,
  sizeRefusal,
  storedMessages,
  storedTimers,
} from './stored-decision.js';
import { evolved, synchronous } from './synchronous.js';

type Accepted = Acceptance<Contract, unknown, unknown>;
type OnReply = NonNullable<AggregateDefinition<Contract, unknown>['onReply']>;

/** Called when an `evolve` threw; the activation must be loaded again before it is used. */
export type OnBroken = (activation: Activation) => void;

export class Executor {
  readonly #domain: Domain;
  readonly #committer: () => Committer;
  readonly #records: RecordWriter;
  readonly #refusals: Refusals;
  readonly #onBroken: OnBroken;
  readonly #markDirty: (activation: Activation) => void;

  constructor(parts: {
    readonly domain: Domain;
    readonly committer: () => Committer;
    readonly records: RecordWriter;
    readonly refusals: Refusals;
    readonly onBroken: OnBroken;
    readonly markDirty: (activation: Activation) => void;
  }) {
    this.#domain = parts.domain;
    this.#committer = parts.committer;
    this.#records = parts.records;
    this.#refusals = parts.refusals;
    this.#onBroken = parts.onBroken;
    this.#markDirty = parts.markDirty;
  }

  /**
   * Runs a command on a ready activation. At another version than the expected one (negative: at any) it changes
   * nothing; what the actor itself refuses comes first, so that nobody learns a version who may not ask for it.
   */
  command(
    activation: Activation,
    command: CommandEntry,
    fields: readonly unknown[],
    origin: Origin,
    expectedVersion = -1,
  ): Executed {
    const now = activation.partition.timeFor(this.#domain.now, origin.time);
    if (activation.stateBytes > this.#domain.limits.stateBytesMax)
      return this.#refusals.record(activation, stateTooLarge, origin, now);
    this.#domain.enter(activation);
    let decision: Decision<Contract, unknown, unknown>;
    let rejected: StoredOutcome | undefined;
    try {
      const ctx = new DecisionContext(activation, now, origin);
      decision = command.decide(activation.state, command.input.fromFields(fields), ctx);
      if (isRejection(decision)) rejected = rejectionOutcome(decision);
      else checkDecision(decision);
    } catch (cause) {
      return this.#refusals.record(
        activation,
        this.#thrown(activation, command.name, cause, origin),
        origin,
        now,
      );
    }
    if (rejected !== undefined) {
      this.#domain.counters.rejections++;
      return this.#refusals.record(activation, rejected, naming(origin, command.schemaId), now);
    }
    if (expectedVersion >= 0 && expectedVersion !== activation.version) return conflictAt(activation.version);
    const accepted = decision as Accepted;
    if (command.unrecorded === undefined) return this.#accept(activation, accepted, command, origin, now);
    const executed = this.#accept(activation, accepted, command, origin, now, true);
    const { outcome } = executed;
    if (outcome[0] !== outcomeFailure) return executed;
    return this.#unrecorded(activation, command, fields, outcome, origin, now);
  }

  /** The command once more, told why what was decided on it at first is not recorded. */
  #unrecorded(
    activation: Activation,
    command: CommandEntry,
    fields: readonly unknown[],
    failed: Extract<StoredOutcome, readonly [typeof outcomeFailure, ...unknown[]]>,
    origin: Origin,
    now: number,
  ): Executed {
    if (activation.phase !== 'ready') return this.#refusals.record(activation, failed, origin, now);
    const [, code, detail] = failed;
    let acceptance: Accepted | undefined;
    try {
      const ctx = new DecisionContext(activation, now, origin);
      acceptance = command.unrecorded?.(activation.state, command.input.fromFields(fields), ctx, {
        code,
        detail,
      });
    } catch (cause) {
      this.#thrown(activation, command.name, cause, origin);
    }
    return acceptance === undefined
      ? this.#refusals.record(activation, failed, origin, now)
      : this.#accept(activation, acceptance, command, origin, now);
  }

  /** Gives an actor the outcome of a message it sent. */
  reply(activation: Activation, reply: TaggedReply, origin: Origin): Executed {
    const now = activation.partition.timeFor(this.#domain.now, origin.time);
    const onReply = activation.kind.definition.onReply;
    if (onReply === undefined)
      return this.#refusals.record(
        activation,
        failureOutcome('internal', 'The actor takes no replies.'),
        origin,
        now,
      );
    this.#domain.enter(activation);
    return this.#reply(activation, onReply, reply, origin, now);
  }

  /**
   * A reply whose consequences are past a bound is not consumed silently: the actor decides once more, told that failure
   * in place of the reply.
   */
  #reply(
    activation: Activation,
    onReply: OnReply,
    reply: TaggedReply,
    origin: Origin,
    now: number,
  ): Executed {
    let acceptance: Acceptance<Contract, undefined, unknown>;
    try {
      acceptance = onReply(activation.state, reply, new DecisionContext(activation, now, origin));
      checkDecision(acceptance);
    } catch (cause) {
      return this.#refusals.record(
        activation,
        this.#thrown(activation, 'onReply', cause, origin),
        origin,
        now,
      );
    }
    const { tag, isUnrecorded = false, given } = reply;
    const isTentative = !isUnrecorded || given !== undefined;
    const executed = this.#accept(activation, acceptance, undefined, origin, now, isTentative);
    const { outcome } = executed;
    if (!isTentative || outcome[0] !== outcomeFailure) return executed;
    if (activation.phase !== 'ready') return this.#refusals.record(activation, outcome, origin, now);
    const failure: Outcome = { type: 'failure', code: outcome[1], detail: outcome[2] };
    const again: TaggedReply = { tag, outcome: failure, isUnrecorded: true };
    // The step that was answered may not be what is too large: a saga is asked what it can do without the rest.
    const isSecond = activation.kind.isSaga && !isUnrecorded;
    return this.#reply(
      activation,
      onReply,
      isSecond ? { ...again, given: reply.outcome } : again,
      origin,
      now,
    );
  }

  /** Reads a ready activation. A rejection is an outcome like any other. */
  query(
    activation: Activation,
    query: QueryEntry,
    fields: readonly unknown[],
    caller: Caller,
  ): StoredOutcome {
    this.#domain.enter(activation);
    try {
      const ctx = queryContext(activation, caller, this.#domain.now);
      const answer = query.read(activation.state, query.input.fromFields(fields), ctx);
      if (isRejection(answer)) return rejectionOutcome(answer);
      return [outcomeReply, 0, detached(query.reply.toFields(synchronous(answer)))];
    } catch (cause) {
      return this.#thrown(activation, query.name, cause);
    }
  }

  /** Records what was done to an actor without a command of its own: its state stays as it is. */
  record(
    activation: Activation,
    origin: Origin,
    outcome: StoredOutcome,
    timers: readonly StoredTimer[],
  ): void {
    const now = activation.partition.timeFor(this.#domain.now, origin.time);
    this.#records.write(activation, origin, now, outcome, 0, [], timers, origin.takes);
  }

  #accept(
    activation: Activation,
    acceptance: Accepted,
    command: CommandEntry | undefined,
    origin: Origin,
    now: number,
    isTentative = false,
  ): Executed {
    const { limits } = this.#domain;
    const events = acceptance.events ?? noEvents;
    const eventCount = events.length;
    let orders: readonly MessageOrder[] = acceptance.messages ?? noOrders;
    if (eventCount > limits.eventsPerCommandMax)
      return this.#refused(activation, tooMany, origin, now, isTentative);
    // Arrays of their final size and loops by index: this runs a dozen times per transfer, and what it leaves behind for
    // the collector is what a transfer costs.
    const stored: unknown[] = eventCount === 0 ? none : new Array<unknown>(eventCount * 2);
    const entries: EventEntry[] = eventCount === 0 ? none : new Array<EventEntry>(eventCount);
    let messages: StoredMessage[];
    let timers: readonly StoredTimer[];
    try {
      for (let index = 0; index < eventCount; index++) {
        const event = events[index] as EventOf<Contract>;
        const entry = activation.kind.eventByName.get(event.type);
        if (entry === undefined) throw new TypeError(`The contract has no event "${event.type}".`);
        stored[index * 2] = entry.schemaId;
        stored[index * 2 + 1] = detached(entry.form.toFields(event.data));
        entries[index] = entry;
        if (entry.reactions.length > 0)
          orders = [...orders, ...reactionsTo(entry, event, activation, now, origin)];
      }
      if (orders.length > limits.messagesPerCommandMax)
        return this.#refused(activation, tooMany, origin, now, isTentative);
      messages = storedMessages(this.#domain.kinds, orders);
      timers = storedTimers(activation.kind, acceptance.timers ?? noTimers, now);
    } catch (cause) {
      const thrown = this.#thrown(activation, command?.name ?? 'onReply', cause, origin);
      return this.#refused(activation, thrown, origin, now, isTentative);
    }
    const tooLarge = sizeRefusal(stored, messages, timers, limits);
    if (tooLarge !== undefined) return this.#refused(activation, tooLarge, origin, now, isTentative);
    let state = activation.state;
    let outcome: StoredOutcome;
    try {
      // The state changes in place: a throw from here on breaks the activation (X3).
      for (let index = 0; index < eventCount; index++)
        state = evolved((entries[index] as EventEntry).evolve(state, events[index]?.data, now));
      const version = activation.version + eventCount;
      const reply =
        typeof acceptance.reply === 'function' ? acceptance.reply(state, version) : acceptance.reply;
      synchronous(reply);
      outcome =
        command === undefined
          ? noReply
          : [outcomeReply, command.replySchemaId, detached(command.reply.toFields(reply))];
    } catch (cause) {
      this.#thrown(activation, command?.name ?? 'onReply', cause, origin);
      if (events.length > 0) this.#onBroken(activation);
      return this.#refused(activation, actorFailed, origin, now, isTentative);
    }
    const hasEffect = stored.length > 0 || messages.length > 0 || timers.length > 0;
    const isRecorded =
      hasEffect || (origin.mustRecord && !this.#records.passUnrecorded(activation, origin, now, outcome));
    if (isRecorded)
      this.#records.write(
        activation,
        origin,
        now,
        outcome,
        stored.length === 0 ? 0 : stored,
        messages,
        timers,
        origin.takes,
        // What reactions send stands in the log: a backfill looks there for what has been reacted to.
        acceptance.messages?.length ?? 0,
      );
    if (stored.length > 0) {
      activation.state = state;
      activation.version += events.length;
      activation.lastPosition = activation.partition.share?.position ?? activation.lastPosition;
      activation.touchedGroup = this.#committer().open.number;
      this.#markDirty(activation);
      const { eventTally } = this.#domain;
      for (const { schemaId } of entries) eventTally[schemaId] = (eventTally[schemaId] ?? 0) + 1;
    }
    return { outcome, recorded: isRecorded, version: activation.version };
  }

  /** `isTentative`: nothing is recorded yet, the caller has another answer. */
  #refused(
    activation: Activation,
    outcome: StoredOutcome,
    origin: Origin,
    now: number,
    isTentative: boolean,
  ): Executed {
    if (!isTentative) return this.#refusals.record(activation, outcome, origin, now);
    return { outcome, recorded: false, version: activation.version };
  }

  #thrown(activation: Activation, name: string, cause: unknown, origin?: Origin): StoredOutcome {
    this.#domain.report('error', 'actor-threw', {
      kind: activation.kind.name,
      command: name,
      ...traceOf(origin),
      message: cause instanceof Error ? cause.message : 'not an Error',
      stack: cause instanceof Error ? cause.stack : undefined,
    });
    return failureOutcome('internal', 'The actor failed.');
  }
}

const actorFailed = failureOutcome('internal', 'The actor failed.');
const tooMany = failureOutcome('command-too-large', 'Too many events or messages.');
const stateTooLarge = failureOutcome('state-too-large', 'The state of the actor is too large.');
const noEvents: readonly never[] = [];
const noOrders: readonly MessageOrder[] = [];
const noTimers: readonly TimerOrder[] = [];
/** Shared and never written to. */
const none: never[] = [];
const noReply: StoredOutcome = [outcomeReply, 0, []];

/** Not recorded: the same key may succeed with another version. */
function conflictAt(version: number): Executed {
  const outcome = failureOutcome('version-conflict', `The actor is at version ${version}.`);
  return { outcome, recorded: false, version };
}

function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'rejection';
}
