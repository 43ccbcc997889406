/**
 * The lock file of a data directory: one process at a time. Holds the pid and, where the kernel tells, when that process
 * started, so that a pid used again does not look like the old owner. Every thread of that process takes the lock for held.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { isProcessAlive, processStart, unknownStart } from '../process-life.js';
import { StoreFailure } from '../store-failure.js';

const lockName = 'LOCK';
/** Other processes that die or start while we try; more is a fault somewhere else. */
const attemptsMax = 10;
/** What this thread holds. */
const held = new Set<string>();

/** Takes the lock or throws `store-locked`, naming the pid. The returned function gives it back. */
export function lockDirectory(directory: string): () => void {
  const file = lockFile(directory);
  const content = `${process.pid} ${processStart()}\n`;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (create(file, content)) {
      held.add(file);
      return () => release(file, content);
    }
    const found = readLock(file);
    if (found === undefined) continue;
    if (isAlive(file, found)) {
      throw new StoreFailure('store-locked', `${directory} is in use by process ${found.split(' ')[0]}`);
    }
    removeStale(file, found);
  }
  throw new StoreFailure('store-locked', `the lock of ${directory} keeps changing hands`);
}

/** The pid of the living process that has the directory, as text; undefined when none has. */
export function lockHolder(directory: string): string | undefined {
  const file = lockFile(directory);
  const found = readLock(file);
  return found !== undefined && isAlive(file, found) ? found.split(' ')[0] : undefined;
}

/** True when the last owner ended without giving the lock back, and nobody has taken the directory since. */
export function wasLeftLocked(directory: string): boolean {
  const file = lockFile(directory);
  const found = readLock(file);
  return found !== undefined && !isAlive(file, found);
}

function lockFile(directory: string): string {
  return path.join(path.resolve(directory), lockName);
}

/** By a link, so that the file is never seen without its content. */
function create(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isAlive(file: string, content: string): boolean {
  const [pidText, start = unknownStart] = content.trim().split(' ');
  const pid = Number(pidText);
  // A lock with our pid may be left over from an earlier life (containers start at the same pid). Where the kernel does not tell when
  // that life began, whoever took the lock for this one knows; the other threads do not, and leave it alone.
  if (pid === process.pid && start === unknownStart) return held.has(file) || !isMainThread;
  return isProcessAlive(pid, start);
}

/** Moves the file away first: of several who saw it stale one moves it, and who moved a fresh one puts it back. */
function removeStale(file: string, content: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') !== content) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
  }
  rmSync(aside, { force: true });
}

function release(file: string, content: string): void {
  held.delete(file);
  if (readLock(file) === content) rmSync(file, { force: true });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
