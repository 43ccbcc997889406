/**
 * `troupe journal verify`: walks the hash chain of every partition, several ranges at a time on threads of their own, and compares
 * its end with the head and the checkpoint of the tables.
 *
 * V1  Sound means: every position from the first to the head holds an entry that names the one before it, and the tables were
 *     made from this very log.
 * V2  Every damage is named with partition and position.
 */
import { sameHash } from '../../persistence/entry.js';
import { firstPosition } from '../../persistence/first-position.js';
import type { Head } from '../../persistence/journal.js';
import type { StoreAddress } from '../../persistence/open-store.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import type { Checkpoint } from '../../persistence/tables.js';
import {
  type Damage,
  headDamage,
  joinDamage,
  type RangeFindings,
  startDamage,
  verifyRange,
} from '../../persistence/verify.js';
import type { Offload } from '../../runtime/offload.js';
import { bytesText, countText, type Progress } from './output.js';
import { type VerifyTask, verifyTask } from './verify-task.js';

export interface PartitionFindings {
  readonly partition: number;
  /** Where the log begins by now; 1 unless older entries were dropped. */
  readonly first: number;
  readonly head: number;
  readonly entries: number;
  readonly bytes: number;
  readonly damages: readonly Damage[];
}

/** About 10 MB under load: enough for a thread to be worth asking, little enough for progress to move. */
const entriesPerTask = 8_192;
/** Enough for every thread to have its next one, far from what the pool lets wait (`offload.ts`, U1). */
export const tasksUnderWayMax = 128;

type Verified = Pick<StoreReader, 'journal' | 'tables' | 'partitionCount' | 'heads'>;

export async function verifyJournal(
  reader: Verified,
  address: StoreAddress,
  offload: Offload,
  options: { readonly partition?: number; readonly progress: Progress },
): Promise<PartitionFindings[]> {
  // Checkpoints first: a running owner moves both, and a checkpoint must not be younger than its head.
  const partitions = partitionsOf(reader, options.partition);
  const checkpoints = await Promise.all(partitions.map((partition) => reader.tables.checkpoint(partition)));
  const heads = await reader.heads();
  const plans: Plan[] = [];
  for (const partition of partitions) {
    const head = heads[partition] as Head;
    plans.push({ partition, head, first: await firstPosition(reader.journal, partition) });
  }
  const total = plans.reduce((sum, { first, head }) => sum + head.position - first + 1, 0);
  let done = 0;
  const check = async (task: VerifyTask): Promise<RangeFindings> => {
    const findings = await offload.run<RangeFindings>(verifyTask, task);
    done += findings.entryCount;
    const percent = Math.floor((done / Math.max(1, total)) * 100);
    options.progress.show(() => `verify: ${countText(done)} of ${countText(total)} entries, ${percent} %`);
    return findings;
  };
  const checked = plans.map((): RangeFindings[] => []);
  const tasks = tasksOf(plans);
  const lane = async (): Promise<void> => {
    for (const { plan, range, index } of tasks)
      (checked[plan] as RangeFindings[])[index] = await check({ address, ...range });
  };
  await Promise.all(Array.from({ length: tasksUnderWayMax }, lane));
  const found = await Promise.all(
    plans.map(async (plan, index): Promise<PartitionFindings> => {
      const ranges = checked[index] as RangeFindings[];
      const checkpoint = checkpoints[index];
      const damages = [...damagesOf(plan, ranges), ...(await checkpointDamage(reader, plan, checkpoint))];
      const entries = ranges.reduce((sum, { entryCount }) => sum + entryCount, 0);
      const bytes = ranges.reduce((sum, { byteCount }) => sum + byteCount, 0);
      const { partition, first, head } = plan;
      return { partition, first, head: head.position, entries, bytes, damages };
    }),
  );
  options.progress.end();
  return found;
}

export function findingsText({ partition, first, head, entries, bytes, damages }: PartitionFindings): string {
  const name = `partition ${String(partition).padStart(3)}`;
  const size = `${countText(entries)} entries, ${bytesText(bytes)}`;
  const range = head === 0 ? 'empty' : `positions ${countText(first)} to ${countText(head)}, ${size}`;
  if (damages.length === 0) return `${name}: ${range}, sound`;
  const lines = damages.map(({ position, kind, detail }) => `  position ${position}: ${kind}: ${detail}`);
  return [`${name}: ${range}, DAMAGED`, ...lines].join('\n');
}

interface Plan {
  readonly partition: number;
  readonly first: number;
  readonly head: Head;
}

function partitionsOf({ partitionCount }: Verified, partition: number | undefined): number[] {
  if (partition === undefined) return Array.from({ length: partitionCount }, (_, index) => index);
  if (partition < partitionCount) return [partition];
  throw new RangeError(`--partition: the store has partitions 0 to ${partitionCount - 1}, not ${partition}`);
}

type Range = Omit<VerifyTask, 'address'>;

/** One after the other, for whoever takes the next. */
function* tasksOf(
  plans: readonly Plan[],
): Generator<{ readonly plan: number; readonly index: number; readonly range: Range }> {
  for (const [plan, { partition, first, head }] of plans.entries()) {
    let index = 0;
    for (let from = first; from <= head.position; from += entriesPerTask) {
      const to = Math.min(head.position, from + entriesPerTask - 1);
      yield { plan, index: index++, range: { partition, from, to } };
    }
  }
}

function damagesOf({ first, head }: Plan, ranges: readonly RangeFindings[]): Damage[] {
  const damages: Damage[] = [];
  for (const [index, range] of ranges.entries()) {
    const before = ranges[index - 1];
    if (before !== undefined) damages.push(...joinDamage(before, range));
    else if (first === 1) damages.push(...startDamage(range));
    damages.push(...range.damages);
  }
  const last = ranges.at(-1);
  if (last !== undefined) damages.push(...headDamage(last, head));
  return damages;
}

/** The tables must have been made from this log: the entry at their checkpoint is the one they name. */
async function checkpointDamage(
  { journal }: Verified,
  { partition, first, head }: Plan,
  checkpoint: Checkpoint | undefined,
): Promise<Damage[]> {
  if (checkpoint === undefined || checkpoint.position < first) return [];
  const { position } = checkpoint;
  const damage = (detail: string): Damage[] => [{ partition, position, kind: 'head', detail }];
  if (position > head.position)
    return damage(`the tables know this position, the log ends at ${head.position}`);
  const { lastHash } = await verifyRange(journal, partition, { from: position, to: position });
  if (lastHash === undefined || sameHash(lastHash, checkpoint.hash)) return [];
  return damage('the tables were made from another entry');
}
