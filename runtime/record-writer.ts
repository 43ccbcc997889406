/**
 * Writes the record of one command into the open group, and hands out what the record sends: within the group where the group
 * itself consumes it (`group-mail.ts`), to partitions of this domain before the commit, to other shards after it.
 */
import { partitionOf } from '../actors/model/address.js';
import { pack } from '../actors/model/codec.js';
import type { Activation } from './actor/activation.js';
import type { Committer } from './commit/committer.js';
import type { StoredOutcome } from './commit/outcome.js';
import {
  causeCommand,
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
import type { Origin } from './origin.js';
import { noteSent, type Partition } from './partition.js';
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

  /** Appends the record to the partition's share and hands out its messages and timers. */
  write(
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

  #send(item: MessageItem, from: Partition): void {
    const destination = partitionOf(item[8], this.#domain.partitionCount);
    noteSent(from, destination, item[2], item[3]);
    if (this.#domain.partitions[destination] === undefined) this.#committer().open.remote.push(item);
    else this.#deliver(item);
  }
}

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
