/**
 * The table of sagas that are not done: one row for each that is open or waits for a person, the oldest first.
 *
 * It is what makes them listable without a read model. A sweep writes the row in the slice that writes the actor's own,
 * and deletes it with the slice that says that the saga ended; one that starts and ends between two sweeps (nearly every
 * one) never gets here. Ended sagas are found in the log instead, newest first.
 */
import type { SagaSummary } from '../../actors/model/saga.js';
import type { TableKey } from '../../persistence/tables.js';
import { decodeRow, encodeRow } from '../derive/stored-row.js';

export const openSagaTable = 'saga';

const timeDigits = 6;

/** Orders by start, then kind, then id. */
export function openSagaKey(startedAt: number, kindSchemaId: number, id: string): TableKey {
  return timeText(startedAt) + String.fromCharCode(kindSchemaId >>> 8, kindSchemaId & 0xff) + id;
}

/** The key before those of sagas started at that time or later. */
export function openSagaKeyFrom(startedAt: number): TableKey {
  return timeText(startedAt);
}

export function openSagaOf(key: TableKey): {
  readonly startedAt: number;
  readonly kindSchemaId: number;
  readonly id: string;
} {
  let startedAt = 0;
  for (let index = 0; index < timeDigits; index++) startedAt = startedAt * 256 + key.charCodeAt(index);
  const kindSchemaId = key.charCodeAt(timeDigits) * 256 + key.charCodeAt(timeDigits + 1);
  return { startedAt, kindSchemaId, id: key.slice(timeDigits + 2) };
}

/** True for a saga that belongs into the table: started, and not ended. */
export function isListed({ started_at, ended_at }: SagaSummary): boolean {
  return started_at > 0 && ended_at === null;
}

export function encodeOpenSaga({ state, step, started_at, parked_at, ended_at }: SagaSummary): Uint8Array {
  return encodeRow([state, step, started_at, parked_at, ended_at]);
}

export function decodeOpenSaga(bytes: Uint8Array): SagaSummary {
  // What `encodeOpenSaga` wrote.
  const [state, step, started_at, parked_at, ended_at] = decodeRow(bytes) as [
    SagaSummary['state'],
    string,
    number,
    number | null,
    number | null,
  ];
  return { state, step, started_at, parked_at, ended_at };
}

/** Unix ms as six bytes, the highest first: enough until the year 10889. */
function timeText(at: number): string {
  let text = '';
  let rest = Math.max(0, at);
  for (let index = 0; index < timeDigits; index++) {
    text = String.fromCharCode(rest % 256) + text;
    rest = Math.floor(rest / 256);
  }
  return text;
}
