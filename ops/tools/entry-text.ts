/** A journal entry as a few lines for people. */
import type {
  ReadableData,
  ReadableEntry,
  ReadableMessage,
  ReadableOutcome,
  ReadableRecord,
} from '../../runtime/inspect/readable-entry.js';
import { bytesText, jsonText } from './output.js';

export function entryText(entry: ReadableEntry): string {
  const { partition, position, time, epoch, group, bytes, siblings } = entry;
  const others = siblings.map((sibling) => ` ${sibling.partition}-${sibling.position}`).join('');
  const facts = [`epoch ${epoch}`, `group ${group}`, bytesText(bytes)];
  if (others !== '') facts.push(`together with${others}`);
  const head = `${partition}-${position}  ${time}  ${facts.join(', ')}`;
  return [head, ...entry.records.flatMap(recordLines)].join('\n');
}

function recordLines(record: ReadableRecord): string[] {
  const { kind, id, version_before: before, version_after: after, cause, cause_id, principal } = record;
  const versions = before === after ? `at ${after}` : `${before} → ${after}`;
  const by = principal === '' ? '' : `, by ${principal}`;
  const lines = [`  ${kind}/${id}  ${versions}  ${cause} ${cause_id}${by}`];
  for (const event of record.events) lines.push(`    event    ${dataText(event)}`);
  for (const message of record.messages) {
    lines.push(`    message  ${message.id} to ${message.to_kind}/${message.to_id}: ${contentText(message)}`);
  }
  for (const timer of record.timers) {
    const what = 'cancelled' in timer ? 'cancelled' : `at ${timer.due_at}: ${contentText(timer)}`;
    lines.push(`    timer    ${timer.name} ${what}`);
  }
  if (record.outcome !== undefined) lines.push(`    answer   ${outcomeText(record.outcome)}`);
  return lines;
}

function contentText({ command, outcome }: Pick<ReadableMessage, 'command' | 'outcome'>): string {
  return command === undefined ? `${outcome && outcomeText(outcome)}` : dataText(command);
}

function outcomeText(outcome: ReadableOutcome): string {
  if (outcome.result === 'reply') return `reply to ${dataText(outcome)}`;
  return `${outcome.result} ${outcome.code}: ${outcome.detail}`;
}

function dataText({ type, schema_version, data, fields }: ReadableData): string {
  return `${type}${schema_version === 1 ? '' : ` v${schema_version}`} ${jsonText(data ?? fields ?? null)}`;
}
