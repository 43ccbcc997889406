/**
 * How fast a segment is packed: piece by piece, with a pause after each, so that those who serve find a processor in between. Packing
 * has time as long as the log grows slower than it packs; the further it is behind, the shorter it pauses.
 *
 *     segments' worth in the log    up to 1.5     2            2.25     3 and more
 *     share of one core             a fifth       a quarter    a third  all it gets
 *     niceness                      12            12           12       5
 */
import type { JournalReader } from '../store-reader.js';
import { blockBytes } from './journal-file-writer.js';

/** Called before each piece of work. */
export type Rest = () => Promise<void>;

export const noRest: Rest = async () => {};

/** With a pause of four times what a piece took, a fifth of one core is taken. */
const pausePerWork = 4;
const behindFrom = 1.5;
const farBehindFrom = 3;
/** A piece that a busy machine drew out is no reason to wait as long again. */
export const pauseMsMax = 50;

/** After a piece of `workedMs`; `segmentsDue` is what the log holds that could be packed, in segments. */
export function pauseAfter(workedMs: number, segmentsDue: number): number {
  const ease = (farBehindFrom - segmentsDue) / (farBehindFrom - behindFrom);
  return Math.min(pauseMsMax, workedMs * pausePerWork * Math.min(1, Math.max(0, ease)));
}

/**
 * Priority of the thread that packs, as `nice` counts. While it keeps up, those who serve take its place whenever they wake (at 5 their
 * requests' p99 was a fifth higher, at 19 no better); once it is behind, it gets enough to catch up beside a server that is always busy.
 */
export function nicenessFor(segmentsDue: number): number {
  return segmentsDue < farBehindFrom ? 12 : 5;
}

export interface PaceParts {
  readonly segmentsDue: number;
  /** Ms that the thread has worked so far. Waiting for a store is rest enough and calls for no other. */
  readonly worked: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

export function packingPace({ segmentsDue, worked, pause }: PaceParts): Rest {
  let pieceFrom = worked();
  return async () => {
    const pauseMs = pauseAfter(worked() - pieceFrom, segmentsDue);
    if (pauseMs > 0) await pause(pauseMs);
    pieceFrom = worked();
  };
}

/** Reads a block's worth at a time, which makes pieces of some 2 ms of whatever is done with it, and rests in between. */
export function restingReader(reader: Pick<JournalReader, 'read'>, rest: Rest): Pick<JournalReader, 'read'> {
  return {
    async read(partition, from, limits) {
      await rest();
      const bytesMax = Math.min(limits.bytesMax, blockBytes);
      return await reader.read(partition, from, { ...limits, bytesMax });
    },
  };
}
