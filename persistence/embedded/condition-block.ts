/**
 * The one way in which this driver writes: a block of writes that LMDB executes only if every condition holds, encoded in
 * one synchronous stretch, and the wait until its fate is known. Never `transaction(callback)`: its writer holds LMDB's lock
 * while it waits for JavaScript.
 *
 * B1  A condition is "the record under this key has exactly this version". Conditions are nested and the writes stand in
 *     the innermost block, so a condition that fails anywhere leaves nothing written.
 * B2  Blocks of one thread are executed in the order in which they were encoded.
 *
 * lmdb-js: a block's promise resolves after the flush, sometimes one flush late; its `flushed` resolves at the flush that
 * covers it, but stays open for ever when that fails; then the promise rejects. Data of a failed flush stay visible, so
 * a rejection says nothing about them. And when only the note that a flush is done cannot be written, LMDB says that all is
 * well, and gives the transaction up at the next opening; but from then on it gives no view either.
 */
import type { Database } from 'lmdb';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { renewView } from './fresh-view.js';

/** Records with a version number, by a small number: mostly a partition. */
export type VersionedRecords = Database<Buffer, number>;

export interface Condition {
  readonly key: number;
  readonly version: number;
}

export interface SentBlock {
  /** True when every condition held, after the flush; rejects when the transaction failed. */
  readonly held: Promise<boolean>;
  /** Resolves at the flush of the transaction that executed the block, whether its conditions held or not; or never. */
  readonly flushed: Promise<unknown>;
  /** Takes a fresh view. Throws once the environment is beyond use: then nothing that it says to have flushed is certain. */
  readonly look: () => void;
}

export type BlockFate =
  | { readonly type: 'durable' }
  | { readonly type: 'unmet' }
  /** `isLate`: nothing is known to have failed; it has not been flushed in time. */
  | { readonly type: 'unknown'; readonly cause: unknown; readonly isLate?: true };

/** A slow disk flushes in tens of ms; a flush that takes longer than this is a store that cannot be asked. */
export const flushDeadlineMs = 5_000;

/** Sends `write`'s puts and removes under the conditions; at least one. `write` must not throw: its part would be executed. */
export function sendBlock(
  records: VersionedRecords,
  conditions: readonly Condition[],
  write: () => void,
): SentBlock {
  let held: Promise<boolean> | undefined;
  const enter = (depth: number): Promise<boolean> | undefined => {
    const condition = conditions[depth];
    if (condition === undefined) {
      write();
      return undefined;
    }
    const block = records.ifVersion(condition.key, condition.version, () => {
      void enter(depth + 1);
    });
    if (depth === conditions.length - 1) held = block;
    // The innermost promise tells all: it is false when any condition failed and rejects with the transaction.
    else block.catch(ignore);
    return block;
  };
  const outermost = enter(0);
  if (held === undefined || outermost === undefined)
    throw new RangeError('a block has at least one condition');
  // Only the outermost block is bound to a transaction when lmdb-js hands out its `flushed`: an inner one may hold the flush of
  // the transaction before (test: no acknowledgement before the flush that covers it). The declarations leave `flushed`
  // out; it is there because the environments are opened with `separateFlushed`.
  const { flushed } = outermost as Promise<boolean> & { readonly flushed: Promise<unknown> };
  const [first] = conditions;
  return { held, flushed, look: () => renewView(records, first?.key ?? 0) };
}

/** Sends `write`'s puts and removes whatever else has changed, as one block. `write` must not throw. */
export function sendUnconditional(records: Database<Buffer, Buffer>, write: () => void): SentBlock {
  const held = records.batch(write) as Promise<boolean> & { readonly flushed: Promise<unknown> };
  return { held, flushed: held.flushed, look: () => renewView(records, Buffer.of(0)) };
}

/**
 * Waits until a block is known to be in and flushed, not in, or beyond knowing. `isIn` looks, after the flush, whether it was
 * executed, and takes a fresh view for it; it may answer false when it cannot tell, then the block's own promise decides.
 */
export function fateOf(block: SentBlock, clock: StoreClock, isIn: () => boolean): Promise<BlockFate> {
  return new Promise((resolve) => {
    const cancel = clock.after(flushDeadlineMs, () => {
      settle(lateFlush());
    });
    let isSettled = false;
    const settle = (fate: BlockFate): void => {
      isSettled = true;
      cancel();
      resolve(fate);
    };
    // Once settled the store may be closed, and there is nothing to look at.
    block.flushed.then(() => {
      if (isSettled) return;
      try {
        if (isIn()) settle({ type: 'durable' });
      } catch (cause) {
        settle(brokenBy(cause));
      }
    }, ignore);
    block.held.then(
      (held) => {
        if (isSettled) return;
        try {
          block.look();
          settle({ type: held ? 'durable' : 'unmet' });
        } catch (cause) {
          settle(brokenBy(cause));
        }
      },
      (error: unknown) => {
        causeOf(error).then((cause) => settle({ type: 'unknown', cause }), ignore);
      },
    );
  });
}

/** For a caller that has no answer for an open outcome: `store-unreachable` when the write is only late, else `store-broken`. */
export function failureOf(
  { cause, isLate }: BlockFate & { readonly type: 'unknown' },
  message: string,
): StoreFailure {
  return new StoreFailure(isLate === true ? 'store-unreachable' : 'store-broken', message, { cause });
}

/** Waits for a flush of what is in already. */
export function fateOfFlush(flushed: Promise<void>, clock: StoreClock): Promise<BlockFate> {
  return new Promise((resolve) => {
    const cancel = clock.after(flushDeadlineMs, () => resolve(lateFlush()));
    flushed
      .then(
        () => resolve({ type: 'durable' }),
        (cause: unknown) => resolve({ type: 'unknown', cause }),
      )
      .finally(cancel);
  });
}

function lateFlush(): BlockFate {
  const cause = new StoreFailure('store-broken', `no flush within ${flushDeadlineMs} ms`);
  return { type: 'unknown', cause, isLate: true };
}

/** No view can be had: whether the flush was noted is not known. */
function brokenBy(cause: unknown): BlockFate {
  const error = new StoreFailure('store-broken', 'the store could not note its flush', { cause });
  return { type: 'unknown', cause: error };
}

/** lmdb-js keeps the real error in a promise of its own, which rejects unhandled unless somebody listens. */
async function causeOf(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return new StoreFailure('store-broken', 'the store could not write', { cause });
  }
}

function ignore(): void {}
