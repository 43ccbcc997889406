/**
 * Dead letters as records hold them: made when a message is consumed unseen or refused, read when a log is folded.
 */
import type { StoredOutcome } from '../commit/outcome.js';
import { causeGroupMail, causeMessage, type StoredLetter, type StoredRecord } from '../commit/record.js';
import type { MessageItem } from '../link/link-protocol.js';
import type { Letter, LetterBox } from './letter-box.js';

/** The record's part for a message that becomes a letter. */
export function queuedLetter(item: MessageItem): StoredLetter {
  // Only a command is refused; a reply's outcome is taken or ignored.
  return [item[5], item[6], item[4], item[9], item[10] as readonly unknown[]];
}

/** The letter that a message becomes. */
export function toLetter(item: MessageItem, outcome: StoredOutcome, queuedAt: number): Letter {
  const [, source, position, ordinal, sentAt, fromKind, fromId, toKind, toId, schema, content, , trail] =
    item;
  const place = { source, position, ordinal, fromKind, fromId, toKind, toId };
  const { code, detail } = reasonOf(outcome);
  return { ...place, sentAt, queuedAt, schema, fields: content as readonly unknown[], trail, code, detail };
}

/** Does to the letters what a record of the tail did. */
export function foldLetter(box: LetterBox, record: StoredRecord, at: number): void {
  const letter = record[11];
  if (letter === undefined) return;
  if (letter.length === 4) {
    const [source, position, ordinal] = letter;
    return box.remove({ source, position, ordinal });
  }
  const cause = record[5];
  const outcome = record[7];
  if ((cause[0] !== causeMessage && cause[0] !== causeGroupMail) || outcome === 0)
    throw new Error('invariant: a letter is queued by the record that consumes its message');
  const [fromKind, fromId, sentAt, schema, fields] = letter;
  const [, source, position, ordinal] = cause;
  const [toKind, toId] = record;
  const place = { source, position, ordinal, fromKind, fromId, toKind, toId };
  box.add({ ...place, sentAt, queuedAt: at, schema, fields, trail: record[6], ...reasonOf(outcome) });
}

function reasonOf([, code, detail]: StoredOutcome): { readonly code: string; readonly detail: string } {
  // A letter's outcome is a rejection or a failure: both say why.
  return { code: String(code), detail: String(detail) };
}
