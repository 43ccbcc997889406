/**
 * Answers that are read off the journal rather than off the state: pages of events, and the state as it was.
 */
import type { HistoryReply, RecordedEvent } from '../actors/model/call.js';
import { OperatingError } from '../actors/model/errors.js';
import { Activation } from './actor/activation.js';
import { applyRecord } from './actor/activation-loader.js';
import { eventCount } from './commit/record.js';
import type { Domain } from './domain.js';
import type { EntrySource } from './entry-source.js';
import { type ActorName, type PlacedRecord, recordedEvents, walkBack } from './history.js';

export interface PageRequest {
  readonly isBackward: boolean;
  /** Exclusive: forward from just after it, backward from just below it; −1 = from the end. */
  readonly fromVersion: number;
  readonly limit: number;
}

/** One page of an actor's events. Everything the activation holds must be durable. */
export async function historyPage(
  domain: Domain,
  entries: EntrySource,
  activation: Activation,
  request: PageRequest,
): Promise<HistoryReply> {
  const actor = nameOf(activation);
  const events: RecordedEvent[] = [];
  const above = request.isBackward ? 0 : Math.max(0, request.fromVersion);
  const below =
    request.isBackward && request.fromVersion >= 0 ? request.fromVersion : Number.POSITIVE_INFINITY;
  let folded = 0;
  await walkBack(entries, actor, activation.lastPosition, (records) => {
    for (const placed of records.toReversed()) {
      folded += eventCount(placed.record);
      if (folded > domain.limits.historyEventsMax) throw tooLong(actor, domain.limits.historyEventsMax);
      for (const event of recordedEvents(domain.kinds, actor, placed).reverse()) {
        if (event.streamVersion > above && event.streamVersion < below) events.push(event);
      }
    }
    const oldest = records[0]?.record[2] ?? 0;
    if (request.isBackward && events.length > request.limit) return 'stop';
    return oldest <= above ? 'stop' : 'on';
  });
  const ordered = request.isBackward ? events : events.reverse();
  const page = ordered.slice(0, request.limit);
  const last = page.at(-1);
  return {
    events: page,
    next: ordered.length > page.length && last !== undefined ? last.streamVersion : null,
  };
}

/** All records of an actor with events, entry by entry, newest first. Everything the activation holds must be durable. */
export async function wholeHistory(
  domain: Domain,
  entries: EntrySource,
  activation: Activation,
): Promise<readonly (readonly PlacedRecord[])[]> {
  const pages: (readonly PlacedRecord[])[] = [];
  let folded = 0;
  await walkBack(entries, nameOf(activation), activation.lastPosition, (records) => {
    for (const placed of records) folded += eventCount(placed.record);
    if (folded > domain.limits.historyEventsMax)
      throw tooLong(nameOf(activation), domain.limits.historyEventsMax);
    pages.push(records);
    return 'on';
  });
  return pages;
}

/** The actor as it was after a version (`[0, version]`) or at a time (`[1, Unix ms]`), in an activation of its own. */
export function foldedAt(
  domain: Domain,
  activation: Activation,
  history: readonly (readonly PlacedRecord[])[],
  at: readonly [0 | 1, number],
): Activation {
  const [unit, limit] = at;
  const past = new Activation(activation.kind, activation.id, activation.partition);
  past.state = activation.kind.definition.initial();
  past.phase = 'ready';
  for (const records of history.toReversed()) {
    for (const placed of records) {
      const isPast = unit === 0 ? placed.record[2] < limit : placed.at <= limit;
      if (isPast) applyRecord(domain, past, placed, unit === 0 ? limit : Number.POSITIVE_INFINITY);
    }
  }
  return past;
}

function nameOf(activation: Activation): ActorName {
  return { kind: activation.kind, id: activation.id, partition: activation.partition.number };
}

function tooLong(actor: ActorName, max: number): OperatingError {
  return new OperatingError(
    'history-too-long',
    `The history of ${actor.kind.name} is read ${max} events at most.`,
  );
}
