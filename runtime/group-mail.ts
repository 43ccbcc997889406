/**
 * Messages that are consumed by the very group that sends them. A domain's group is appended whole or not at all, so such a
 * message needs neither a place in the log nor a watermark: the record that it leads to stands in the same group as the
 * one that sent it. Most steps of a saga and their answers are of this kind.
 *
 * G1  What is posted is taken before the open group is sealed: the shard empties the mail before it sends a group or ends a
 *     turn.
 * G2  The order between two partitions holds. A message is posted only while everything sent before it from one to the
 *     other is consumed, the mail is first in, first out, and the shard empties it before it takes what came the ordinary way.
 * G3  After `hopsMax` messages since the mail was empty, with `pendingMax` not taken, or when the group has no room, the next one
 *     takes the ordinary way, on which other work has its turn: a chain of messages that follow from each other may have no end.
 * G4  Nothing that is asked of an actor from elsewhere comes before the mail that waits for it: it might break the actor.
 * G5  Mail that is accepted and changes nothing leaves no record: nothing has to be told apart after a restart, since the record that
 *     sent it and the one that its answer leads to stand or fall with the group. A refusal leaves one, for whoever looks for the reason.
 */
import type { Activation } from './actor/activation.js';
import type { Domain } from './domain.js';
import type { Mail } from './mail.js';
import { beforeAll, isBefore, type Partition } from './partition.js';

/** A transfer takes ten, and sixteen calls are begun before their mail is run. */
const hopsMax = 256;
/** What each of them will write is not known to the bounds of the group yet. */
const pendingMax = 64;

/** The activation of an address if it is in memory; loads nothing. `near`: one that may have the same id. */
type Resident = (kindSchemaId: number, id: string, near: Activation | undefined) => Activation | undefined;

export class GroupMail {
  readonly #domain: Domain;
  readonly #resident: Resident;
  readonly #hasRoom: () => boolean;
  /** Posted since the mail was empty. Those taken are gone from it, so that it keeps nothing alive. */
  readonly #posted = new Array<Mail | undefined>(hopsMax).fill(undefined);
  #count = 0;
  #next = 0;

  constructor(
    domain: Domain,
    resident: Resident,
    /** False when the record that is being written is the open group's last. */
    hasRoom: () => boolean,
  ) {
    this.#domain = domain;
    this.#resident = resident;
    this.#hasRoom = hasRoom;
  }

  /** Who would take a message within this group; undefined when it must go the ordinary way. */
  target(from: Partition, kindSchemaId: number, id: string, near?: Activation): Activation | undefined {
    if (!this.#takesMore) return undefined;
    const to = this.#resident(kindSchemaId, id, near);
    return to !== undefined && this.#isOpenTo(from, to) ? to : undefined;
  }

  /** True when an activation that is known already would take it. */
  reaches(from: Partition, to: Activation): boolean {
    return to.isResident && this.#takesMore && this.#isOpenTo(from, to);
  }

  post(mail: Mail): void {
    this.#posted[this.#count++] = mail;
    mail.to.mailCount++;
  }

  /** Messages posted and not taken. */
  get pending(): number {
    return this.#count - this.#next;
  }

  /** The oldest message posted; undefined when all are taken. */
  take(): Mail | undefined {
    if (this.#next === this.#count) {
      this.#next = 0;
      this.#count = 0;
      return undefined;
    }
    const mail = this.#posted[this.#next];
    this.#posted[this.#next++] = undefined;
    if (mail !== undefined) mail.to.mailCount--;
    return mail;
  }

  /** G3. */
  get #takesMore(): boolean {
    return this.#count < hopsMax && this.pending < pendingMax && this.#hasRoom();
  }

  #isOpenTo(from: Partition, to: Activation): boolean {
    const { partition } = to;
    return (
      to.phase === 'ready' &&
      to.waiting.length === 0 &&
      this.#domain.partitions[partition.number] === partition &&
      !hasOutstanding(from, partition)
    );
  }
}

/** True when something sent from one partition to the other is not consumed yet. */
function hasOutstanding(from: Partition, to: Partition): boolean {
  const outbox = from.outboxes.get(to.number);
  return outbox !== undefined && isBefore(to.consumed.get(from.number) ?? beforeAll, outbox.sent);
}
