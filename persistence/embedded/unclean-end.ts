/**
 * A directory whose owner was killed, or lost its power, before it is looked into: LMDB's readers take the newest version, flushed or
 * not, and pages of what was not flushed may be missing.
 *
 * LMDB gives up what was not flushed only for who opens it alone: not while a tool still has it open. After a mere kill that is as
 * well, because the machine has all that was written; after a write that failed it is not, and the owner leaves a note of that.
 */
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { RootDatabase } from 'lmdb';
import { errorCode } from '../../actors/model/error-code.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { aheadFilesIn } from './ahead-file.js';
import { settleAheadFiles } from './ahead-recovery.js';
import { Claims } from './claims.js';
import { lockDirectory, lockHolder, wasLeftLocked } from './directory-lock.js';
import { LogEnvironment, openEnvironment } from './log-environment.js';
import { StoreDocuments } from './store-documents.js';

/** One of the names that are not copied, as all that begin like the lock. */
const noteName = 'LOCK.write-failed';

export function noteFailedWrite(directory: string): void {
  try {
    closeSync(openSync(path.join(directory, noteName), 'a'));
  } catch {
    // A disk that takes no name takes no lock either: the next owner is refused until it does.
  }
}

/**
 * For an owner that has just opened the environments. Throws `store-locked`, naming the process, when a write had failed and somebody
 * was still looking, so that LMDB gave nothing up; then they are closed.
 */
export async function assertGivenUp(directory: string, roots: readonly RootDatabase[]): Promise<void> {
  const note = path.join(directory, noteName);
  if (!existsSync(note)) return;
  const others = roots.flatMap(otherReaders);
  if (others.length === 0) return rmSync(note, { force: true });
  for (const root of roots) await root.close();
  throw new StoreFailure(
    'store-locked',
    `${directory}: a write failed before its server ended, and process ${others[0]} still looks into it: it must end first`,
  );
}

/** From LMDB's table: a line of words, then one per reader that begins with its pid; dead ones are cleared at every opening. */
function otherReaders(root: RootDatabase): string[] {
  const pids = root.readerList().match(/^ *\d+(?= )/gm) ?? [];
  return pids.map((pid) => pid.trim()).filter((pid) => pid !== String(process.pid));
}

/**
 * Gives up what was not flushed, and takes in what was written ahead, as the next owner would. Does nothing while somebody has the
 * directory, or after a clean end.
 */
export async function settleUncleanEnd(
  directory: string,
  partitionCount: number,
  clock: StoreClock,
): Promise<void> {
  const isLeft = aheadFilesIn(directory).length > 0 && lockHolder(directory) === undefined;
  if (!isLeft && !wasLeftLocked(directory) && !existsSync(path.join(directory, noteName))) return;
  let unlock: () => void;
  try {
    unlock = await lockDirectory(directory);
  } catch (error) {
    // An owner came in between and has done it; on a medium that takes no writes nobody can.
    if (error instanceof StoreFailure || isReadOnly(error)) return;
    throw error;
  }
  try {
    const log = new LogEnvironment(path.join(directory, 'log'), 'disk');
    const roots = [log.root, openEnvironment(path.join(directory, 'tables'), 'disk')];
    await assertGivenUp(directory, roots);
    try {
      await new StoreDocuments(log, clock).create();
      const claims = new Claims(log, clock);
      await settleAheadFiles(directory, { environment: log, claims, clock, partitionCount });
    } finally {
      for (const root of roots) await root.close();
    }
  } finally {
    unlock();
  }
}

function isReadOnly(error: unknown): boolean {
  return errorCode(error) === 'EROFS' || errorCode(error) === 'EACCES';
}
