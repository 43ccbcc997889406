/**
 * Commands that ran before, as the log holds them: found through the ledger of their partition, compared by their whole
 * id.
 */
import { outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import { causeCommand, type StoredRecord } from '../commit/record.js';
import { readRecords } from '../commit/record-reader.js';
import { detached } from '../detached-fields.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import type { CommandEntry } from '../kind-table.js';
import type { Partition } from '../partition.js';
import { readReply, unreadableReply } from '../stored-reply.js';

/** The record of an earlier command with this id. */
export async function findRecorded(
  entries: EntrySource,
  partition: Partition,
  commandId: string,
): Promise<StoredRecord | undefined> {
  for (const position of await partition.ledger.candidates(commandId)) {
    const reader = await entries.read(partition.number, position);
    for (const record of readRecords(reader))
      if (record[5][0] === causeCommand && record[5][1] === commandId) return record;
  }
  return undefined;
}

/** The outcome in a record, its reply in today's fields. */
export function recordedOutcome(
  domain: Domain,
  command: CommandEntry,
  { 7: outcome }: StoredRecord,
): StoredOutcome {
  if (outcome === 0) return [outcomeReply, command.replySchemaId, []];
  if (outcome[0] !== outcomeReply || outcome[1] === command.replySchemaId) return outcome;
  const fields = readReply(domain, outcome[1], outcome[2], (reply) =>
    detached(command.reply.toFields(reply)),
  );
  return fields === undefined ? unreadableReply : [outcomeReply, command.replySchemaId, fields];
}
