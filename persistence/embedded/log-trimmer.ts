/**
 * Drops the oldest entries of a partition from the log environment, index block by index block: 64 entries and the block that lists
 * them are one block of writes. LMDB gives their pages to what is written next, so the file stops growing.
 *
 * Blocks are the unit because nothing has to remember where the log begins: the lowest block says so. A few at a time, so that an
 * append never waits for more than that.
 */
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { fateOf, sendUnconditional } from './condition-block.js';
import { indexKey, type LogEnvironment, logKey } from './log-environment.js';
import { blockOf, sequenceInBlock, sequencesPerBlock } from './sequence-tail.js';

/** 256 entries: about a ms of LMDB's writer. */
const blocksPerWrite = 4;

/** Throws `StoreFailure` `store-broken` when a write failed. */
export async function trimLog(
  environment: LogEnvironment,
  clock: StoreClock,
  partition: number,
  below: number,
): Promise<void> {
  const { head } = environment.readHead(partition);
  // Blocks that lie wholly before `below`, and never the one with the last entry.
  const end = blockOf(Math.max(1, Math.min(below, head.position)));
  for (;;) {
    environment.root.resetReadTxn();
    const range = { start: indexKey(partition, 0), end: indexKey(partition, end), limit: blocksPerWrite };
    const blocks = [...environment.index.getRange(range)];
    if (blocks.length === 0) return;
    const write = sendUnconditional(environment.log, () => {
      for (const { key, value } of blocks) {
        for (let position = 1; position <= sequencesPerBlock; position++)
          void environment.log.remove(logKey(sequenceInBlock(value, position), partition));
        void environment.index.remove(key);
      }
    });
    const fate = await fateOf(write, clock, () => false);
    if (fate.type !== 'unknown') continue;
    const { cause } = fate;
    throw new StoreFailure('store-broken', `partition ${partition} could not be trimmed`, { cause });
  }
}
