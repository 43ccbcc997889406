/**
 * How fast a segment is packed: piece by piece, with a pause after each, so that those who serve find a processor in between. Packing
 * has time as long as the log grows slower than it packs; the further it is behind, the shorter it pauses.
 *
 *     segments' worth in the log    up to 1.5     2.25         3 to 4                    4 and more
 *     share of one core             a fifth       a third      what nobody else wants    all it gets
 *     niceness                      12            19, from 2   19                        5
 *
 * A server that is always busy leaves a sixth of its processors idle, in pieces. With niceness 12 up to 3 and then 5, the packer left those
 * unused until it had to catch up at the server's cost: 11.5k to 11.7k transfers/s in a minute on Redis, without 12.4k. Without pauses from
 * 2 on, requests at half load waited behind each such segment: transfers at 7,500/s, embedded, p99 30 and 33 ms, now 15.
 */
import type { JournalReader } from '../store-reader.js';
import { blockBytes } from './journal-file-writer.js';

/** Called before each piece of work. */
export type Rest = () => Promise<void>;

export const noRest: Rest = async () => {};

/** With a pause of four times what a piece took, a fifth of one core is taken. */
const pausePerWork = 4;
const behindFrom = 1.5;
const nicestFrom = 2;
/** No pauses from here on. */
const pauselessFrom = 3;
const farBehindFrom = 4;
/** A piece that a busy machine drew out is no reason to wait as long again. */
export const pauseMsMax = 50;

/** After a piece of `workedMs`; `segmentsDue` is what the log holds that could be packed, in segments. */
export function pauseAfter(workedMs: number, segmentsDue: number): number {
  const ease = (pauselessFrom - segmentsDue) / (pauselessFrom - behindFrom);
  return Math.min(pauseMsMax, workedMs * pausePerWork * Math.min(1, Math.max(0, ease)));
}

/**
 * Priority of the thread that packs, as `nice` counts. While it keeps up, those who serve take its place whenever they wake (at 5 their
 * requests' p99 was a fifth higher, at 19 no better); without pauses it takes what they leave; far behind, enough to catch up
 * beside a server that is always busy.
 */
export function nicenessFor(segmentsDue: number): number {
  if (segmentsDue < nicestFrom) return 12;
  return segmentsDue < farBehindFrom ? 19 : 5;
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
