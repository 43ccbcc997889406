/**
 * Who did what: the commands that came from outside and the changes of operators, read off the journal's own records.
 *
 * A record says who, when, to which actor and with which outcome already; an audit log beside it would write all of that
 * a second time. What is not recorded (a refusal without an idempotency key, a command that changed nothing) is not here.
 */
import { outcomeReply } from '../commit/outcome.js';
import { causeCommand, type StoredRecord } from '../commit/record.js';
import type { KindTable } from '../kind-table.js';
import type { Partition } from '../partition.js';
import { type LogPlace, placeAt, type WalkedRecord, walkLog } from './log-walk.js';
import type { OperationGround } from './operation-ground.js';

export interface ListAudit {
  /** Where to go back from; undefined: from the newest, or from `to`. */
  readonly place: LogPlace | undefined;
  /** A principal, an actor's id, or `kind/id`. */
  readonly subject: string | undefined;
  /** Unix ms, both included. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limit: number;
}

export interface AuditLine extends LogPlace {
  readonly at: number;
  readonly kind: string;
  readonly id: string;
  readonly command: string;
  /** Undefined: done. */
  readonly refusal: { readonly code: string; readonly detail: string } | undefined;
  readonly principal: string;
  readonly correlationId: string;
  readonly commandId: string;
  /** Whose message an operator replayed. */
  readonly onBehalfOf: string | undefined;
}

export interface AuditPage {
  readonly items: readonly AuditLine[];
  readonly next: LogPlace | null;
  readonly reachedAt: number;
}

export async function listAudit(
  { domain }: OperationGround,
  partition: Partition,
  { place, subject, from = 0, to = Number.POSITIVE_INFINITY, limit }: ListAudit,
): Promise<AuditPage> {
  const start = place ?? (Number.isFinite(to) ? await placeAt(domain, partition, to) : undefined);
  const items: AuditLine[] = [];
  const end = await walkLog(domain, partition, start, {
    admits: () => true,
    visit: (walked) => {
      if (walked.at < from) return 'end';
      const line = walked.at <= to ? lineOf(domain.kinds, walked) : undefined;
      if (line === undefined || !isAbout(line, subject)) return 'on';
      if (items.length === limit) return 'stop';
      items.push(line);
      return 'on';
    },
  });
  return { items, ...end };
}

function isAbout({ kind, id, principal, onBehalfOf }: AuditLine, subject: string | undefined): boolean {
  if (subject === undefined) return true;
  return subject === principal || subject === id || subject === `${kind}/${id}` || subject === onBehalfOf;
}

/** Undefined for what no command from outside caused. */
function lineOf(kinds: KindTable, { record, position, index, at }: WalkedRecord): AuditLine | undefined {
  const [kindSchemaId, id, , , , cause, trail] = record;
  if (cause[0] !== causeCommand) return undefined;
  const outcome = record[7];
  const isDone = outcome === 0 || outcome[0] === outcomeReply;
  const letter = record[11];
  const operator = letter?.length === 4 ? letter[3] : undefined;
  const correlationId = trail[0] === 0 ? cause[1] : trail[0];
  return {
    ...{ position, index, at, id, correlationId, commandId: cause[1] },
    kind: kinds.catalogue.entry(kindSchemaId).kind,
    command: commandOf(kinds, record),
    refusal: isDone ? undefined : { code: outcome[1], detail: outcome[2] },
    principal: operator ?? trail[2],
    onBehalfOf: operator === undefined || operator === trail[2] ? undefined : trail[2],
  };
}

/** By the schema of its reply; of a rejected one the record says it itself. */
function commandOf({ catalogue }: KindTable, record: StoredRecord): string {
  const cause = record[5];
  if (cause[0] === causeCommand && cause[3] !== undefined) return catalogue.entry(cause[3]).name;
  const outcome = record[7];
  return outcome !== 0 && outcome[0] === outcomeReply ? catalogue.entry(outcome[1]).name : '';
}
