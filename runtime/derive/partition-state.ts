/**
 * The one row per partition that says, as of its checkpoint, what it has consumed and what it still owes: everything a
 * recovery needs that no actor, timer or segment row holds.
 */
import type { Partition } from '../partition.js';
import { outboxFrom } from '../partition.js';
import { decodeRow, encodeRow } from './stored-row.js';

export const stateTable = 'state';
export const stateKey = 'partition';

export interface PartitionState {
  readonly consumed: readonly (readonly [source: number, position: number, ordinal: number])[];
  /** Per destination: newest place sent, newest place durably consumed. */
  readonly outboxes: readonly (readonly [
    destination: number,
    sentPosition: number,
    sentOrdinal: number,
    consumedPosition: number,
    consumedOrdinal: number,
  ])[];
  /** Messages from this position on may have to be sent again; 0 when none at or before the checkpoint. */
  readonly outboxFrom: number;
  readonly lastTime: number;
}

/** Taken when the partition has no undurable entry, or with the durable places only. */
export function capturePartitionState(partition: Partition): PartitionState {
  const from = outboxFrom(partition);
  return {
    consumed: Array.from(
      partition.consumedDurable,
      ([source, place]) => [source, place.position, place.ordinal] as const,
    ),
    outboxes: Array.from(
      partition.outboxes,
      ([destination, { sent, consumed }]) =>
        [destination, sent.position, sent.ordinal, consumed.position, consumed.ordinal] as const,
    ),
    outboxFrom: Number.isFinite(from) ? from : 0,
    lastTime: partition.lastTime,
  };
}

export function encodePartitionState(state: PartitionState): Uint8Array {
  return encodeRow([state.consumed, state.outboxes, state.outboxFrom, state.lastTime]);
}

export function decodePartitionState(bytes: Uint8Array): PartitionState {
  const [consumed, outboxes, from, lastTime] = decodeRow(bytes) as [
    PartitionState['consumed'],
    PartitionState['outboxes'],
    number,
    number,
  ];
  return { consumed, outboxes, outboxFrom: from, lastTime };
}
