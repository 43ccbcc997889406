/**
 * `troupe journal read` and `tail`: entries, decoded, in the order of their logs.
 *
 * R1  `read` gives partition after partition, each in the order of positions; `tail` all partitions in the order of time.
 * R2  What cannot be decoded is shown as damage with its place, and the rest is read on.
 */
import { setTimeout } from 'node:timers/promises';
import { partitionOf } from '../../actors/model/address.js';
import { EntryReader } from '../../persistence/entry.js';
import { firstPosition } from '../../persistence/first-position.js';
import type { Head, StoredEntry } from '../../persistence/journal.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import {
  type ReadableEntry,
  type ReadableRecord,
  readableEntry,
  type Vocabulary,
} from '../../runtime/inspect/readable-entry.js';
import { entryText } from './entry-text.js';
import { jsonText, type Output } from './output.js';

export interface ReadOptions {
  readonly json?: boolean;
  readonly partition?: number;
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  /** `kind/id` */
  readonly actor?: string;
}

export interface TailOptions {
  readonly json?: boolean;
  readonly partition?: number;
  readonly follow?: boolean;
  readonly lines: number;
}

const page = { entriesMax: 256, bytesMax: 4 * 1024 * 1024 };
const followMs = 250;

/** Returns whether everything could be decoded. */
export async function readJournal(
  reader: StoreReader,
  words: Vocabulary,
  options: ReadOptions,
  output: Output,
): Promise<boolean> {
  const heads = await reader.heads();
  const actor = options.actor === undefined ? undefined : actorOf(options.actor, heads.length);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let isSound = true;
  for (const partition of chosen(heads, actor?.partition ?? options.partition)) {
    const first = Math.max(options.from ?? 1, await firstPosition(reader.journal, partition));
    const last = Math.min(options.to ?? Number.POSITIVE_INFINITY, heads[partition]?.position ?? 0);
    for await (const stored of entriesOf(reader, partition, first, last)) {
      if (left === 0 || output.isClosed) return isSound;
      const shown = decoded(words, partition, stored);
      isSound &&= 'records' in shown;
      const picked = actor === undefined || !('records' in shown) ? shown : onlyOf(shown, actor);
      if (picked === undefined) continue;
      await output.line(options.json === true ? jsonText(picked) : textOf(picked));
      left--;
    }
  }
  return isSound;
}

/** Shows the newest entries; with `follow` goes on until `ended` or the reader of the output has gone. */
export async function tailJournal(
  reader: StoreReader,
  words: Vocabulary,
  options: TailOptions,
  output: Output,
  ended: AbortSignal,
): Promise<boolean> {
  let isSound = true;
  const show = async (entries: readonly StoredPlace[]): Promise<void> => {
    for (const { partition, stored } of entries) {
      const shown = decoded(words, partition, stored);
      isSound &&= 'records' in shown;
      await output.line(options.json === true ? jsonText(shown) : textOf(shown));
    }
  };
  const heads = await reader.heads();
  const partitions = chosen(heads, options.partition);
  const last: StoredPlace[][] = [];
  for (const partition of partitions) {
    const head = heads[partition]?.position ?? 0;
    const first = Math.max(head - options.lines + 1, await firstPosition(reader.journal, partition));
    last.push(await collect(reader, partition, first, head));
  }
  const newest = mergedByTime(last);
  await show(newest.slice(Math.max(0, newest.length - options.lines)));
  if (options.follow !== true) return isSound;
  const seen = heads.map(({ position }) => position);
  while (!ended.aborted && !output.isClosed) {
    const fresh: StoredPlace[][] = [];
    const now = await reader.heads();
    for (const partition of partitions) {
      const head = now[partition]?.position ?? 0;
      fresh.push(await collect(reader, partition, (seen[partition] ?? 0) + 1, head));
      seen[partition] = head;
    }
    await show(mergedByTime(fresh));
    await setTimeout(followMs, undefined, { signal: ended }).catch(() => undefined);
  }
  return isSound;
}

interface StoredPlace {
  readonly partition: number;
  readonly stored: StoredEntry;
}

async function collect(
  reader: StoreReader,
  partition: number,
  from: number,
  to: number,
): Promise<StoredPlace[]> {
  const places: StoredPlace[] = [];
  for await (const stored of entriesOf(reader, partition, from, to)) places.push({ partition, stored });
  return places;
}

async function* entriesOf(
  { journal }: StoreReader,
  partition: number,
  from: number,
  to: number,
): AsyncGenerator<StoredEntry> {
  let position = from;
  while (position <= to) {
    const entries = await journal.read(partition, position, page);
    if (entries.length === 0) return;
    for (const entry of entries) if (entry.position <= to) yield entry;
    position += entries.length;
  }
}

interface Undecodable {
  readonly partition: number;
  readonly position: number;
  readonly damage: string;
}

function decoded(words: Vocabulary, partition: number, stored: StoredEntry): ReadableEntry | Undecodable {
  try {
    return readableEntry(words, stored);
  } catch (error) {
    const damage = error instanceof Error ? error.message : String(error);
    return { partition, position: stored.position, damage };
  }
}

function textOf(shown: ReadableEntry | Undecodable): string {
  if ('records' in shown) return entryText(shown);
  return `${shown.partition}-${shown.position}  cannot be decoded: ${shown.damage}`;
}

function chosen(heads: readonly Head[], partition: number | undefined): number[] {
  if (partition === undefined) return [...heads.keys()];
  if (partition < heads.length) return [partition];
  throw new RangeError(`--partition: the store has partitions 0 to ${heads.length - 1}, not ${partition}`);
}

interface ActorChoice {
  readonly partition: number;
  readonly isChosen: (record: ReadableRecord) => boolean;
}

function actorOf(address: string, partitionCount: number): ActorChoice {
  const slash = address.indexOf('/');
  const [kind, id] = [address.slice(0, slash), address.slice(slash + 1)];
  return {
    partition: partitionOf(id, partitionCount),
    isChosen: (record) => record.kind === kind && record.id === id,
  };
}

function onlyOf(entry: ReadableEntry, { isChosen }: ActorChoice): ReadableEntry | undefined {
  const records = entry.records.filter(isChosen);
  return records.length === 0 ? undefined : { ...entry, records };
}

/** Takes the earliest of the partitions' next entries; those of one partition stay in their order. */
function mergedByTime(lists: readonly (readonly StoredPlace[])[]): StoredPlace[] {
  const merged: StoredPlace[] = [];
  const next = lists.map(() => 0);
  for (;;) {
    let earliest: { readonly list: number; readonly place: StoredPlace; readonly time: number } | undefined;
    for (const [list, places] of lists.entries()) {
      const place = places[next[list] ?? 0];
      if (place === undefined) continue;
      const time = timeOf(place.stored);
      if (earliest === undefined || time < earliest.time) earliest = { list, place, time };
    }
    if (earliest === undefined) return merged;
    merged.push(earliest.place);
    next[earliest.list] = (next[earliest.list] ?? 0) + 1;
  }
}

function timeOf({ bytes }: StoredEntry): number {
  try {
    return new EntryReader(bytes).time;
  } catch {
    // Damaged: shown at once, with its place.
    return 0;
  }
}
