/**
 * A directory whose owner was killed, or lost its power, before it is looked into: LMDB's readers take the newest version, flushed or
 * not, and pages of what was not flushed may be missing.
 */
import path from 'node:path';
import { StoreFailure } from '../store-failure.js';
import { lockDirectory, wasLeftLocked } from './directory-lock.js';
import { openEnvironment } from './log-environment.js';

/** Gives up what was not flushed, as the next owner would. Does nothing while somebody has the directory, or after a clean end. */
export async function settleUncleanEnd(directory: string): Promise<void> {
  if (!wasLeftLocked(directory)) return;
  let unlock: () => void;
  try {
    unlock = lockDirectory(directory);
  } catch (error) {
    // An owner came in between and has done it; on a medium that takes no writes nobody can.
    if (error instanceof StoreFailure || isReadOnly(error)) return;
    throw error;
  }
  try {
    for (const folder of ['log', 'tables'])
      await openEnvironment(path.join(directory, folder), 'disk').close();
  } finally {
    unlock();
  }
}

function isReadOnly(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EROFS' || error.code === 'EACCES');
}
