/**
 * Journal entries as people and other programs read them: names in place of numbers, fields by name where the actors' modules
 * are at hand, as stored where they are not. Keys are snake_case, as everywhere outside.
 */
import { EntryReader } from '../../persistence/entry.js';
import type { StoredEntry } from '../../persistence/journal.js';
import { outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import {
  causeCommand,
  causeId,
  causeTimer,
  forEachMessage,
  type KeptReply,
  type StoredMessage,
  type StoredRecord,
  type StoredTimer,
} from '../commit/record.js';
import { readRecords } from '../commit/record-reader.js';
import type { KindTable } from '../kind-table.js';
import type { SchemaCatalogue, SchemaName } from '../schema-catalogue.js';

export interface ReadableEntry {
  readonly partition: number;
  readonly position: number;
  readonly epoch: number;
  readonly group: number;
  /** RFC 3339. */
  readonly time: string;
  readonly bytes: number;
  /** Where the other entries of the same group stand. */
  readonly siblings: readonly { readonly partition: number; readonly position: number }[];
  /** Up to where messages of other partitions have been consumed with this entry. */
  readonly consumed: readonly {
    readonly partition: number;
    readonly position: number;
    readonly ordinal: number;
  }[];
  readonly records: readonly ReadableRecord[];
}

export interface ReadableRecord {
  readonly kind: string;
  readonly id: string;
  readonly version_before: number;
  readonly version_after: number;
  readonly time: string;
  /** What the record answers: a command from outside, a message or a timer. */
  readonly cause: 'command' | 'message' | 'timer';
  readonly cause_id: string;
  readonly correlation_id: string;
  readonly principal: string;
  readonly outcome?: ReadableOutcome;
  readonly events: readonly ReadableData[];
  readonly messages: readonly ReadableMessage[];
  readonly timers: readonly ReadableTimer[];
}

/** `data` by field name; `fields` as stored, where nobody knows their names. */
export interface ReadableData {
  readonly type: string;
  readonly schema_version: number;
  readonly data?: unknown;
  readonly fields?: readonly unknown[];
}

export type ReadableOutcome =
  | ({ readonly result: 'reply' } & ReadableData)
  | { readonly result: 'rejection' | 'failure'; readonly code: string; readonly detail: string };

export interface ReadableMessage {
  readonly id: string;
  readonly to_kind: string;
  readonly to_id: string;
  readonly command?: ReadableData;
  /** What is sent back to whoever asked. */
  readonly outcome?: ReadableOutcome;
}

export type ReadableTimer =
  | { readonly name: string; readonly cancelled: true }
  | {
      readonly name: string;
      readonly due_at: string;
      readonly command?: ReadableData;
      /** Of a reply that is kept for an actor that could not take it. */
      readonly outcome?: ReadableOutcome;
    };

/** What entries are read with: the store's catalogue, and the modules' kinds if they fit it. */
export interface Vocabulary {
  readonly catalogue: SchemaCatalogue;
  readonly kinds: KindTable | undefined;
}

/** Throws `EntryDamaged`, `bytes-damaged` or `schema-unknown` on what is no entry of this store. */
export function readableEntry(words: Vocabulary, { bytes }: StoredEntry): ReadableEntry {
  const reader = new EntryReader(bytes);
  const records = readRecords(reader).map((record) => readableRecord(words, reader, record));
  return {
    partition: reader.partition,
    position: reader.position,
    epoch: reader.epoch,
    group: reader.group,
    time: timeText(reader.time),
    bytes: bytes.length,
    siblings: reader.siblings(),
    consumed: reader
      .watermarks()
      .map(({ source, position, ordinal }) => ({ partition: source, position, ordinal })),
    records,
  };
}

function readableRecord(words: Vocabulary, reader: EntryReader, record: StoredRecord): ReadableRecord {
  const [kindId, id, versionBefore, , offset, cause, trail, outcome, storedEvents, , timers] = record;
  const kind = words.catalogue.entry(kindId).kind;
  const causedBy = causeId(record);
  const events: ReadableData[] = [];
  const stored = storedEvents === 0 ? [] : storedEvents;
  for (let index = 0; index < stored.length; index += 2)
    events.push(eventOf(words, kind, stored[index] as number, stored[index + 1] as readonly unknown[]));
  const messages: ReadableMessage[] = [];
  forEachMessage(record, (ordinal, message) => {
    messages.push(messageOf(words, `m${reader.partition}.${reader.position}.${ordinal}`, message));
  });
  return {
    kind,
    id,
    version_before: versionBefore,
    version_after: versionBefore + events.length,
    time: timeText(reader.time + offset),
    cause: cause[0] === causeCommand ? 'command' : cause[0] === causeTimer ? 'timer' : 'message',
    cause_id: causedBy,
    correlation_id: trail[0] === 0 ? causedBy : trail[0],
    principal: trail[2],
    ...(outcome === 0 ? {} : { outcome: outcomeOf(words, outcome) }),
    events,
    messages,
    timers: timers === 0 ? [] : timers.map((timer) => timerOf(words, kind, timer)),
  };
}

function eventOf(words: Vocabulary, kindName: string, schema: number, fields: readonly unknown[]) {
  return dataOf(words, schema, fields, (kinds) => {
    const kind = kinds.named(kindName);
    return kind === undefined ? undefined : { data: kinds.event(kind, schema, fields).data };
  });
}

function commandOf(words: Vocabulary, kindName: string, schema: number, fields: readonly unknown[]) {
  return dataOf(words, schema, fields, (kinds) => {
    const kind = kinds.named(kindName);
    if (kind === undefined) return undefined;
    const command = kinds.command(kind, schema, fields);
    return { data: command.entry.input.fromFields(command.fields) };
  });
}

function outcomeOf(words: Vocabulary, outcome: StoredOutcome): ReadableOutcome {
  if (outcome[0] !== outcomeReply) {
    const [type, code, detail] = outcome;
    return { result: type === 1 ? 'rejection' : 'failure', code, detail };
  }
  const [, schema, fields] = outcome;
  const reply = dataOf(words, schema, fields, (kinds) => ({ data: kinds.reply(schema, fields) }));
  return { result: 'reply', ...reply };
}

function messageOf(words: Vocabulary, id: string, message: StoredMessage): ReadableMessage {
  const [kindId, to, schema, content] = message;
  const kind = words.catalogue.entry(kindId).kind;
  const address = { id, to_kind: kind, to_id: to };
  if (schema === 0) return { ...address, outcome: outcomeOf(words, content as StoredOutcome) };
  return { ...address, command: commandOf(words, kind, schema, content) };
}

function timerOf(words: Vocabulary, kind: string, timer: StoredTimer): ReadableTimer {
  if (timer.length === 1) return { name: timer[0], cancelled: true };
  const [name, dueAt, schema, fields] = timer;
  const due = { name, due_at: timeText(dueAt) };
  if (schema === 0) return { ...due, outcome: outcomeOf(words, (fields as KeptReply)[1]) };
  return { ...due, command: commandOf(words, kind, schema, fields) };
}

type Known = { readonly data: unknown } | undefined;

/** With the modules at hand the data by name; what they no longer know is shown as it is stored. */
function dataOf(
  { catalogue, kinds }: Vocabulary,
  schema: number,
  fields: readonly unknown[],
  decode: (kinds: KindTable) => Known,
): ReadableData {
  const { name, version }: SchemaName = catalogue.entry(schema);
  let known: Known;
  try {
    known = kinds === undefined ? undefined : decode(kinds);
  } catch {
    // Looking must not fail on what a module no longer reads: the fields are there to be seen.
    known = undefined;
  }
  return { type: name, schema_version: version, ...(known ?? { fields }) };
}

/** Looking must not fail on a time that is no date. */
function timeText(ms: number): string {
  return Number.isNaN(new Date(ms).getTime()) ? String(ms) : new Date(ms).toISOString();
}
