/** What a decision orders, in the forms in which records hold it; and whether that is past a bound. */
import { isActorId } from '../actors/model/address.js';
import { pack } from '../actors/model/codec.js';
import type { MessageOrder, Rejection, TimerOrder } from '../actors/model/message.js';
import { failureOutcome, outcomeRejection, type StoredOutcome } from './commit/outcome.js';
import type { StoredMessage, StoredTimer } from './commit/record.js';
import { detached } from './detached-fields.js';
import type { Kind, KindTable } from './kind-table.js';
import type { Limits } from './limits.js';
import { packedBytesBound } from './packed-bytes.js';
import { synchronous } from './synchronous.js';

/** Names are part of a table key: printable, and of bounded length. */
const timerNamePattern = /^[\x20-\x7e]{1,256}$/;
const commandTooLarge = failureOutcome('command-too-large', 'The command produced too much.');
const eventTooLarge = failureOutcome('event-too-large', 'An event is too large.');
/** Shared and never written to. */
const none: never[] = [];

/**
 * Throws on what is no decision: nothing, where a branch was forgotten; one event where a list belongs; a promise, which
 * is also kept from being rejected with nobody there.
 */
export function checkDecision(decision: unknown): void {
  if (typeof decision !== 'object' || decision === null) throw new TypeError('It returned no decision.');
  const { events, messages, timers } = decision as Readonly<Record<string, unknown>>;
  if (!isListOrNone(events) || !isListOrNone(messages) || !isListOrNone(timers))
    throw new TypeError('Events, messages and timers of a decision are lists.');
  if (events === undefined && messages === undefined && timers === undefined) synchronous(decision);
}

function isListOrNone(value: unknown): boolean {
  return value === undefined || value === null || Array.isArray(value);
}

/** Code and detail may be anything where the actor is plain JavaScript. */
export function rejectionOutcome({ code, detail }: Rejection): StoredOutcome {
  return [outcomeRejection, asText(code), asText(detail)];
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : String(value ?? '');
}

export function storedMessages(kinds: KindTable, orders: readonly MessageOrder[]): StoredMessage[] {
  if (orders.length === 0) return none;
  const messages = new Array<StoredMessage>(orders.length);
  for (let index = 0; index < orders.length; index++)
    messages[index] = storedMessage(kinds, orders[index] as MessageOrder);
  return messages;
}

function storedMessage(kinds: KindTable, order: MessageOrder): StoredMessage {
  const kind = kinds.named(order.kind);
  const command = kind?.commandByName.get(order.command);
  if (kind === undefined || command === undefined) {
    throw new TypeError(`No command "${order.command}" of kind "${order.kind}" is registered.`);
  }
  if (!isActorId(order.id)) throw new TypeError(`A message to "${order.kind}" names no valid id.`);
  if (order.tag !== undefined && typeof order.tag !== 'string') throw new TypeError('A tag is text.');
  const fields = detached(command.input.toFields(order.payload));
  return [kind.schemaId, order.id, command.schemaId, fields, order.tag ?? 0];
}

export function storedTimers(kind: Kind, orders: readonly TimerOrder[], now: number): readonly StoredTimer[] {
  if (orders.length === 0) return none;
  return orders.map((order) => storedTimer(kind, order, now));
}

function storedTimer(kind: Kind, timer: TimerOrder, now: number): StoredTimer {
  if (typeof timer.name !== 'string' || !timerNamePattern.test(timer.name))
    throw new TypeError('A timer has no valid name.');
  if (timer.type === 'cancel') return [timer.name];
  const command = kind.commandByName.get(timer.command);
  if (command === undefined) throw new TypeError(`No command "${timer.command}" for timer "${timer.name}".`);
  if (timer.type === 'perform') {
    const { port, activity, input, idempotencyKey, timeoutMs } = timer;
    if (Number.isNaN(timeoutMs)) throw new TypeError(`Activity "${timer.name}" has no timeout.`);
    return [
      timer.name,
      now,
      command.schemaId,
      detached([port, activity, input, idempotencyKey, timeoutMs]),
      1,
    ];
  }
  if (!Number.isFinite(timer.dueAt)) throw new TypeError(`Timer "${timer.name}" has no time.`);
  return [timer.name, timer.dueAt, command.schemaId, detached(command.input.toFields(timer.payload))];
}

/** The refusal of a decision that is past a bound, events one by one and everything together. Packs only what could be. */
export function sizeRefusal(
  events: readonly unknown[],
  messages: readonly StoredMessage[],
  timers: readonly StoredTimer[],
  { eventBytesMax, entryBytesMax }: Limits,
): StoredOutcome | undefined {
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
