/**
 * Commands that ran before, as the log holds them: found through the ledger of their partition, compared by their whole
 * id.
 */
import { unpack } from '../../actors/model/codec.js';
import { outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import { causeCommand, type StoredRecord } from '../commit/record.js';
import type { EntrySource } from '../entry-source.js';
import type { CommandEntry, KindTable } from '../kind-table.js';
import type { Partition } from '../partition.js';

/** The record of an earlier command with this id. */
export async function findRecorded(
  entries: EntrySource,
  partition: Partition,
  commandId: string,
): Promise<StoredRecord | undefined> {
  for (const position of await partition.ledger.candidates(commandId)) {
    const reader = await entries.read(partition.number, position);
    for (let index = 0; index < reader.recordCount; index++) {
      const record = unpack(reader.record(index)) as StoredRecord;
      if (record[5][0] === causeCommand && record[5][1] === commandId) return record;
    }
  }
  return undefined;
}

/** The outcome in a record, its reply in today's fields. */
export function recordedOutcome(
  kinds: KindTable,
  command: CommandEntry,
  record: StoredRecord,
): StoredOutcome {
  const outcome = record[7];
  if (outcome === 0) return [outcomeReply, command.replySchemaId, []];
  if (outcome[0] !== outcomeReply || outcome[1] === command.replySchemaId) return outcome;
  const reply = kinds.reply(outcome[1], outcome[2]);
  return [outcomeReply, command.replySchemaId, command.reply.toFields(reply)];
}
