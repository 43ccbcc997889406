/**
 * The row of an actor in the tables: its state at some version, and where its history ends.
 *
 * Keys begin with the placement hash, so that a bucket of a sweep is a range of adjacent pages.
 */
import type { TableKey } from '../../persistence/tables.js';
import { decodeRow, encodeRow } from '../derive/stored-row.js';
import type { Kind } from '../kind-table.js';
import type { Activation, ActorRow } from './activation.js';

export const actorTable = 'actor';

/** Versions of snapshots begin at 1. */
const noSnapshot = 0;

export function actorRowKey(placement: number, kindSchemaId: number, id: string): TableKey {
  return (
    String.fromCharCode(
      placement >>> 24,
      (placement >>> 16) & 0xff,
      (placement >>> 8) & 0xff,
      placement & 0xff,
    ) +
    String.fromCharCode((kindSchemaId >>> 8) & 0xff, kindSchemaId & 0xff) +
    id
  );
}

/** What a key says. */
export function actorOfKey(key: TableKey): { readonly kindSchemaId: number; readonly id: string } {
  return { kindSchemaId: key.charCodeAt(4) * 256 + key.charCodeAt(5), id: key.slice(6) };
}

/**
 * The row of an activation as it stands now. A parked one keeps the state it was last stored with and says where its
 * history goes on, so that it holds up neither the checkpoint nor a later recovery by mended code. While its newest
 * entry is still open (`isEntryOpen`) more of its records may join that entry, so the row claims only what lies before.
 * A saga that has ended is rarely looked at again, and they are many: its row only says where its history ends, a tenth
 * of the bytes, so that sweeps rewrite a fraction of the pages.
 */
export function encodeActorRow(activation: Activation, isEntryOpen: boolean): Uint8Array {
  const { kind } = activation;
  if (activation.isShed) return encodeEndedRow(activation);
  if (activation.phase === 'parked') {
    const row = activation.storedRow;
    return encodeRow([
      row?.version ?? 0,
      row?.lastPosition ?? 0,
      row?.snapshotVersion ?? 0,
      row?.fields ?? [],
      row?.isOpen ?? true,
      activation.lastPosition,
    ]);
  }
  const isOpen = kind.definition.isOpen?.(activation.state) ?? false;
  if (kind.isSaga && !isOpen) return encodeEndedRow(activation);
  return encodeRow([
    activation.version,
    isEntryOpen ? activation.lastPosition - 1 : activation.lastPosition,
    kind.snapshot.version,
    kind.snapshot.encode(activation.state),
    isOpen,
    activation.lastPosition,
  ]);
}

function encodeEndedRow({ lastPosition }: Activation): Uint8Array {
  return encodeRow([0, 0, noSnapshot, [], false, lastPosition]);
}

/** True when the row says all there is to say although it holds no state: its saga has ended. */
export function isBare(row: ActorRow): boolean {
  return row.snapshotVersion === noSnapshot && !row.isOpen;
}

/** The row of an actor whose state has no stored form: only where its history ends, to be folded from its first event. */
export function encodeFoldedRow(activation: Activation): Uint8Array {
  return encodeRow([0, 0, noSnapshot, [], true, activation.lastPosition]);
}

/** Throws `bytes-damaged` on a row that is not as it was written. */
export function decodeActorRow(bytes: Uint8Array): ActorRow {
  const [version, lastPosition, snapshotVersion, fields, isOpen, newestPosition] = decodeRow(bytes) as [
    number,
    number,
    number,
    readonly unknown[],
    boolean,
    number,
  ];
  return { version, lastPosition, snapshotVersion, fields, isOpen, newestPosition };
}

/** True when the row's state can be used as it is; otherwise the actor is folded from its first event. */
export function isCurrent(row: ActorRow, kind: Kind): boolean {
  return row.snapshotVersion === kind.snapshot.version;
}
