/**
 * A backfill: a reaction that was deployed later, run over the events that were there before it.
 *
 * B1  An event whose record already sent that command to that actor has been reacted to, and is passed over; so is every
 *     event up to the newest one that a backfill has sent for.
 * B2  Messages go out in the order of the log, each with the trail of its event. Bounded per operation; the next one goes
 *     on where it ended.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { MessageOrder, Trail } from '../../actors/model/message.js';
import { EntryReader } from '../../persistence/entry.js';
import type { Activation } from '../actor/activation.js';
import { outcomeReply } from '../commit/outcome.js';
import {
  causeCommand,
  causeId,
  eventCount,
  forEachMessage,
  onwardTrail,
  recordKind,
  type StoredRecord,
} from '../commit/record.js';
import { readRecord } from '../commit/record-reader.js';
import type { Kind, KindTable } from '../kind-table.js';
import type { Partition } from '../partition.js';
import { type BackfillState, backfillId, backfillKind } from './backfill-actor.js';
import { type OperationGround, type Operator, withActor } from './operation-ground.js';

/** Messages sent by one operation. */
export const backfillMessagesMax = 256;
export const backfillEntriesMax = 1_024;
const entriesPerRead = 32;
const bytesPerRead = 1_048_576;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export interface Backfill {
  readonly reaction: string;
  /** Entries from this position on. */
  readonly from: number;
  /** Unix ms: only events before this time. */
  readonly before: number | undefined;
  readonly isDryRun: boolean;
}

export interface BackfillProgress {
  /** Messages sent; in a dry run those that would be. */
  readonly count: number;
  /** Position to go on from; null at the end. */
  readonly next: number | null;
}

/** A message that is missing, with the event it belongs to. */
interface Missing extends Readonly<BackfillState> {
  readonly record: StoredRecord;
  readonly order: MessageOrder;
}

export async function backfillReaction(
  ground: OperationGround,
  partition: Partition,
  { reaction, from, before = Number.POSITIVE_INFINITY, isDryRun }: Backfill,
  operator: Operator,
): Promise<BackfillProgress> {
  const { domain } = ground;
  const source: Source = { name: reaction, kinds: reactingKinds(ground, reaction) };
  const kind = domain.kinds.named(backfillKind) as Kind;
  const id = backfillId(reaction, partition.number);
  const done = await withActor(ground, kind, id, ({ state }) => ({ ...(state as BackfillState) }));
  let position = Math.max(from, done.position, 1);
  let count = 0;
  for (let entries = 0; entries < backfillEntriesMax && count < backfillMessagesMax; ) {
    if (position > partition.durable) return { count, next: null };
    const entriesMax = Math.min(entriesPerRead, partition.durable - position + 1);
    const limits = { entriesMax, bytesMax: bytesPerRead };
    const read = await domain.store.journal.read(partition.number, position, limits);
    if (read.length === 0) return { count, next: null };
    for (const { bytes } of read) {
      const reader = new EntryReader(bytes);
      if (reader.time >= before) return { count, next: null };
      const missing = missingIn(ground, source, reader).filter((each) => isAfter(each, done));
      if (!isDryRun && missing.length > 0)
        await withActor(ground, kind, id, (activation) => send(ground, activation, missing, operator));
      count += missing.length;
      position = reader.position + 1;
      entries++;
      if (count >= backfillMessagesMax) break;
    }
    await new Promise<void>((resolve) => domain.clock.defer(resolve));
  }
  return { count, next: position };
}

/** The reaction, and the kinds to whose events it is, by their catalogue numbers. */
interface Source {
  readonly name: string;
  readonly kinds: ReadonlyMap<number, Kind>;
}

function reactingKinds({ domain }: OperationGround, name: string): ReadonlyMap<number, Kind> {
  const kinds = new Map<number, Kind>();
  for (const kind of domain.kinds.kinds)
    for (const entry of kind.eventByName.values())
      if (entry.reactions.some((reaction) => reaction.name === name)) kinds.set(kind.schemaId, kind);
  if (kinds.size === 0 || !namePattern.test(name))
    throw new OperatingError('not-found', 'No module declares this reaction.');
  return kinds;
}

function missingIn(ground: OperationGround, source: Source, reader: EntryReader): Missing[] {
  const missing: Missing[] = [];
  for (let index = 0; index < reader.recordCount; index++) {
    const kind = source.kinds.get(recordKind(reader.record(index)));
    if (kind === undefined) continue;
    const record = readRecord(reader, index);
    const place = { position: reader.position, index, at: reader.time + record[4] };
    missing.push(...missingOf(ground, source.name, kind, record, place));
  }
  return missing;
}

/** What the reaction would have sent in this record and did not (B1). */
function missingOf(
  { domain }: OperationGround,
  name: string,
  kind: Kind,
  record: StoredRecord,
  { at, ...place }: { readonly position: number; readonly index: number; readonly at: number },
): Missing[] {
  const missing: Missing[] = [];
  const events = record[8];
  if (events === 0) return missing;
  for (let event = 0; event < eventCount(record); event++) {
    const fields = events[event * 2 + 1] as readonly unknown[];
    const { entry, data } = domain.kinds.event(kind, events[event * 2] as number, fields);
    for (const reaction of entry.reactions) {
      if (reaction.name !== name) continue;
      const order = reaction.react(data as never, { id: record[1], now: at, trail: trailOf(record) });
      if (order !== undefined && !isSent(domain.kinds, record, order))
        missing.push({ ...place, event, record, order });
    }
  }
  return missing;
}

function trailOf(record: StoredRecord): Trail {
  const [correlationId, causationId, principal, traceparent] = record[6];
  return {
    correlationId: correlationId === 0 ? causeId(record) : correlationId,
    causationId: causationId === 0 ? '' : causationId,
    principal,
    traceparent: traceparent === 0 ? '' : traceparent,
  };
}

function isSent(kinds: KindTable, record: StoredRecord, order: MessageOrder): boolean {
  const kind = kinds.named(order.kind);
  const schema = kind?.commandByName.get(order.command)?.schemaId;
  let isFound = false;
  forEachMessage(record, (_ordinal, [toKind, toId, toSchema]) => {
    isFound ||= toKind === kind?.schemaId && toId === order.id && toSchema === schema;
  });
  return isFound;
}

function isAfter(event: BackfillState, done: BackfillState): boolean {
  return (event.position - done.position || event.index - done.index || event.event - done.event) > 0;
}

/** Sends what is missing, a record for each with the trail of its event (B2). */
function send(
  { executor }: OperationGround,
  activation: Activation,
  missing: readonly Missing[],
  operator: Operator,
): void {
  const command = activation.kind.commandByName.get('react');
  if (command === undefined) throw new Error('invariant: a backfill reacts');
  // Another run may have sent some of them while this one read.
  const done = activation.state as BackfillState;
  for (const { position, index, event, record, order } of missing) {
    if (!isAfter({ position, index, event }, done)) continue;
    const fields = command.input.toFields({ position, index, event, order });
    const { outcome } = executor.command(activation, command, fields, {
      cause: [causeCommand, operator.commandId, 0],
      time: 0,
      caller: { principal: operator.principal, roles: [], internal: true },
      trail: onwardTrail(record[6], causeId(record)),
      commandId: `${operator.commandId}.${position}.${index}.${event}`,
      mustRecord: true,
    });
    if (outcome[0] !== outcomeReply)
      throw new OperatingError('internal', `The reaction's message for an event at ${position} was refused.`);
  }
}
