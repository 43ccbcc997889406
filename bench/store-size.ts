/**
 * What a store takes on the disk: the blocks of its files, not their lengths, which LMDB sets far ahead.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

export interface StoreSize {
  readonly logBytes: number;
  readonly tablesBytes: number;
}

const blockBytes = 512;

/** Of an embedded store; undefined when there is none in the directory. */
export function storeSize(dataDirectory: string): StoreSize | undefined {
  const logBytes = folderBytes(path.join(dataDirectory, 'log'));
  const tablesBytes = folderBytes(path.join(dataDirectory, 'tables'));
  return logBytes === 0 ? undefined : { logBytes, tablesBytes };
}

function folderBytes(folder: string): number {
  try {
    return readdirSync(folder).reduce(
      (sum, name) => sum + statSync(path.join(folder, name)).blocks * blockBytes,
      0,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
