/**
 * Dead letters as the journal tells of them, and what must hold of each (rules E1, E2 of `letter-box.ts`):
 *
 *     E1   while a lane holds letters, no message of it reaches the target; what is replayed is the front of its lane
 *     E2   a letter is made by the record that consumes its message, and taken by one record, once
 */
import {
  causeGroupMail,
  causeMessage,
  type StoredLetter,
  type StoredMessage,
  type StoredRecord,
} from '../../runtime/commit/record.js';
import type { LetterPlace } from '../../runtime/letters/letter-box.js';
import { Violation } from './workload.js';

/** A letter that nobody has replayed or skipped. */
export interface AuditedLetter extends LetterPlace {
  /** Where it waits: that of its target. */
  readonly partition: number;
  readonly lane: string;
  /** False: it only waits for those before it. */
  readonly isRefused: boolean;
}

export class LetterAudit {
  /** In the order in which they were queued. */
  readonly #waiting = new Map<string, AuditedLetter>();
  /** Lane of each message in a log that asks for no answer; one consumed within its group stands in none. */
  readonly #lanes = new Map<string, string>();
  queuedCount = 0;
  replayedCount = 0;
  skippedCount = 0;

  get waiting(): readonly AuditedLetter[] {
    return [...this.#waiting.values()];
  }

  /** A message that stands in a log. */
  sent(sender: StoredRecord, place: LetterPlace, [kind, id, schema, , tag]: StoredMessage): void {
    if (schema !== 0 && tag === 0) this.#lanes.set(nameOf(place), laneOf(sender[0], sender[1], kind, id));
  }

  take(record: StoredRecord, partition: number, where: string): void {
    const letter = record[11];
    if (letter?.length === 5) this.#queue(record, letter, partition, where);
    else if (letter !== undefined) this.#takeOff(record, letter, where);
    else this.#checkPassing(record, where);
  }

  #queue(
    record: StoredRecord,
    letter: StoredLetter & { readonly length: 5 },
    partition: number,
    where: string,
  ) {
    const cause = record[5];
    if (cause[0] !== causeMessage && cause[0] !== causeGroupMail)
      throw new Violation(`E2: ${where}: a letter without a message`);
    const [, source, position, ordinal] = cause;
    const lane = laneOf(letter[0], letter[1], record[0], record[1]);
    const isRefused = record[7] !== 0 && record[7][1] !== 'dead-letter-ahead';
    const place = { source, position, ordinal };
    this.#waiting.set(nameOf(place), { ...place, partition, lane, isRefused });
    this.queuedCount++;
  }

  #takeOff(record: StoredRecord, letter: StoredLetter & { readonly length: 4 }, where: string): void {
    const [source, position, ordinal] = letter;
    const name = nameOf({ source, position, ordinal });
    const taken = this.#waiting.get(name);
    if (taken === undefined) throw new Violation(`E2: ${where}: letter ${name} is taken, and does not wait`);
    const isReplay = record[8] !== 0;
    if (isReplay) this.replayedCount++;
    else this.skippedCount++;
    const front = this.waiting.find(({ lane }) => lane === taken.lane);
    if (isReplay && front !== taken)
      throw new Violation(`E1: ${where}: letter ${name} is replayed out of turn`);
    this.#waiting.delete(name);
  }

  #checkPassing(record: StoredRecord, where: string): void {
    const cause = record[5];
    if (cause[0] !== causeMessage || this.#waiting.size === 0) return;
    const [, source, position, ordinal] = cause;
    const lane = this.#lanes.get(nameOf({ source, position, ordinal }));
    const ahead = lane === undefined ? undefined : this.waiting.find((letter) => letter.lane === lane);
    if (ahead !== undefined)
      throw new Violation(`E1: ${where}: message ${position}.${ordinal} passes letter ${nameOf(ahead)}`);
  }
}

function nameOf({ source, position, ordinal }: LetterPlace): string {
  return `${source}.${position}.${ordinal}`;
}

/** Ids hold no slash. */
function laneOf(fromKind: number, fromId: string, toKind: number, toId: string): string {
  return `${fromKind}/${fromId}/${toKind}/${toId}`;
}
