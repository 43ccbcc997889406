/**
 * Which events an entry holds and what they correlate with, taken from its bytes as they lie there: an index of whole logs wants two
 * things of each record, and making values of all the others cost five times as much. Pure.
 *
 * It knows the places of `record.ts`; `record-reader.ts` says the same of the same bytes (test: on records of every form).
 */
import { countAt, itemCount, itemsOffset, skipValues, textAt } from '../../actors/model/packed-places.js';
import { EntryDamaged, type EntryReader } from '../../persistence/entry.js';
import { causeCommand } from '../commit/record.js';
import { readRecord } from '../commit/record-reader.js';
import { correlationOf } from './event-filter.js';

export interface EventSink {
  /** The schema of an event; once for each event. */
  schema(id: number): void;
  /** Of records with events; at least once for each correlation. */
  correlation(id: string): void;
}

const fieldsBeforeCause = 5;

/** The first record of a trail. */
interface Root {
  readonly index: number;
  readonly bytes: Buffer;
  readonly causeAt: number;
  readonly trailAt: number;
  isTold: boolean;
}

/** Throws `bytes-damaged` or `EntryDamaged` on records that cannot be read. */
export function skimEvents(entry: EntryReader, sink: EventSink): void {
  /** By record. */
  const roots: Root[] = [];
  for (let index = 0; index < entry.recordCount; index++) {
    const bytes = entry.record(index);
    const causeAt = skipValues(bytes, itemsOffset(bytes, 0), fieldsBeforeCause);
    const trailAt = skipValues(bytes, causeAt, 1);
    const root: Root | undefined =
      itemCount(bytes, trailAt) < 0
        ? roots[countAt(bytes, trailAt)]
        : { index, bytes, causeAt, trailAt, isTold: false };
    if (root === undefined) throw new EntryDamaged(`record ${index} refers to a later one`);
    roots.push(root);
    // Behind the trail and the outcome.
    const eventsAt = skipValues(bytes, trailAt, 2);
    if (!tellSchemas(bytes, eventsAt, sink) || root.isTold) continue;
    root.isTold = true;
    sink.correlation(textOf(root) ?? correlationOf(readRecord(entry, root.index)));
  }
}

/** False: there is no event. */
function tellSchemas(bytes: Buffer, eventsAt: number, sink: EventSink): boolean {
  const count = itemCount(bytes, eventsAt);
  let at = itemsOffset(bytes, eventsAt);
  for (let item = 0; item + 1 < count; item += 2) {
    sink.schema(countAt(bytes, at));
    at = skipValues(bytes, at, 2);
  }
  if (at > bytes.length) throw new EntryDamaged('events go on past their record');
  return count > 0;
}

/** The correlation where it stands as text: in the trail, or as the id of the command from outside. */
function textOf({ bytes, causeAt, trailAt }: Root): string | undefined {
  const inTrail = textAt(bytes, itemsOffset(bytes, trailAt));
  if (inTrail !== undefined) return inTrail;
  const typeAt = itemsOffset(bytes, causeAt);
  return countAt(bytes, typeAt) === causeCommand ? textAt(bytes, skipValues(bytes, typeAt, 1)) : undefined;
}
