/**
 * Opens a partition: takes it, reads what its tables know, and folds the tail of its log into the rest.
 *
 * B1  The epoch is raised before anything is read, so nothing that an older owner still has under way can follow.
 * B2  The entry at the checkpoint must have the checkpoint's hash, and every entry after it the hash of the one before:
 *     a log that went back or was damaged stops the partition; nothing of it is served.
 * B3  Afterwards the partition knows: actors whose rows lag, live timers, dead letters, outcomes of recent command ids, places consumed
 *     per source, and per destination the newest place sent. `outbox-reader.ts` reads what is to be sent again.
 */

import { partitionOf } from '../../actors/model/address.js';
import { OperatingError } from '../../actors/model/errors.js';
import { EntryReader, hashEntry, noHash, sameHash } from '../../persistence/entry.js';
import type { EntryHash, Fence } from '../../persistence/journal.js';
import { causeCommand, causeId, causeTimer, forEachMessage, onwardTrail } from '../commit/record.js';
import { readRecords } from '../commit/record-reader.js';
import type { FilterGenerations } from '../deduplication/filter-generations.js';
import { OutcomeLedger } from '../deduplication/outcome-ledger.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import { letterTable } from '../letters/letter-box.js';
import { foldLetter } from '../letters/letter-record.js';
import { noteSent, Partition } from '../partition.js';
import { type TimerDesk, timerTable } from '../timer/timer-desk.js';
import { decodePartitionState, stateKey, stateTable } from './partition-state.js';

/** Entries read at a time. */
const readLimits = { entriesMax: 256, bytesMax: 8 * 1_048_576 };
const rowsPerPage = 1_000;

export interface Recovered {
  readonly partition: Partition;
  readonly entriesRead: number;
}

export async function recoverPartition(
  domain: Domain,
  number: number,
  nonce: string,
  parts: { readonly timers: TimerDesk; readonly entries: EntrySource; readonly filter: FilterGenerations },
): Promise<Recovered> {
  const { store } = domain;
  const { fence, head } = await store.ownership.take(number, nonce);
  const checkpoint = await store.tables.checkpoint(number);
  const nextTurn = () => new Promise<void>((resolve) => domain.clock.defer(resolve));
  const ledger = await OutcomeLedger.open(store.tables, number, parts.filter, nextTurn);
  const partition = new Partition({ number, fence, head, checkpoint, ledger });
  const outboxFrom = await loadState(domain, partition);
  const { timers } = parts;
  await forEachRow(domain, number, timerTable, (value) => timers.load(partition, value));
  await forEachRow(domain, number, letterTable, (value) => partition.letters.load(value));
  if (checkpoint.position > head.position) {
    await assertOwner(domain, number, fence);
    throw wentBack(number, checkpoint.position, head.position);
  }

  const from = Math.max(
    1,
    Math.min(outboxFrom === 0 ? Number.POSITIVE_INFINITY : outboxFrom, checkpoint.position),
  );
  let previousHash: EntryHash | undefined = from === 1 ? noHash : undefined;
  let position = from;
  while (position <= head.position) {
    const stored = await store.journal.read(number, position, readLimits);
    if (stored.length === 0)
      throw new OperatingError('journal-gap', `Partition ${number} ends before position ${position}.`);
    for (const { bytes, position: at } of stored) {
      if (at > head.position) break;
      const reader = new EntryReader(bytes);
      const hash = hashEntry(bytes);
      if (at !== position || reader.position !== at || reader.partition !== number)
        throw damaged(number, position);
      if (previousHash !== undefined && !sameHash(reader.previousHash, previousHash))
        throw damaged(number, position);
      if (at === checkpoint.position && !sameHash(hash, checkpoint.hash)) throw wentBack(number, at, at);
      previousHash = hash;
      const isTail = at > checkpoint.position;
      if (isTail) parts.entries.keep(number, at, bytes);
      replay(domain, partition, reader, isTail, parts.timers);
      position++;
    }
  }
  if (previousHash !== undefined && head.position > 0 && !sameHash(previousHash, head.hash))
    throw damaged(number, head.position);
  for (const [source, place] of partition.consumed) partition.consumedDurable.set(source, place);
  return { partition, entriesRead: position - from };
}

/** Returns the position from which messages may have to be sent again; 0 for none. */
async function loadState(domain: Domain, partition: Partition): Promise<number> {
  const [value] = await domain.store.tables.get(partition.number, stateTable, [stateKey]);
  if (value === undefined) return 0;
  const state = decodePartitionState(value);
  partition.lastTime = state.lastTime;
  for (const [source, position, ordinal] of state.consumed)
    partition.consumed.set(source, { position, ordinal });
  for (const [destination, sentPosition, sentOrdinal, consumedPosition, consumedOrdinal] of state.outboxes) {
    partition.outboxes.set(destination, {
      sent: { position: sentPosition, ordinal: sentOrdinal },
      consumed: { position: consumedPosition, ordinal: consumedOrdinal },
      oldest: state.outboxFrom,
    });
  }
  return state.outboxFrom;
}

async function forEachRow(
  domain: Domain,
  partition: number,
  table: string,
  take: (value: Uint8Array) => void,
): Promise<void> {
  let from = '';
  for (;;) {
    const rows = await domain.store.tables.range(partition, { table, from, limit: rowsPerPage });
    for (const { value } of rows) take(value);
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerPage) return;
    from = `${last.key}\u0000`;
  }
}

/** Takes one entry in: of an entry at or before the checkpoint only the messages, of one in the tail everything. */
function replay(
  domain: Domain,
  partition: Partition,
  reader: EntryReader,
  isTail: boolean,
  timers: TimerDesk,
): void {
  if (isTail) {
    for (const { source, position, ordinal } of reader.watermarks())
      partition.consumed.set(source, { position, ordinal });
  }
  for (const record of readRecords(reader)) {
    const at = reader.time + record[4];
    forEachMessage(record, (ordinal, message) => {
      noteSent(partition, partitionOf(message[1], domain.partitionCount), reader.position, ordinal);
    });
    if (!isTail) continue;
    partition.lastTime = Math.max(partition.lastTime, at);
    const [kindSchemaId, id] = record;
    const cause = record[5];
    if (record[8] !== 0) {
      partition.unswept.set(`${kindSchemaId}/${id}`, { kindSchemaId, id, lastPosition: reader.position });
    }
    if (cause[0] === causeCommand && cause[2] !== 0) partition.ledger.note(cause[1], reader.position, at);
    if (cause[0] === causeTimer) timers.consume(partition, kindSchemaId, id, cause[1], cause[2]);
    foldLetter(partition.letters, record, at);
    if (record[10] !== 0) {
      const trail = onwardTrail(record[6], causeId(record));
      for (const timer of record[10]) timers.apply(partition, kindSchemaId, id, timer, trail);
    }
  }
}

/** Tables that are ahead of the log may be those of another owner, who has written on since the head was read. */
async function assertOwner({ store }: Domain, partition: number, fence: Fence): Promise<void> {
  const owner = await store.ownership.observe(partition);
  if (owner?.epoch === fence.epoch && owner.nonce === fence.nonce) return;
  throw new OperatingError(
    'storage-unavailable',
    `Partition ${partition} was taken by another owner while it was being opened.`,
  );
}

function wentBack(partition: number, expected: number, found: number): OperatingError {
  return new OperatingError(
    'store-went-back',
    `Partition ${partition}: the tables know the log up to position ${expected}, the log (head ${found}) does not match it. The store holds an older history; it is not served.`,
  );
}

function damaged(partition: number, position: number): OperatingError {
  return new OperatingError(
    'journal-damaged',
    `Partition ${partition}: the entry at position ${position} does not follow the one before it.`,
  );
}
