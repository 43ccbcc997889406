/**
 * `troupe journal export`: the whole journal of a store in one file that any store can be made of again.
 *
 *     header   { content: 'export', partitions, catalogue, exported_at }      then every entry, partition by partition
 *
 * E1  The file holds the logs as they stood at one moment, archived entries included, from position 1. Tables are not in it: they
 *     are made of the logs.
 * E2  It is whole and flushed when it has its name, which it never takes from another; until then it is `FILE.PID.part`.
 */
import { closeSync, existsSync, linkSync, openSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../actors/model/error-code.js';
import { machineGround } from '../../persistence/archive/archive-ground.js';
import { JournalFileWriter, partSuffix } from '../../persistence/archive/journal-file-writer.js';
import { firstPosition } from '../../persistence/first-position.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import { countText, type Progress } from './output.js';

/** What stands in the header of the file. */
export interface ExportHeader {
  readonly content: 'export';
  readonly partitions: number;
  /** The schema catalogue, which gives the numbers in the entries their meaning; JSON, as the store keeps it. */
  readonly catalogue: string | null;
  /** RFC 3339. */
  readonly exported_at: string;
}

export interface ExportFacts {
  readonly file: string;
  readonly partitions: number;
  readonly entries: number;
  /** Of entries, before compression. */
  readonly bytes: number;
}

const page = { entriesMax: 1_024, bytesMax: 4 * 1024 * 1024 };

/** Throws `RangeError` when the file is there already, or a log does not begin at 1 any more. */
export async function exportJournal(
  reader: StoreReader,
  target: string,
  progress: Progress,
): Promise<ExportFacts> {
  const file = path.resolve(target);
  if (existsSync(file)) throw thereAlready(file);
  const heads = await reader.heads();
  for (const partition of heads.keys()) await assertWhole(reader, partition);
  const manifest = await reader.readManifest();
  const header: ExportHeader = {
    content: 'export',
    partitions: heads.length,
    catalogue: manifest === undefined ? null : Buffer.from(manifest).toString('utf8'),
    exported_at: new Date().toISOString(),
  };
  const total = heads.reduce((sum, { position }) => sum + position, 0);
  let entries = 0;
  const part = `${file}.${process.pid}${partSuffix}`;
  const writer = new JournalFileWriter(part, header);
  try {
    for (const [partition, { position: head }] of heads.entries()) {
      for (let position = 1; position <= head; ) {
        const some = await reader.journal.read(partition, position, page);
        const wanted = some.slice(0, head - position + 1);
        if (wanted.length === 0)
          throw new Error(`partition ${partition} has lost its end, from ${position} on`);
        for (const entry of wanted) writer.add(partition, entry);
        position += wanted.length;
        entries += wanted.length;
        progress.show(() => `export: ${countText(entries)} of ${countText(total)} entries`);
      }
    }
    const ranges = writer.finish();
    nameIt(part, file);
    const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0);
    return { file, partitions: heads.length, entries, bytes };
  } catch (error) {
    writer.abandon();
    throw error;
  } finally {
    progress.end();
  }
}

/** Durably, and not over what has come to be there meanwhile. */
function nameIt(part: string, file: string): void {
  try {
    linkSync(part, file);
    machineGround.remove(part);
  } catch (error) {
    const code = String(errorCode(error) ?? '');
    if (code === 'EEXIST') throw thereAlready(file);
    if (!withoutLinks.has(code)) throw error;
    // An empty file keeps the name until it is that of the whole one.
    closeSync(openSync(file, 'wx'));
    machineGround.rename(part, file);
  }
  machineGround.flushFolder(path.dirname(file));
}

/** How file systems say that they have no links: those of sticks and of some network shares. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

function thereAlready(file: string): RangeError {
  return new RangeError(`${file} is there already`);
}

async function assertWhole({ journal }: StoreReader, partition: number): Promise<void> {
  const first = await firstPosition(journal, partition);
  if (first === 1) return;
  throw new RangeError(
    `partition ${partition} begins at ${first}: what was before it is in an archive that is not here (--archive-directory)`,
  );
}
