/**
 * One command on one actor: decide, evolve, and the record of both in the open group.
 *
 * X1  Nothing of a refused command is in the state, the group or a channel.
 * X2  A command's events, outcome, messages and timers stand in one record.
 * X3  A throw in `decide` changes nothing. A throw in `evolve` leaves a half-changed state: the activation is broken and
 *     is folded again from what is durable before it is used.
 */

import { isActorId, partitionOf } from '../actors/model/address.js';
import type {
  Acceptance,
  AggregateDefinition,
  DecideContext,
  Decision,
  TaggedReply,
} from '../actors/model/aggregate.js';
import { pack } from '../actors/model/codec.js';
import type { Contract, EventOf } from '../actors/model/contract.js';
import type { Caller, MessageOrder, Outcome, Rejection, TimerOrder, Trail } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { Committer } from './commit/committer.js';
import {
  failureOutcome,
  outcomeFailure,
  outcomeRejection,
  outcomeReply,
  type StoredOutcome,
} from './commit/outcome.js';
import {
  type Cause,
  causeCommand,
  causeMessage,
  onwardTrail,
  type StoredLetter,
  type StoredMessage,
  type StoredTimer,
  type StoredTrail,
} from './commit/record.js';
import { detached } from './detached-fields.js';
import type { Domain } from './domain.js';
import type { GroupMail } from './group-mail.js';
import type { CommandEntry, EventEntry, QueryEntry } from './kind-table.js';
import type { LetterBox } from './letters/letter-box.js';
import { queuedLetter, toLetter } from './letters/letter-record.js';
import { itemMessage, type MessageItem } from './link/link-protocol.js';
import { noteSent, type Partition } from './partition.js';
import type { LiveTimer, TimerDesk } from './timer/timer-desk.js';

/** Where a command comes from and where its outcome goes. */
export interface Origin {
  readonly cause: Cause;
  /** Not before this, Unix ms: the time on the message; 0 for outside commands. */
  readonly time: number;
  readonly caller: Caller;
  readonly trail: StoredTrail;
  readonly commandId: string;
  /** The outcome must be recorded even when it is a rejection: the command carried a key, or is a message or timer. */
  readonly mustRecord: boolean;
  /** A message that nobody waits for an answer to: refused, it becomes a dead letter. */
  readonly letter?: MessageItem | undefined;
  /** The dead letter that this runs again: accepted, it is gone; refused, nothing is recorded. */
  readonly takes?: StoredLetter | undefined;
  /** The actor that asked by a tagged message. */
  readonly replyTo?: { readonly kindSchemaId: number; readonly id: string; readonly tag: string } | undefined;
}

export interface Executed {
  readonly outcome: StoredOutcome;
  /** The outcome stands in the open group; otherwise it was computed from the activation's state alone. */
  readonly recorded: boolean;
  /** The actor's version after it. */
  readonly version: number;
}

/** Names are part of a table key: printable, and of bounded length. */
const timerNamePattern = /^[\x20-\x7e]{1,256}$/;

type OnReply = NonNullable<AggregateDefinition<Contract, unknown>['onReply']>;

/** Called when an `evolve` threw; the activation must be loaded again before it is used. */
export type OnBroken = (activation: Activation) => void;

export class Executor {
  readonly #domain: Domain;
  readonly #committer: () => Committer;
  readonly #timers: TimerDesk;
  readonly #deliver: (item: MessageItem) => void;
  readonly #mail: GroupMail;
  readonly #onBroken: OnBroken;
  readonly #markDirty: (activation: Activation) => void;
  readonly #beginActivity: (timer: LiveTimer) => void;

  constructor(options: {
    readonly domain: Domain;
    readonly committer: () => Committer;
    readonly timers: TimerDesk;
    /** Hands a message to a partition of this domain, before its commit (design §2.4). */
    readonly deliver: (item: MessageItem) => void;
    /** What the open group itself consumes. */
    readonly mail: GroupMail;
    readonly onBroken: OnBroken;
    readonly markDirty: (activation: Activation) => void;
    /** The order of an activity is durable. */
    readonly beginActivity: (timer: LiveTimer) => void;
  }) {
    this.#domain = options.domain;
    this.#committer = options.committer;
    this.#timers = options.timers;
    this.#deliver = options.deliver;
    this.#mail = options.mail;
    this.#onBroken = options.onBroken;
    this.#markDirty = options.markDirty;
    this.#beginActivity = options.beginActivity;
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
      this.#write(activation, origin, time, outcome, 0, [], [], letter);
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
    this.#write(activation, origin, now, outcome, 0, [], timers, origin.takes);
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
      messages = this.#storedMessages(orders);
      timers =
        acceptance.timers === undefined
          ? noStoredTimers
          : acceptance.timers.map((timer) => this.#storedTimer(activation, timer, now));
    } catch (cause) {
      const thrown = this.#thrown(activation, command?.name ?? 'onReply', cause, origin);
      return this.#refused(activation, thrown, origin, now, isTentative);
    }
    const tooLarge = this.#tooLarge(stored, messages, timers);
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
      this.#write(
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

  /** Appends the record to the partition's share and hands out its messages and timers. */
  #write(
    activation: Activation,
    origin: Origin,
    now: number,
    outcome: StoredOutcome,
    events: readonly unknown[] | 0,
    messages: readonly StoredMessage[],
    timers: readonly StoredTimer[],
    letter: StoredLetter | undefined,
  ): void {
    const { partition } = activation;
    const group = this.#committer().open;
    if (partition.share === undefined) group.partitions.push(partition);
    const share = partition.join(now);
    const { replyTo } = origin;
    const reply: StoredMessage | undefined =
      replyTo === undefined ? undefined : [replyTo.kindSchemaId, replyTo.id, 0, outcome, replyTo.tag];
    const sent = allOf(messages, reply);
    // Who sends nothing on and sets no timer needs no name for it.
    const isCause = sent.length > 0 || timers.some((timer) => timer.length !== 1);
    const trail = isCause ? onwardTrail(origin.trail, origin.commandId) : origin.trail;
    // Once one goes the ordinary way, so do those after it: the mail would overtake it.
    let posted = 0;
    for (; posted < sent.length; posted++) {
      const message = sent[posted] as StoredMessage;
      const to = this.#mail.target(partition, message);
      if (to === undefined) break;
      this.#mail.post(
        to,
        toItem(activation, share.position, share.messageCount + posted, now, message, trail),
      );
    }
    const firstOrdinal = share.messageCount + posted;
    const fields: unknown[] = [
      activation.kind.schemaId,
      activation.id,
      activation.version,
      activation.lastPosition,
      now - share.time,
      origin.cause,
      origin.trail,
      // A reply message carries the outcome already; a message without a tag has nobody to tell.
      origin.cause[0] === causeCommand || letter !== undefined ? outcome : 0,
      events,
      withOrdinal(firstOrdinal, sent, posted),
      timers.length === 0 ? 0 : timers,
    ];
    if (letter !== undefined) {
      fields.push(letter);
      if (letter.length === 4)
        partition.letters.remove({ source: letter[0], position: letter[1], ordinal: letter[2] });
    }
    const record = pack(fields);
    partition.writer.add(activation.placement, activation.hash, record);
    share.messageCount += sent.length;
    group.byteCount += record.length;
    group.commandCount++;
    if (events !== 0) group.eventCount += events.length / 2;
    if (origin.cause[0] === causeCommand && origin.cause[2] !== 0) {
      group.keyed.push({ partition, commandId: origin.commandId, position: share.position });
    }
    if (origin.cause[0] === causeMessage) {
      partition.consume(origin.cause[1], origin.cause[2], origin.cause[3]);
    }
    for (let index = posted; index < sent.length; index++) {
      const ordinal = firstOrdinal + index - posted;
      this.#send(
        toItem(activation, share.position, ordinal, now, sent[index] as StoredMessage, trail),
        partition,
      );
    }
    for (const timer of timers) {
      const { kind, id } = activation;
      const activity = this.#timers.apply(partition, kind.schemaId, id, timer, trail);
      if (activity !== undefined)
        group.afterDurable.push({ run: () => this.#beginActivity(activity), refuse: () => undefined });
    }
  }

  #storedMessages(orders: readonly MessageOrder[]): StoredMessage[] {
    if (orders.length === 0) return none;
    const messages = new Array<StoredMessage>(orders.length);
    for (let index = 0; index < orders.length; index++)
      messages[index] = this.#storedMessage(orders[index] as MessageOrder);
    return messages;
  }

  #storedMessage(order: MessageOrder): StoredMessage {
    const kind = this.#domain.kinds.named(order.kind);
    const command = kind?.commandByName.get(order.command);
    if (kind === undefined || command === undefined) {
      throw new TypeError(`No command "${order.command}" of kind "${order.kind}" is registered.`);
    }
    if (!isActorId(order.id)) throw new TypeError(`A message to "${order.kind}" names no valid id.`);
    const fields = detached(command.input.toFields(order.payload));
    return [kind.schemaId, order.id, command.schemaId, fields, order.tag ?? 0];
  }

  #send(item: MessageItem, from: Partition): void {
    const destination = partitionOf(item[8], this.#domain.partitionCount);
    noteSent(from, destination, item[2], item[3]);
    if (this.#domain.partitions[destination] === undefined) this.#committer().open.remote.push(item);
    else this.#deliver(item);
  }

  #storedTimer(activation: Activation, timer: TimerOrder, now: number): StoredTimer {
    if (!timerNamePattern.test(timer.name)) throw new TypeError('A timer has no valid name.');
    if (timer.type === 'cancel') return [timer.name];
    const command = activation.kind.commandByName.get(timer.command);
    if (command === undefined)
      throw new TypeError(`No command "${timer.command}" for timer "${timer.name}".`);
    if (timer.type === 'perform') {
      const { port, activity, input, idempotencyKey, timeoutMs } = timer;
      return [
        timer.name,
        now,
        command.schemaId,
        detached([port, activity, input, idempotencyKey, timeoutMs]),
        1,
      ];
    }
    return [timer.name, timer.dueAt, command.schemaId, detached(command.input.toFields(timer.payload))];
  }

  /** The refusal of a decision that is past a bound, events one by one and everything together. Packs only what could be. */
  #tooLarge(
    events: readonly unknown[],
    messages: readonly StoredMessage[],
    timers: readonly StoredTimer[],
  ): StoredOutcome | undefined {
    const { eventBytesMax, entryBytesMax } = this.#domain.limits;
    let bound = 0;
    for (let index = 1; index < events.length; index += 2) {
      let bytes = packedBytesBound(events[index]);
      if (bytes > eventBytesMax) bytes = pack(events[index]).length;
      if (bytes > eventBytesMax) return eventTooLarge;
      bound += bytes;
    }
    for (let index = 0; index < messages.length; index++) bound += packedBytesBound(messages[index]?.[3]);
    for (const timer of timers) bound += packedBytesBound(timer[3]);
    if (bound <= entryBytesMax) return undefined;
    return pack([events, messages, timers]).length > entryBytesMax ? commandTooLarge : undefined;
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
const commandTooLarge = failureOutcome('command-too-large', 'The command produced too much.');
const eventTooLarge = failureOutcome('event-too-large', 'An event is too large.');
const stateTooLarge = failureOutcome('state-too-large', 'The state of the actor is too large.');
const noEvents: readonly never[] = [];
const noOrders: readonly MessageOrder[] = [];
const noStoredTimers: readonly StoredTimer[] = [];
/** Shared and never written to. */
const none: never[] = [];
const noReply: StoredOutcome = [outcomeReply, 0, []];
const noTrail: Trail = { correlationId: '', causationId: '', principal: '', traceparent: '' };

/** What ties a report to the command and the trace that it is about. */
function traceOf(origin: Origin | undefined): Readonly<Record<string, string>> {
  if (origin === undefined) return {};
  const traceparent = origin.trail[3];
  const { commandId: command_id } = origin;
  return traceparent === 0 ? { command_id } : { command_id, traceparent };
}

function trailOf(origin: Origin): Trail {
  const [correlationId, causationId, principal, traceparent] = origin.trail;
  return {
    correlationId: correlationId === 0 ? origin.commandId : correlationId,
    causationId: causationId === 0 ? '' : causationId,
    principal,
    traceparent: traceparent === 0 ? '' : traceparent,
  };
}

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

/** Messages as a record holds them; 0 for none. */
/** The messages of a record in their order, the reply last. */
function allOf(
  messages: readonly StoredMessage[],
  reply: StoredMessage | undefined,
): readonly StoredMessage[] {
  if (reply === undefined) return messages;
  return messages.length === 0 ? [reply] : [...messages, reply];
}

/** The part of a record for the messages from `first` on. */
function withOrdinal(
  firstOrdinal: number,
  messages: readonly StoredMessage[],
  first: number,
): readonly [number, ...StoredMessage[]] | 0 {
  if (first === messages.length) return 0;
  return [firstOrdinal, ...(first === 0 ? messages : messages.slice(first))];
}

function toItem(
  from: Activation,
  position: number,
  ordinal: number,
  now: number,
  message: StoredMessage,
  trail: StoredTrail,
): MessageItem {
  return [
    itemMessage,
    from.partition.number,
    position,
    ordinal,
    now,
    from.kind.schemaId,
    from.id,
    message[0],
    message[1],
    message[2],
    message[3],
    message[4],
    trail,
  ];
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

/** At least as many bytes as the value takes packed: a tenth of the cost of packing it. */
function packedBytesBound(value: unknown): number {
  if (typeof value === 'string') return 5 + value.length * 3;
  if (typeof value !== 'object' || value === null) return 9;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + packedBytesBound(item), 5);
  if (value instanceof Uint8Array) return 5 + value.length;
  // Maps and plain objects: rare in events, and worth a real look.
  return Number.POSITIVE_INFINITY;
}
