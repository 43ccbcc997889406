/**
 * Drops the oldest entries from the log environment; LMDB gives their pages to what is written next, so the file stops growing.
 *
 * T1  Entries go in the order in which they were written, over all partitions: neighbours share pages, and a page whose entries all go
 *     in one write is given back without being written again. (Partition by partition it was written once per entry: 4 KB
 *     each.) Within a partition that is the order of positions, so a trim that was cut short leaves no gap behind it.
 *     So nothing goes that was written after the first entry that stays of another partition that is trimmed.
 * T2  What goes is whole index blocks, 64 entries each, and their blocks last: nothing has to remember where a log begins, the lowest
 *     block says so.
 * T3  A write takes a few hundred entries, so that an append never waits for more than that; and what goes is looked up some two thousand
 *     at a time, because the thread that does it answers clients as well (all of a minute's load at once held them up for 130 ms).
 *     Before each write it pauses: what is appended meanwhile has disk and processors to itself. Nobody waits for a trim: a round of
 *     segments within a second made one in ten transfers slower than 10 ms meanwhile, over some seconds fewer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cut } from '../journal.js';
import type { StoreClock } from '../store-clock.js';
import { failureOf, fateOf, sendUnconditional } from './condition-block.js';
import { indexKey, type LogEnvironment, logKey } from './log-environment.js';
import { blockOf, sequenceInBlock, sequencesPerBlock } from './sequence-tail.js';

const entriesPerWrite = 256;
/** Looked up in less than a ms. */
const entriesPerRound = 2_048;
/** Some 25,000 entries a second then: more than a shard writes, which fills 900 groups of up to 8 partitions a second. */
const pauseMs = 10;

interface Doomed {
  readonly sequence: number;
  readonly partition: number;
}

/**
 * Throws `StoreFailure`: `store-broken` when a write failed, `store-unreachable` when one was not flushed in time. Whether that one
 * is in need not be known: the next trim looks at what is there. `mayGoOn` is asked before each write; the rest is for the next trim.
 */
export async function trimLogs(
  environment: LogEnvironment,
  clock: StoreClock,
  cuts: readonly Cut[],
  mayGoOn: () => boolean,
): Promise<void> {
  const blocksMax = Math.max(1, Math.floor(entriesPerRound / sequencesPerBlock / Math.max(1, cuts.length)));
  const ends = cuts.map((cut) => ({ ...cut, end: endBlock(environment, cut) })).filter(({ end }) => end > 0);
  const horizon = ends.reduce((lowest, { partition, end }) => {
    const last = environment.index.getBinary(indexKey(partition, end - 1));
    return last === undefined ? lowest : Math.min(lowest, sequenceInBlock(last, sequencesPerBlock));
  }, Number.POSITIVE_INFINITY);
  for (;;) {
    const entries: Doomed[] = [];
    const blocks: Buffer[] = [];
    for (const { partition, end } of ends)
      collect(environment, { partition, end, blocksMax, horizon }, { entries, blocks });
    if (blocks.length === 0) return;
    entries.sort((left, right) => left.sequence - right.sequence);
    for (let at = 0; at < entries.length; at += entriesPerWrite) {
      await pause(pauseMs);
      if (!mayGoOn()) return;
      await write(environment, clock, () => {
        for (const { sequence, partition } of entries.slice(at, at + entriesPerWrite))
          void environment.log.remove(logKey(sequence, partition));
      });
    }
    await write(environment, clock, () => {
      for (const key of blocks) void environment.index.remove(key);
    });
  }
}

/** The first block that stays: not wholly before the cut, or the one with the last entry. */
function endBlock(environment: LogEnvironment, { partition, below }: Cut): number {
  const { head } = environment.readHead(partition);
  return blockOf(Math.max(1, Math.min(below, head.position)));
}

interface Doom {
  readonly partition: number;
  /** Block numbers below this. */
  readonly end: number;
  readonly blocksMax: number;
  /** The last commit sequence that goes. */
  readonly horizon: number;
}

/** The lowest blocks. */
function collect(
  environment: LogEnvironment,
  { partition, end, blocksMax, horizon }: Doom,
  into: { readonly entries: Doomed[]; readonly blocks: Buffer[] },
): void {
  const range = { start: indexKey(partition, 0), end: indexKey(partition, end), limit: blocksMax };
  for (const { key, value } of environment.index.getRange(range)) {
    if (sequenceInBlock(value, sequencesPerBlock) > horizon) break;
    into.blocks.push(Buffer.from(key));
    for (let position = 1; position <= sequencesPerBlock; position++)
      into.entries.push({ sequence: sequenceInBlock(value, position), partition });
  }
}

async function write(environment: LogEnvironment, clock: StoreClock, run: () => void): Promise<void> {
  const fate = await fateOf(sendUnconditional(environment.log, run), clock, () => false);
  if (fate.type === 'unknown') throw failureOf(fate, 'the log could not be trimmed');
}
