/**
 * A message that the open group itself consumes (`group-mail.ts`), as the origin of what it asks. Most commands of a saga and
 * their answers are of this kind, a dozen for each transfer: what only some of them need, names above all, is made when
 * somebody looks at it.
 */
import type { Caller } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { StoredOutcome } from './commit/outcome.js';
import {
  type Cause,
  causeCommand,
  causeGroupMail,
  type KeptReply,
  messageId,
  type StoredMessage,
  type StoredTimer,
  type StoredTrail,
} from './commit/record.js';
import { itemMessage, type MessageItem } from './link/link-protocol.js';
import type { Origin } from './origin.js';
import type { Partition } from './partition.js';

export class Mail implements Origin {
  readonly to: Activation;
  /** Who sent it, and gets the answer. */
  readonly from: Activation;
  readonly position: number;
  readonly ordinal: number;
  /** Unix ms. */
  readonly time: number;
  /** Of the command; 0: a reply. */
  readonly schema: number;
  readonly content: readonly unknown[] | StoredOutcome;
  readonly tag: string | 0;
  /** Of the command that sent it. */
  readonly sender: Origin;
  readonly exchange: Exchange;
  #commandId: string | undefined;

  constructor(
    to: Activation,
    from: Activation,
    position: number,
    ordinal: number,
    time: number,
    schema: number,
    content: readonly unknown[] | StoredOutcome,
    tag: string | 0,
    sender: Origin,
    exchange: Exchange,
  ) {
    this.to = to;
    this.from = from;
    this.position = position;
    this.ordinal = ordinal;
    this.time = time;
    this.schema = schema;
    this.content = content;
    this.tag = tag;
    this.sender = sender;
    this.exchange = exchange;
  }

  get mustRecord(): true {
    return true;
  }

  get cause(): Cause {
    return [causeGroupMail, this.from.partition.number, this.position, this.ordinal];
  }

  get caller(): Caller {
    return this.exchange.caller;
  }

  get commandId(): string {
    this.#commandId ??= messageId(this.from.partition.number, this.position, this.ordinal);
    return this.#commandId;
  }

  get trail(): StoredTrail {
    const { correlationId, traceparent, caller } = this.exchange;
    return [correlationId, this.sender.commandId, caller.principal, traceparent];
  }

  get isReply(): boolean {
    return this.schema === 0;
  }

  get wantsReply(): boolean {
    return this.tag !== 0 && this.schema !== 0;
  }

  get replyTo(): Origin['replyTo'] {
    if (this.tag === 0 || this.isReply) return undefined;
    return { kindSchemaId: this.from.kind.schemaId, id: this.from.id, tag: this.tag };
  }

  get letter(): MessageItem | undefined {
    return this.tag === 0 && !this.isReply ? this.toItem() : undefined;
  }

  kept(dueAt: number): StoredTimer | undefined {
    if (!this.isReply) return undefined;
    const reply: KeptReply = [this.tag === 0 ? '' : this.tag, this.content as StoredOutcome];
    return [`reply ${this.commandId}`, dueAt, 0, reply];
  }

  /** As a message that goes the ordinary way. */
  toItem(): MessageItem {
    const { to, from, position, ordinal, time, schema, content, tag, trail } = this;
    const message: StoredMessage = [to.kind.schemaId, to.id, schema, content, tag];
    const { partition, kind, id } = from;
    return [itemMessage, partition.number, position, ordinal, time, kind.schemaId, id, ...message, trail];
  }
}

const noRoles: readonly string[] = [];

/**
 * What mail that follows from one command has in common, and the records of the open entries that tell it: the command's own,
 * and the first in the newest other partition.
 */
export class Exchange {
  readonly correlationId: string;
  readonly traceparent: string | 0;
  readonly caller: Caller;
  readonly #partition: number;
  readonly #record: number;
  /** The command's record tells the id that its trail goes by: not that of a dead letter which an operator replays. */
  readonly #isNamed: boolean;
  /** Whom the command wrote to first: what it sends after that goes, as a rule, to the same id again. */
  near: Activation | undefined;
  #otherPartition = -1;
  #otherRecord = -1;

  /** Of a command whose record is the next of its partition. */
  constructor(command: Origin, partition: Partition) {
    const [correlationId, , principal, traceparent] = command.trail;
    this.correlationId = correlationId === 0 ? command.commandId : correlationId;
    this.traceparent = traceparent;
    this.caller = { principal, roles: noRoles, internal: true };
    this.#partition = partition.number;
    this.#record = partition.writer.recordCount;
    this.#isNamed = command.cause[0] !== causeCommand || command.cause[1] === command.commandId;
  }

  /** Index of the record in the partition's open entry that has the trail; negative: none is known. */
  recordIn(partition: number): number {
    if (partition === this.#partition) return this.#record;
    return partition === this.#otherPartition ? this.#otherRecord : -1;
  }

  /** That record is the command's, and tells its id. */
  isNamedIn(partition: number): boolean {
    return partition === this.#partition && this.#isNamed;
  }

  /** The next record of another partition will have the trail. */
  note({ number, writer }: Partition): void {
    this.#otherPartition = number;
    this.#otherRecord = writer.recordCount;
  }
}
