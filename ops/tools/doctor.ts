/**
 * `troupe doctor`: what a store looks like from outside, what is wrong with it, and what a person should do.
 *
 * D1  It looks only, at little of each partition, and takes seconds on any store; `journal verify` reads everything.
 * D2  Every finding says what to do.
 */
import type { Archive } from '../../persistence/archive/archive.js';
import { whyNotFollowing } from '../../persistence/archive/archive-segment.js';
import { hashEntry, sameHash } from '../../persistence/entry.js';
import { firstPosition } from '../../persistence/first-position.js';
import type { EntryHash, Head } from '../../persistence/journal.js';
import { isGap } from '../../persistence/journal-gap.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import { defaultLimits } from '../../runtime/limits.js';
import { bytesText, countText } from './output.js';

export interface Finding {
  /** `damage`: what is there is not what was written; `warning`: it works, and will not for ever. */
  readonly severity: 'damage' | 'warning';
  readonly what: string;
  readonly advice: string;
}

export interface PartitionState {
  readonly partition: number;
  readonly epoch: number;
  /** Lowest position that can be read, in the log or in the archive. */
  readonly first: number;
  /** Last position in the archive; 0 when nothing is. */
  readonly archived: number;
  readonly head: number;
  readonly checkpoint: number;
  /** Entries that the tables lack: what a start has to replay. */
  readonly lag: number;
}

export interface Diagnosis {
  readonly store: string;
  /** Who has it; null when nobody. */
  readonly owner: string | null;
  readonly free_bytes: number;
  readonly bytes: Readonly<Record<string, number>>;
  readonly partitions: readonly PartitionState[];
  readonly findings: readonly Finding[];
}

export async function diagnose(reader: StoreReader, archive: Archive): Promise<Diagnosis> {
  const findings: Finding[] = [];
  const owner = await reader.owner();
  const numbers = Array.from({ length: reader.partitionCount }, (_, partition) => partition);
  // Before the heads: a running owner moves both, and a checkpoint must not be younger than its head.
  const checkpoints = await Promise.all(numbers.map((partition) => reader.tables.checkpoint(partition)));
  const heads = await reader.heads();
  const partitions: PartitionState[] = [];
  for (const partition of numbers) {
    const head = heads[partition] as Head;
    const checkpoint = checkpoints[partition] as Head;
    const first = await firstPosition(reader.journal, partition);
    const epoch = (await reader.observe(partition))?.epoch ?? 0;
    const lag = Math.max(0, head.position - checkpoint.position);
    const archived = archive.end(partition);
    const place = { partition, epoch, first, archived, head: head.position };
    partitions.push({ ...place, checkpoint: checkpoint.position, lag });
    findings.push(...(await endFindings(reader, partition, head)));
    findings.push(...(await checkpointFindings(reader, partition, { head, checkpoint, first })));
    findings.push(...(await archiveFindings(reader, archive, partition)));
  }
  const lag = partitions.reduce((sum, each) => sum + each.lag, 0);
  if (lag > defaultLimits.tableLagEntriesMax / 2) findings.push(lagFinding(lag));
  const space = await reader.space();
  if (!space.acceptsWrites) findings.push(spaceFinding(space.freeBytes));
  return {
    store: reader.description,
    owner: owner ?? null,
    free_bytes: space.freeBytes,
    bytes: await reader.sizes(),
    partitions,
    findings,
  };
}

export function isDamaged({ findings }: Diagnosis): boolean {
  return findings.some(({ severity }) => severity === 'damage');
}

export function diagnosisText(diagnosis: Diagnosis): string {
  const { store, owner, free_bytes, bytes, partitions, findings } = diagnosis;
  const sizes = Object.entries(bytes).map(([name, size]) => `${name} ${bytesText(size)}`);
  const lines = [
    `store       ${store}`,
    `owner       ${owner ?? 'nobody: stopped'}`,
    `size        ${sizes.join(', ')}; ${bytesText(free_bytes)} free`,
    '',
    'partition  epoch       from     archived         head   checkpoint      lag',
    ...partitions.map(({ partition, epoch, first, archived, head, checkpoint, lag }) =>
      [
        String(partition).padStart(9),
        String(epoch).padStart(6),
        countText(first).padStart(10),
        countText(archived).padStart(12),
        countText(head).padStart(12),
        countText(checkpoint).padStart(12),
        countText(lag).padStart(8),
      ].join(' '),
    ),
    '',
  ];
  if (findings.length === 0)
    lines.push('Nothing is wrong with what was looked at. `troupe journal verify` reads all of it.');
  for (const { severity, what, advice } of findings) lines.push(`${severity}: ${what}`, `  ${advice}`);
  return lines.join('\n');
}

const restore =
  'Do not start it. Look with `troupe journal verify`; restore the newest backup, or export what is sound and import it into a new store.';

async function endFindings(reader: StoreReader, partition: number, head: Head): Promise<Finding[]> {
  if (head.position === 0) return [];
  const found = await hashAt(reader, partition, head.position);
  if (found !== undefined && sameHash(found, head.hash)) return [];
  const what =
    found === undefined
      ? `partition ${partition}: the entry at its head, ${head.position}, is not there`
      : `partition ${partition}: the entry at its head, ${head.position}, is not the one that was written`;
  return [{ severity: 'damage', what, advice: restore }];
}

async function checkpointFindings(
  reader: StoreReader,
  partition: number,
  at: { readonly head: Head; readonly checkpoint: Head; readonly first: number },
): Promise<Finding[]> {
  const { position, hash } = at.checkpoint;
  if (position > at.head.position) {
    const what = `partition ${partition}: its tables know position ${position}, its log ends at ${at.head.position}: the log is an older one`;
    return [{ severity: 'damage', what, advice: wentBack }];
  }
  if (position < at.first) return [];
  const found = await hashAt(reader, partition, position);
  if (found === undefined || sameHash(found, hash)) return [];
  const what = `partition ${partition}: its tables were made from another entry at ${position} than its log holds`;
  return [{ severity: 'damage', what, advice: wentBack }];
}

const wentBack =
  'What was acknowledged after that point is missing. Bring the newer log back if there is one; otherwise the loss must be accepted by a person.';

async function archiveFindings(reader: StoreReader, archive: Archive, partition: number): Promise<Finding[]> {
  const why = await whyNotFollowing(reader.journal, archive, partition).catch(messageOf);
  if (why === undefined) return [];
  const advice =
    'Nothing is archived or trimmed meanwhile. Give the store its own archive (--archive-directory), or move this one away if it is not wanted.';
  return [{ severity: 'warning', what: why, advice }];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lagFinding(lag: number): Finding {
  return {
    severity: 'warning',
    what: `the tables lag ${countText(lag)} entries behind the log`,
    advice:
      'A start replays them first; a running server that stays there refuses commands at 250,000. Look at its disk and its CPU.',
  };
}

function spaceFinding(freeBytes: number): Finding {
  return {
    severity: 'warning',
    what: `too little space: ${bytesText(freeBytes)} free; new commands are refused`,
    advice:
      'Make room for it, or enlarge the disk or memory. The archive must stay: histories are read from it.',
  };
}

/** Undefined when nothing can be read there. */
async function hashAt(
  reader: StoreReader,
  partition: number,
  position: number,
): Promise<EntryHash | undefined> {
  try {
    const [entry] = await reader.journal.read(partition, position, { entriesMax: 1, bytesMax: 1 });
    return entry === undefined ? undefined : hashEntry(entry.bytes);
  } catch (error) {
    if (isGap(error)) return undefined;
    throw error;
  }
}
