/**
 * `troupe backup` of a store in Redis: its whole journal in one file, with the keys of the data directory beside it.
 *
 *     keys ─▸ journal.export ─▸ read again and checked
 *
 * X1  `journal.export` gets its name when it is whole and flushed, after everything else: a backup without it is none.
 * X2  Whatever fails, the directory is taken away again.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import type { Config } from '../settings.js';
import { exportJournal } from './journal-export.js';
import { checkExport } from './journal-import.js';
import { withReader } from './opened-journal.js';
import type { Progress } from './output.js';

export const exportName = 'journal.export';

/** Resolves to the number of entries, all of them checked. Throws `RangeError` where the directory holds something. */
export async function backUpByExport(config: Config, directory: string, progress: Progress): Promise<number> {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new RangeError(`${directory} is not empty; a backup needs a directory of its own`);
  // Before anything is made: most mistakes show here.
  return await withReader(config, async (reader) => {
    mkdirSync(directory, { recursive: true });
    try {
      copyKeys(config.dataDirectory, directory);
      const file = path.join(directory, exportName);
      await exportJournal(reader, file, progress);
      const { entryCount } = await checkExport(file, progress);
      return entryCount;
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  });
}

/** Without them repeats of old requests, and tokens, would not be recognised. */
function copyKeys(from: string, to: string): void {
  const names = existsSync(from) ? readdirSync(from).filter((name) => name.endsWith('.key')) : [];
  for (const name of names) {
    copyFileSync(path.join(from, name), path.join(to, name));
    const copied = openSync(path.join(to, name), 'r');
    fsyncSync(copied);
    closeSync(copied);
  }
}
