/**
 * Messages that are consumed by the very group that sends them. A domain's group is appended whole or not at all, so such a
 * message needs neither a place in the log nor a watermark: the record that it leads to stands in the same group as the
 * one that sent it. Most steps of a saga and their answers are of this kind.
 *
 * G1  What is posted is taken before the open group is sealed: the shard empties the mail before it looks at anything else.
 * G2  The order between two partitions holds. A message is posted only while everything sent before it from one to the
 *     other is consumed, and the mail is first in, first out.
 * G3  A chain of messages that follow from each other is cut after `hopsMax`, or when the group has no room: the next one
 *     takes the ordinary way, on which other work has its turn.
 */
import { partitionOf } from '../actors/model/address.js';
import type { Activation } from './actor/activation.js';
import type { StoredMessage } from './commit/record.js';
import type { Domain } from './domain.js';
import type { MessageItem } from './link/link-protocol.js';
import { beforeAll, isBefore, type Partition } from './partition.js';

/** A transfer takes eight. */
const hopsMax = 64;

export interface Mail {
  readonly to: Activation;
  readonly item: MessageItem;
}

export class GroupMail {
  readonly #domain: Domain;
  readonly #resident: (kindSchemaId: number, id: string) => Activation | undefined;
  readonly #hasRoom: () => boolean;
  #posted: Mail[] = [];
  #next = 0;

  constructor(
    domain: Domain,
    /** The activation of an address if it is in memory; loads nothing. */
    resident: (kindSchemaId: number, id: string) => Activation | undefined,
    /** False when the record that is being written is the open group's last. */
    hasRoom: () => boolean,
  ) {
    this.#domain = domain;
    this.#resident = resident;
    this.#hasRoom = hasRoom;
  }

  /** Who would take the message within this group; undefined when it must go the ordinary way. */
  target(from: Partition, message: StoredMessage): Activation | undefined {
    if (this.#posted.length >= hopsMax || !this.#hasRoom()) return undefined;
    const destination = partitionOf(message[1], this.#domain.partitionCount);
    const partition = this.#domain.partitions[destination];
    if (partition === undefined || hasOutstanding(from, partition)) return undefined;
    const to = this.#resident(message[0], message[1]);
    return to?.phase === 'ready' && to.waiting.length === 0 ? to : undefined;
  }

  post(to: Activation, item: MessageItem): void {
    this.#posted.push({ to, item });
  }

  /** The oldest message posted; undefined when all are taken. */
  take(): Mail | undefined {
    const mail = this.#posted[this.#next];
    if (mail !== undefined) this.#next++;
    else if (this.#next > 0) {
      this.#posted = [];
      this.#next = 0;
    }
    return mail;
  }
}

/** True when something sent from one partition to the other is not consumed yet. */
function hasOutstanding(from: Partition, to: Partition): boolean {
  const outbox = from.outboxes.get(to.number);
  return outbox !== undefined && isBefore(to.consumed.get(from.number) ?? beforeAll, outbox.sent);
}
