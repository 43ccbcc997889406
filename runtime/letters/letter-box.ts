/**
 * The dead letters of one partition: messages that their target refused and nobody waits for an answer to (a reaction's,
 * or one sent without a tag), with those behind them. Derived: the records in the log hold the truth, a table the rest.
 *
 *     message refused ──▸ letter ──replayed (the target takes it)──▸ gone
 *     message of a lane with letters ──▸ letter ──skipped──▸ gone
 *
 * E1  A lane is one source and one target. While it holds letters, what follows in it becomes a letter too, unseen by the
 *     target, so that the target never gets a lane's messages out of order. What is sent for an answer is none of them, nor
 *     is what sagas tell each other of their own accord (a child its end, a parent that it turns back): a saga would hang.
 * E2  A letter is queued by the record that consumes its message, and gone with the record of its replay or skip.
 * E3  Recovery reads the table and then applies the tail, where the last word about a letter wins. One queued and gone
 *     between two sweeps never reaches the table.
 * E4  At most `lettersMax` letters of `letterBytesMax` bytes; past that a refused message is dropped loudly: it stands in
 *     the log of its source for ever.
 */
import type { TableDelete, TablePut } from '../../persistence/tables.js';
import type { StoredTrail } from '../commit/record.js';
import { decodeRow, encodeRow } from '../derive/stored-row.js';
import type { MessageItem } from '../link/link-protocol.js';

export const letterTable = 'letter';

/** Where a message stands at its source; a letter is known by it. */
export interface LetterPlace {
  readonly source: number;
  readonly position: number;
  readonly ordinal: number;
}

export interface Letter extends LetterPlace {
  readonly fromKind: number;
  readonly fromId: string;
  readonly toKind: number;
  readonly toId: string;
  /** Unix ms. */
  readonly sentAt: number;
  readonly queuedAt: number;
  /** Of the command, and its stored input. */
  readonly schema: number;
  readonly fields: readonly unknown[];
  readonly trail: StoredTrail;
  /** Why it was refused. */
  readonly code: string;
  readonly detail: string;
}

export interface LetterBounds {
  readonly lettersMax: number;
  readonly letterBytesMax: number;
}

type LetterRow = readonly [
  source: number,
  position: number,
  ordinal: number,
  fromKind: number,
  fromId: string,
  toKind: number,
  toId: string,
  sentAt: number,
  queuedAt: number,
  schema: number,
  fields: readonly unknown[],
  trail: StoredTrail,
  code: string,
  detail: string,
];

interface Held {
  readonly letter: Letter;
  readonly row: Uint8Array;
  /** A sweep was given its row. */
  isStored: boolean;
}

export class LetterBox {
  readonly #held = new Map<string, Held>();
  /** Letters per lane. */
  readonly #lanes = new Map<string, number>();
  /** Keys that the table lacks, or holds too much. */
  readonly #dirty = new Set<string>();
  #bytes = 0;

  get size(): number {
    return this.#held.size;
  }

  /** True when the message must queue behind letters of its lane (E1). */
  blocks(item: MessageItem): boolean {
    return this.#held.size > 0 && this.#lanes.has(laneKey(item[5], item[6], item[7], item[8]));
  }

  /** False when there is no room left (E4). */
  hasRoom({ lettersMax, letterBytesMax }: LetterBounds): boolean {
    return this.#held.size < lettersMax && this.#bytes < letterBytesMax;
  }

  add(letter: Letter): void {
    const key = keyOf(letter);
    if (this.#held.has(key)) return;
    this.#dirty.add(key);
    this.#hold(key, letter, rowOf(letter), false);
  }

  /** A letter that was replayed or skipped. */
  remove(place: LetterPlace): void {
    const key = keyOf(place);
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#bytes -= held.row.length;
    if (held.isStored) this.#dirty.add(key);
    else this.#dirty.delete(key);
    const lane = laneOf(held.letter);
    const left = (this.#lanes.get(lane) ?? 1) - 1;
    if (left === 0) this.#lanes.delete(lane);
    else this.#lanes.set(lane, left);
  }

  get(place: LetterPlace): Letter | undefined {
    return this.#held.get(keyOf(place))?.letter;
  }

  /** All letters, in the order in which they were sent; those of a lane in its order. */
  inOrder(): readonly Letter[] {
    return Array.from(this.#held.values(), ({ letter }) => letter).sort(bySending);
  }

  /** The letters of the lane that `letter` is in, in their order. */
  laneOf(letter: Letter): readonly Letter[] {
    const lane = laneOf(letter);
    return this.inOrder().filter((other) => laneOf(other) === lane);
  }

  /** Takes what changed since the last sweep, as rows to write and keys to delete. */
  takeRows(): { readonly puts: readonly TablePut[]; readonly deletes: readonly TableDelete[] } {
    const puts: TablePut[] = [];
    const deletes: TableDelete[] = [];
    for (const key of this.#dirty) {
      const held = this.#held.get(key);
      if (held === undefined) {
        deletes.push({ table: letterTable, key });
      } else {
        held.isStored = true;
        puts.push({ table: letterTable, key, value: held.row });
      }
    }
    this.#dirty.clear();
    return { puts, deletes };
  }

  /** Takes a stored row back in at recovery. */
  load(value: Uint8Array): void {
    const letter = letterOf(decodeRow(value) as LetterRow);
    this.#hold(keyOf(letter), letter, value, true);
  }

  #hold(key: string, letter: Letter, row: Uint8Array, isStored: boolean): void {
    this.#held.set(key, { letter, row, isStored });
    this.#bytes += row.length;
    const lane = laneOf(letter);
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
  }
}

/** Enough of a letter to say what comes after it. */
export type SentPlace = LetterPlace & Pick<Letter, 'sentAt'>;

export function bySending(left: SentPlace, right: SentPlace): number {
  return (
    left.sentAt - right.sentAt ||
    left.source - right.source ||
    left.position - right.position ||
    left.ordinal - right.ordinal
  );
}

function keyOf({ source, position, ordinal }: LetterPlace): string {
  return `${source}.${position}.${ordinal}`;
}

function laneOf({ fromKind, fromId, toKind, toId }: Letter): string {
  return laneKey(fromKind, fromId, toKind, toId);
}

/** Ids hold no slash. */
function laneKey(fromKind: number, fromId: string, toKind: number, toId: string): string {
  return `${fromKind}/${fromId}/${toKind}/${toId}`;
}

function rowOf(letter: Letter): Uint8Array {
  const row: LetterRow = [
    letter.source,
    letter.position,
    letter.ordinal,
    letter.fromKind,
    letter.fromId,
    letter.toKind,
    letter.toId,
    letter.sentAt,
    letter.queuedAt,
    letter.schema,
    letter.fields,
    letter.trail,
    letter.code,
    letter.detail,
  ];
  return encodeRow(row);
}

function letterOf(row: LetterRow): Letter {
  const [source, position, ordinal, fromKind, fromId, toKind, toId, sentAt, queuedAt, ...rest] = row;
  const [schema, fields, trail, code, detail] = rest;
  return {
    source,
    position,
    ordinal,
    fromKind,
    fromId,
    toKind,
    toId,
    sentAt,
    queuedAt,
    schema,
    fields,
    trail,
    code,
    detail,
  };
}
