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
import type { HistorySignposts } from './history-signposts.js';

export interface PageRequest {
  readonly isBackward: boolean;
  /** Exclusive: forward from just after it, backward from just below it; −1 = from the end. */
  readonly fromVersion: number;
  readonly limit: number;
}

/** A walk that its caller no longer waits for ends. */
export interface WalkTerms {
  /** Monotonic ms. */
  readonly deadlineAt: number;
}

/** An actor whose history is walked back from `newest`, the position of a durable entry with events of it; 0 for none. */
export interface HistoryEnd {
  readonly activation: Activation;
  readonly newest: number;
}

/**
 * One page of an actor's events. A page far down a history longer than
 * `historyEventsMax` may come empty, its cursor where it was: the way there is walked in several calls, each from where
 * the one before it came to.
 */
export async function historyPage(
  domain: Domain,
  source: { readonly entries: EntrySource; readonly signposts: HistorySignposts },
  { activation, newest }: HistoryEnd,
  { isBackward, fromVersion, limit, deadlineAt }: PageRequest & WalkTerms,
): Promise<HistoryReply> {
  const actor = nameOf(activation);
  // Versions are contiguous: a page is a range of them.
  const from = fromVersion >= 0 ? fromVersion : isBackward ? Number.POSITIVE_INFINITY : 0;
  let range = rangeOf(isBackward, from, limit);
  const start = source.signposts.above(activation.key, range.newest);
  const events: RecordedEvent[] = [];
  let walked = 0;
  let newestSeen = 0;
  let isCut = false;
  await walkBack(
    source.entries,
    actor,
    start ?? newest,
    (records) => {
      newestSeen = Math.max(newestSeen, endVersion(records.at(-1) as PlacedRecord));
      if (isBackward && range.newest > newestSeen) range = rangeOf(true, newestSeen + 1, limit);
      for (const placed of records.toReversed()) {
        if (endVersion(placed) < range.oldest) continue;
        if (placed.record[2] >= range.newest) {
          walked += eventCount(placed.record);
          continue;
        }
        for (const event of recordedEvents(domain.kinds, actor, placed).reverse()) {
          if (event.streamVersion >= range.oldest && event.streamVersion <= range.newest) events.push(event);
        }
      }
      // `walkBack` gives no entry without records.
      const { record, position } = records[0] as PlacedRecord;
      source.signposts.note(activation.key, record[2], position);
      if (record[2] < range.oldest) return 'stop';
      assertAwaited(domain, deadlineAt);
      // Never at its first entry: each call comes at least one further.
      isCut = walked >= domain.limits.historyEventsMax && position !== start;
      return isCut ? 'stop' : 'on';
    },
    () => rest(domain),
  );
  if (isCut) return { events: [], next: from };
  if (isBackward) return { events, next: (events.at(-1)?.streamVersion ?? 1) > 1 ? range.oldest : null };
  return { events: events.reverse(), next: newestSeen > range.newest ? range.newest : null };
}

/** The versions of a page, both inclusive. */
function rangeOf(isBackward: boolean, from: number, limit: number) {
  return isBackward
    ? { oldest: Math.max(1, from - limit), newest: from - 1 }
    : { oldest: from + 1, newest: from + limit };
}

function endVersion({ record }: PlacedRecord): number {
  return record[2] + eventCount(record);
}

/** All records of an actor with events, entry by entry, newest first. */
export async function wholeHistory(
  domain: Domain,
  entries: EntrySource,
  { activation, newest }: HistoryEnd,
  { deadlineAt }: WalkTerms,
): Promise<readonly (readonly PlacedRecord[])[]> {
  const pages: (readonly PlacedRecord[])[] = [];
  let folded = 0;
  const visit = (records: readonly PlacedRecord[]): 'on' => {
    for (const placed of records) folded += eventCount(placed.record);
    if (folded > domain.limits.historyEventsMax)
      throw tooLong(nameOf(activation), domain.limits.historyEventsMax);
    assertAwaited(domain, deadlineAt);
    pages.push(records);
    return 'on';
  };
  await walkBack(entries, nameOf(activation), newest, visit, () => rest(domain));
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

/** A page that is asked for again goes on from the signposts of this walk. */
function assertAwaited(domain: Domain, deadlineAt: number): void {
  if (domain.clock.monotonic() > deadlineAt)
    throw new OperatingError('deadline-passed', 'Reading the history took longer than its caller waits.');
}

/** Lets other work in. */
function rest(domain: Domain): Promise<void> {
  return new Promise((resolve) => domain.clock.defer(resolve));
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
