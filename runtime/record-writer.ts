/**
 * Writes the record of one command into the open group, and hands out what the record sends: within the group where the group
 * itself consumes it (`group-mail.ts`), to partitions of this domain before the commit, to other shards after it.
 */
import { partitionOf } from '../actors/model/address.js';
import { packPart } from '../actors/model/codec.js';
import type { Activation } from './actor/activation.js';
import type { Committer } from './commit/committer.js';
import type { StoredOutcome } from './commit/outcome.js';
import {
  causeCommand,
  causeGroupMail,
  causeMessage,
  onwardTrail,
  type StoredLetter,
  type StoredMessage,
  type StoredTimer,
  type StoredTrail,
} from './commit/record.js';
import type { Domain } from './domain.js';
import type { GroupMail } from './group-mail.js';
import { itemMessage, type MessageItem } from './link/link-protocol.js';
import { Exchange, Mail } from './mail.js';
import type { Origin } from './origin.js';
import { noteSent, type Partition, type Share } from './partition.js';
import type { LiveTimer, TimerDesk } from './timer/timer-desk.js';

interface RecordWriterParts {
  readonly domain: Domain;
  readonly committer: () => Committer;
  readonly timers: TimerDesk;
  /** Hands a message to a partition of this domain, before its commit (design §2.4). */
  readonly deliver: (item: MessageItem) => void;
  /** What the open group itself consumes. */
  readonly mail: GroupMail;
  /** The order of an activity is durable. */
  readonly beginActivity: (timer: LiveTimer) => void;
}

export class RecordWriter {
  readonly #domain: Domain;
  readonly #committer: () => Committer;
  readonly #timers: TimerDesk;
  readonly #deliver: (item: MessageItem) => void;
  readonly #mail: GroupMail;
  readonly #beginActivity: (timer: LiveTimer) => void;

  constructor(parts: RecordWriterParts) {
    this.#domain = parts.domain;
    this.#committer = parts.committer;
    this.#timers = parts.timers;
    this.#deliver = parts.deliver;
    this.#mail = parts.mail;
    this.#beginActivity = parts.beginActivity;
  }

  /**
   * Appends the record to the partition's share and hands out its messages and timers. Messages from `logged` on stand in the
   * log even where the open group itself could consume them.
   */
  write(
    activation: Activation,
    origin: Origin,
    now: number,
    outcome: StoredOutcome,
    events: readonly unknown[] | 0,
    messages: readonly StoredMessage[],
    timers: readonly StoredTimer[],
    letter: StoredLetter | undefined,
    logged = messages.length,
  ): void {
    const { partition } = activation;
    const group = this.#committer().open;
    if (partition.share === undefined) group.partitions.push(partition);
    const share = partition.join(now);
    const sentCount = messages.length + (wantsReply(origin) ? 1 : 0);
    const posted =
      sentCount === 0 ? 0 : this.#post(activation, origin, now, share, messages, logged, outcome);
    // Once one goes the ordinary way, so do those after it: the mail would overtake it.
    const left = posted === sentCount ? none : leftOf(messages, origin, outcome, posted);
    const firstOrdinal = share.messageCount + posted;
    // Who sends nothing on and sets no timer needs no name for it.
    const isCause = left.length > 0 || (timers.length > 0 && timers.some((timer) => timer.length !== 1));
    const trail = isCause ? onwardTrail(origin.trail, origin.commandId) : noTrail;
    frame[0] = activation.kind.schemaId;
    frame[1] = idIn(share, activation);
    frame[2] = activation.version;
    frame[3] = activation.lastPosition;
    frame[4] = now - share.time;
    setCause(origin, partition);
    // A reply message carries the outcome already; a message without a tag has nobody to tell.
    frame[7] = letter !== undefined || isCommand(origin) ? outcome : 0;
    frame[8] = events;
    frame[9] = left.length === 0 ? 0 : [firstOrdinal, ...left];
    frame[10] = timers.length === 0 ? 0 : timers;
    const { bytes, length } = packPart(letter === undefined ? frame : [...frame, letter]);
    partition.writer.add(activation.placement, activation.hash, bytes, length);
    share.messageCount += sentCount;
    group.byteCount += length;
    group.commandCount++;
    if (events !== 0) group.eventCount += events.length / 2;
    if (letter?.length === 4)
      partition.letters.remove({ source: letter[0], position: letter[1], ordinal: letter[2] });
    if (!(origin instanceof Mail)) this.#note(origin, partition, share.position);
    for (let index = 0; index < left.length; index++) {
      const message = left[index] as StoredMessage;
      this.#send(toItem(activation, share.position, firstOrdinal + index, now, message, trail), partition);
    }
    for (const timer of timers) {
      const activity = this.#timers.order(activation, timer, trail);
      if (activity !== undefined)
        group.afterDurable.push({ run: () => this.#beginActivity(activity), refuse: () => undefined });
    }
  }

  /**
   * Mail that was accepted and changed nothing, without a record (G5 of `group-mail.ts`): whoever waits for its outcome is told. False
   * when it must have one.
   */
  passUnrecorded(activation: Activation, origin: Origin, now: number, outcome: StoredOutcome): boolean {
    if (!(origin instanceof Mail)) return false;
    if (!origin.wantsReply) return true;
    // A place in an entry that nothing else makes would be one in no entry.
    const { share } = activation.partition;
    if (share === undefined) return false;
    const posted = this.#post(activation, origin, now, share, none, 0, outcome);
    share.messageCount += posted;
    return posted > 0;
  }

  /** Posts what the open group itself consumes, the reply last. Gives how many, before the first that it does not. */
  #post(
    from: Activation,
    origin: Origin,
    now: number,
    share: Share,
    messages: readonly StoredMessage[],
    logged: number,
    outcome: StoredOutcome,
  ): number {
    const { partition } = from;
    const { position, messageCount } = share;
    let exchange = origin instanceof Mail ? origin.exchange : undefined;
    let posted = 0;
    for (; posted < logged; posted++) {
      const [kind, id, schema, content, tag] = messages[posted] as StoredMessage;
      const to = this.#mail.target(partition, kind, id, exchange?.near);
      if (to === undefined) return posted;
      exchange ??= new Exchange(origin, partition);
      exchange.near ??= to;
      const ordinal = messageCount + posted;
      this.#mail.post(new Mail(to, from, position, ordinal, now, schema, content, tag, origin, exchange));
    }
    if (posted < messages.length || !wantsReply(origin)) return posted;
    const to = this.#asker(origin, partition);
    if (to === undefined) return posted;
    exchange ??= new Exchange(origin, partition);
    const tag = (origin instanceof Mail ? origin.tag : origin.replyTo?.tag) ?? 0;
    const ordinal = messageCount + posted;
    this.#mail.post(new Mail(to, from, position, ordinal, now, 0, outcome, tag, origin, exchange));
    return posted + 1;
  }

  /** Who takes the reply within this group. Who asked by mail is known without a look. */
  #asker(origin: Origin, from: Partition): Activation | undefined {
    if (origin instanceof Mail) return this.#mail.reaches(from, origin.from) ? origin.from : undefined;
    const { replyTo } = origin;
    return replyTo === undefined ? undefined : this.#mail.target(from, replyTo.kindSchemaId, replyTo.id);
  }

  /** What the partition remembers of a command from outside, or of a message that came the ordinary way. */
  #note(origin: Origin, partition: Partition, position: number): void {
    const { cause } = origin;
    if (cause[0] === causeCommand && cause[2] !== 0)
      this.#committer().open.keyed.push({ partition, commandId: origin.commandId, position });
    if (cause[0] === causeMessage) partition.consume(cause[1], cause[2], cause[3]);
  }

  #send(item: MessageItem, from: Partition): void {
    const destination = partitionOf(item[8], this.#domain.partitionCount);
    noteSent(from, destination, item[2], item[3]);
    if (this.#domain.partitions[destination] === undefined) this.#committer().open.remote.push(item);
    else this.#deliver(item);
  }
}

/** Shared and never written to. */
const none: readonly StoredMessage[] = [];
/** Of a cancelled timer, which nothing follows from. */
const noTrail: StoredTrail = [0, 0, '', 0];

/** One record is packed at a time: the arrays that frame it are written over by the next. */
const frame: unknown[] = new Array<unknown>(11).fill(0);
const shortCause: number[] = [causeGroupMail, 0, 0, 0];
const longCause: number[] = [causeGroupMail, 0, 0, 0, 0, 0, 0];

function isCommand(origin: Origin): boolean {
  return !(origin instanceof Mail) && origin.cause[0] === causeCommand;
}

function wantsReply(origin: Origin): boolean {
  return origin instanceof Mail ? origin.wantsReply : origin.replyTo !== undefined;
}

/** The id of an actor, or where the entry has it already. */
function idIn(share: Share, activation: Activation): string | number {
  if (activation.namedAt === share.position) return activation.namedAs;
  activation.namedAt = share.position;
  activation.namedAs = activation.partition.writer.recordCount;
  return activation.id;
}

/** What the record follows from: in full, or by the record of its entry that has the same trail (`record.ts`). */
function setCause(origin: Origin, partition: Partition): void {
  if (!(origin instanceof Mail)) {
    frame[5] = origin.cause;
    frame[6] = origin.trail;
    return;
  }
  const { exchange, sender } = origin;
  const first = exchange.recordIn(partition.number);
  if (first < 0) exchange.note(partition);
  const hasSender = first >= 0 && sender instanceof Mail;
  frame[5] = hasSender
    ? withPlace(withPlace(longCause, 1, origin), 4, sender)
    : withPlace(shortCause, 1, origin);
  frame[6] = hasSender || (first >= 0 && exchange.isNamedIn(partition.number)) ? first : origin.trail;
}

/** The cause with the place of the mail from `index` on. */
function withPlace(cause: number[], index: number, { from, position, ordinal }: Mail): number[] {
  cause[index] = from.partition.number;
  cause[index + 1] = position;
  cause[index + 2] = ordinal;
  return cause;
}

/** The messages from `first` on, the reply last. */
function leftOf(
  messages: readonly StoredMessage[],
  origin: Origin,
  outcome: StoredOutcome,
  first: number,
): readonly StoredMessage[] {
  const { replyTo } = origin;
  if (replyTo === undefined) return first === 0 ? messages : messages.slice(first);
  const { kindSchemaId, id, tag } = replyTo;
  return [...messages.slice(first), [kindSchemaId, id, 0, outcome, tag]];
}

function toItem(
  from: Activation,
  position: number,
  ordinal: number,
  now: number,
  message: StoredMessage,
  trail: StoredTrail,
): MessageItem {
  const { partition, kind, id } = from;
  return [itemMessage, partition.number, position, ordinal, now, kind.schemaId, id, ...message, trail];
}
