/**
 * One command on one actor: decide, evolve, and the record of both in the open group.
 *
 * X1  Nothing of a refused command is in the state, the group or a channel.
 * X2  A command's events, outcome, messages and timers stand in one record.
 * X3  A throw in `decide` changes nothing. A throw in `evolve` leaves a half-changed state: the activation is broken and
 *     is folded again from what is durable before it is used.
 */

import type {
  Acceptance,
  AggregateDefinition,
  DecideContext,
  Decision,
  TaggedReply,
} from '../actors/model/aggregate.js';
import type { Contract, EventOf } from '../actors/model/contract.js';
import type { Caller, MessageOrder, Outcome, Rejection, Trail } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { Committer } from './commit/committer.js';
import {
  failureOutcome,
  outcomeFailure,
  outcomeRejection,
  outcomeReply,
  type StoredOutcome,
} from './commit/outcome.js';
import { causeCommand, type StoredLetter, type StoredMessage, type StoredTimer } from './commit/record.js';
import { detached } from './detached-fields.js';
import type { Domain } from './domain.js';
import type { CommandEntry, EventEntry, QueryEntry } from './kind-table.js';
import type { LetterBox } from './letters/letter-box.js';
import { queuedLetter, toLetter } from './letters/letter-record.js';
import type { MessageItem } from './link/link-protocol.js';
import { type Origin, traceOf, trailOf } from './origin.js';
import { RecordWriter, type RecordWriterParts } from './record-writer.js';
import { sizeRefusal, storedMessages, storedTimer } from './stored-decision.js';

export interface Executed {
  readonly outcome: StoredOutcome;
  /** The outcome stands in the open group; otherwise it was computed from the activation's state alone. */
  readonly recorded: boolean;
  /** The actor's version after it. */
  readonly version: number;
}

type OnReply = NonNullable<AggregateDefinition<Contract, unknown>['onReply']>;

/** Called when an `evolve` threw; the activation must be loaded again before it is used. */
export type OnBroken = (activation: Activation) => void;

export class Executor {
  readonly #domain: Domain;
  readonly #committer: () => Committer;
  readonly #records: RecordWriter;
  readonly #onBroken: OnBroken;
  readonly #markDirty: (activation: Activation) => void;

  constructor(
    options: RecordWriterParts & {
      readonly onBroken: OnBroken;
      readonly markDirty: (activation: Activation) => void;
    },
  ) {
    this.#domain = options.domain;
    this.#committer = options.committer;
    this.#records = new RecordWriter(options);
    this.#onBroken = options.onBroken;
    this.#markDirty = options.markDirty;
  }

  /** Runs a command on a ready activation. */
  command(
    activation: Activation,
    command: CommandEntry,
    fields: readonly unknown[],
    origin: Origin,
  ): Executed {
    const now = activation.partition.timeFor(this.#domain.now, origin.time);
    if (activation.stateBytes > this.#domain.limits.stateBytesMax)
      return this.refuse(activation, stateTooLarge, origin, now);
    this.#domain.enter(activation);
    let decision: Decision<Contract, unknown, unknown>;
    try {
      const ctx = new Context(activation, now, origin);
      decision = command.decide(activation.state, command.input.fromFields(fields), ctx);
    } catch (cause) {
      return this.refuse(activation, this.#thrown(activation, command.name, cause, origin), origin, now);
    }
    if (isRejection(decision)) {
      this.#domain.counters.rejections++;
      return this.refuse(
        activation,
        [outcomeRejection, decision.code, decision.detail],
        naming(command, origin),
        now,
      );
    }
    return this.#accept(activation, decision, command, origin, now);
  }

  /** Gives an actor the outcome of a message it sent. */
  reply(activation: Activation, tag: string, outcome: Outcome, origin: Origin): Executed {
    const now = activation.partition.timeFor(this.#domain.now, origin.time);
    const onReply = activation.kind.definition.onReply;
    if (onReply === undefined)
      return this.refuse(activation, failureOutcome('internal', 'The actor takes no replies.'), origin, now);
    this.#domain.enter(activation);
    return this.#reply(activation, onReply, { tag, outcome }, origin, now);
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
      acceptance = onReply(activation.state, reply, new Context(activation, now, origin));
    } catch (cause) {
      return this.refuse(activation, this.#thrown(activation, 'onReply', cause, origin), origin, now);
    }
    const isTentative = reply.isUnrecorded !== true;
    const executed = this.#accept(activation, acceptance, undefined, origin, now, isTentative);
    const { outcome } = executed;
    if (!isTentative || outcome[0] !== outcomeFailure) return executed;
    if (activation.phase !== 'ready') return this.refuse(activation, outcome, origin, now);
    const failure: Outcome = { type: 'failure', code: outcome[1], detail: outcome[2] };
    return this.#reply(
      activation,
      onReply,
      { tag: reply.tag, outcome: failure, isUnrecorded: true },
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
      const ctx: DecideContext = {
        id: activation.id,
        now: Math.max(this.#domain.now, activation.partition.lastTime),
        version: activation.version,
        caller,
        trail: noTrail,
        commandId: '',
      };
      const answer = query.read(activation.state, query.input.fromFields(fields), ctx);
      if (isRejection(answer)) return [outcomeRejection, answer.code, answer.detail];
      return [outcomeReply, 0, detached(query.reply.toFields(answer))];
    } catch (cause) {
      return this.#thrown(activation, query.name, cause);
    }
  }

  /**
   * Records a no where the origin needs it recorded; changes nothing else. A failure of an outside command is not
   * recorded: nothing happened, and the same key may succeed once the code is mended or the state has room (D23, D30).
   */
  refuse(activation: Activation, outcome: StoredOutcome, origin: Origin, now?: number): Executed {
    const isFailure = outcome[0] === outcomeFailure;
    if (isFailure) this.#domain.counters.failures++;
    const isRecorded =
      origin.mustRecord && origin.takes === undefined && !(isFailure && origin.cause[0] === causeCommand);
    if (isRecorded) {
      const time = now ?? activation.partition.timeFor(this.#domain.now, origin.time);
      const letter =
        origin.letter === undefined
          ? undefined
          : this.#queueLetter(activation.partition.letters, origin.letter, outcome, time);
      this.#records.write(activation, origin, time, outcome, 0, [], [], letter);
    }
    return { outcome, recorded: isRecorded, version: activation.version };
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

  /** Undefined when there is no room for one more (`letter-box.ts`, E4). */
  #queueLetter(
    box: LetterBox,
    item: MessageItem,
    outcome: StoredOutcome,
    at: number,
  ): StoredLetter | undefined {
    const { limits, counters } = this.#domain;
    if (!box.hasRoom(limits)) {
      counters.lettersDropped++;
      const [, source, position, ordinal] = item;
      this.#domain.report('error', 'dead-letter-dropped', { source, position, ordinal, code: outcome[1] });
      return undefined;
    }
    counters.lettersQueued++;
    box.add(toLetter(item, outcome, at));
    return queuedLetter(item);
  }

  #accept(
    activation: Activation,
    acceptance: Acceptance<Contract, unknown, unknown>,
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
      timers =
        acceptance.timers === undefined
          ? noStoredTimers
          : acceptance.timers.map((timer) => storedTimer(activation.kind, timer, now));
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
        state = (entries[index] as EventEntry).evolve(state, events[index]?.data, now);
      const version = activation.version + eventCount;
      const reply =
        typeof acceptance.reply === 'function' ? acceptance.reply(state, version) : acceptance.reply;
      outcome =
        command === undefined
          ? noReply
          : [outcomeReply, command.replySchemaId, detached(command.reply.toFields(reply))];
    } catch (cause) {
      this.#thrown(activation, command?.name ?? 'onReply', cause, origin);
      if (events.length > 0) this.#onBroken(activation);
      return this.#refused(activation, actorFailed, origin, now, isTentative);
    }
    const isRecorded = origin.mustRecord || stored.length > 0 || messages.length > 0 || timers.length > 0;
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
      );
    if (stored.length > 0) {
      activation.state = state;
      activation.version += events.length;
      activation.lastPosition = activation.partition.share?.position ?? activation.lastPosition;
      activation.touchedGroup = this.#committer().open.number;
      this.#markDirty(activation);
      for (const entry of entries) this.#count(entry.label);
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
    if (!isTentative) return this.refuse(activation, outcome, origin, now);
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

  #count(label: string): void {
    const { eventsByType } = this.#domain.counters;
    eventsByType.set(label, (eventsByType.get(label) ?? 0) + 1);
  }
}

/** The context of one decision; ids and trail are made only when looked at. */
class Context implements DecideContext {
  readonly id: string;
  readonly now: number;
  readonly version: number;
  readonly #origin: Origin;

  constructor(activation: Activation, now: number, origin: Origin) {
    this.id = activation.id;
    this.now = now;
    this.version = activation.version;
    this.#origin = origin;
  }

  get caller(): Caller {
    return this.#origin.caller;
  }
  get commandId(): string {
    return this.#origin.commandId;
  }
  get trail(): Trail {
    return trailOf(this.#origin);
  }
}

const actorFailed = failureOutcome('internal', 'The actor failed.');
const tooMany = failureOutcome('command-too-large', 'Too many events or messages.');
const stateTooLarge = failureOutcome('state-too-large', 'The state of the actor is too large.');
const noEvents: readonly never[] = [];
const noOrders: readonly MessageOrder[] = [];
const noStoredTimers: readonly StoredTimer[] = [];
/** Shared and never written to. */
const none: never[] = [];
const noReply: StoredOutcome = [outcomeReply, 0, []];
const noTrail: Trail = { correlationId: '', causationId: '', principal: '', traceparent: '' };

/** What the reactions to an event order. */
function reactionsTo(
  entry: EventEntry,
  event: EventOf<Contract>,
  activation: Activation,
  now: number,
  origin: Origin,
): MessageOrder[] {
  const ctx = { id: activation.id, now, trail: trailOf(origin) };
  return entry.reactions.flatMap((reaction) => reaction.react(event.data as never, ctx) ?? []);
}

/** The origin of a rejected command from outside with the command in it: its outcome will not say which one it was. */
function naming({ schemaId }: CommandEntry, origin: Origin): Origin {
  const { cause } = origin;
  if (cause[0] !== causeCommand) return origin;
  return { ...origin, cause: [causeCommand, cause[1], cause[2], schemaId] };
}

export function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'rejection';
}
