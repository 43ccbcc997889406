/**
 * A record: what one command did to one actor, as it stands in a journal entry. Pure; the codec makes bytes of it.
 *
 * A record is one array, so that one pack call writes it:
 *
 *     [kind, id, versionBefore, previousPosition, timeOffset, cause, trail, outcome, events, messages, timers]
 *
 * `previousPosition` is the position of the entry with the actor's events before these (0: none): history walks back
 * along it. `timeOffset` is `ctx.now` − the entry's time. Everything after `trail` is 0 when empty. A twelfth field stands
 * only in the few records that queue or take a dead letter.
 *
 * What an earlier record of the same entry says already is not written again (`WrittenRecord`): a transfer is ten records,
 * nearly all of actors and of a trail that stand just before. `record-reader.ts` fills it in; everybody else sees whole
 * records, but for `event-skimmer.ts`, which walks over them.
 */
import { countAt, itemsOffset } from '../../actors/model/packed-places.js';
import type { StoredOutcome } from './outcome.js';

/** Why the record was written. */
export type Cause =
  /** From outside. The command's schema stands only where the outcome does not tell it: with a rejection. */
  | readonly [type: typeof causeCommand, commandId: string, fingerprint: string | 0, schema?: number]
  /** The message's place at its source. */
  | readonly [type: typeof causeMessage, source: number, position: number, ordinal: number]
  | readonly [type: typeof causeTimer, name: string, dueAt: number]
  /** A message that the group which sent it has consumed: its place is its name, the log does not hold it. */
  | readonly [type: typeof causeGroupMail, source: number, position: number, ordinal: number];

export const causeCommand = 0;
export const causeMessage = 1;
export const causeTimer = 2;
export const causeGroupMail = 3;

/** `[correlationId or 0 when it is the command id, causationId or 0, principal, traceparent or 0]`. */
export type StoredTrail = readonly [
  correlationId: string | 0,
  causationId: string | 0,
  principal: string,
  traceparent: string | 0,
];

/** Flat: schema number, fields, schema number, fields … */
export type StoredEvents = readonly unknown[];

/**
 * A message sent: `[kind, id, command schema or 0 for a reply, fields or outcome, tag or 0]`. Ordinals count from the
 * record's first ordinal within the entry; those between records belong to messages consumed by the same group.
 */
export type StoredMessage = readonly [
  kind: number,
  id: string,
  schema: number,
  content: readonly unknown[] | StoredOutcome,
  tag: string | 0,
];

/**
 * `[name, dueAt, command schema, fields]` sets, `[name]` cancels. One that falls due with the outcome of an activity has
 * a fifth part, 1, its fields are `[port, activity, input, idempotency key, timeoutMs]`, and `dueAt` is when it was set.
 * One with schema 0 keeps a reply for an actor that could not take it; its fields are `KeptReply`.
 */
export type StoredTimer =
  | readonly [name: string]
  | readonly [name: string, dueAt: number, schema: number, fields: readonly unknown[], isActivity?: 1];

export type KeptReply = readonly [tag: string, outcome: StoredOutcome];

export type StoredRecord = readonly [
  kind: number,
  id: string,
  versionBefore: number,
  previousPosition: number,
  timeOffset: number,
  cause: Cause,
  trail: StoredTrail,
  outcome: StoredOutcome | 0,
  events: StoredEvents | 0,
  messages: readonly [firstOrdinal: number, ...messages: StoredMessage[]] | 0,
  timers: readonly StoredTimer[] | 0,
  /** Absent in nearly every record. */
  letter?: StoredLetter,
];

/**
 * What the record does to a dead letter. Five: the message that the record consumes becomes one; place, target and trail
 * are the record's own, and its outcome says why. Four: the letter of that place is gone, by the doing of `operator`.
 */
export type StoredLetter =
  | readonly [fromKind: number, fromId: string, sentAt: number, schema: number, fields: readonly unknown[]]
  | readonly [source: number, position: number, ordinal: number, operator: string];

/**
 * As it stands in an entry. An id that is a number is the index of an earlier record of the actor. A trail that is a
 * number is the index of an earlier record with the same correlation, principal and traceparent; the cause, which is mail
 * then, ends with the place of the message that caused it, or with nothing where that was the command of the earlier record.
 */
export type WrittenRecord = readonly [
  kind: number,
  id: string | number,
  versionBefore: number,
  previousPosition: number,
  timeOffset: number,
  cause: Cause | MailCause,
  trail: StoredTrail | number,
  ...rest: readonly unknown[],
];

/** The place of the message, and of the one whose command sent it. */
export type MailCause = readonly [
  type: typeof causeGroupMail,
  source: number,
  position: number,
  ordinal: number,
  causeSource: number,
  causePosition: number,
  causeOrdinal: number,
];

/** The kind of a packed record, without decoding the rest. Throws `bytes-damaged` on bytes that begin none. */
export function recordKind(bytes: Uint8Array): number {
  return countAt(bytes, itemsOffset(bytes, 0));
}

/** The trail of what a command sends on, or does later: same correlation, caused by that command. */
export function onwardTrail(trail: StoredTrail, commandId: string): StoredTrail {
  return [trail[0] === 0 ? commandId : trail[0], commandId, trail[2], trail[3]];
}

/** Events in a record. */
export function eventCount(record: StoredRecord): number {
  return record[8] === 0 ? 0 : record[8].length / 2;
}

/** Gives every message of the record with its ordinal. */
export function forEachMessage(
  record: StoredRecord,
  visit: (ordinal: number, message: StoredMessage) => void,
): void {
  const messages = record[9];
  if (messages === 0) return;
  const [firstOrdinal, ...stored] = messages;
  for (const [index, message] of stored.entries()) visit(firstOrdinal + index, message);
}

/** The id of what caused a record, as trails name it. */
export function causeId(record: StoredRecord): string {
  const cause = record[5];
  if (cause[0] === causeCommand) return cause[1];
  if (cause[0] === causeTimer) return `timer.${record[1]}.${cause[1]}.${cause[2]}`;
  return messageId(cause[1], cause[2], cause[3]);
}

export function messageId(source: number, position: number, ordinal: number): string {
  return `m${source}.${position}.${ordinal}`;
}
