/**
 * The lock file of a data directory: one process at a time. Holds the pid and, where the kernel tells, when that process
 * started, so that a pid used again does not look like the old owner. Every thread of that process takes the lock for held.
 *
 * L1  A holder in another container (another namespace of pids, of this boot) cannot be looked for. It lives while it touches the
 *     file, which every holder does all the time; an owner that comes waits until it has, or has been silent for long.
 * L2  Only an owner ends such a lock: a tool cannot tell a paused container from a dead one.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimes, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { errorCode } from '../../actors/model/error-code.js';
import {
  isOfThisBoot,
  isProcessAlive,
  processNamespace,
  processStart,
  unknownStart,
} from '../process-life.js';
import { StoreFailure } from '../store-failure.js';

const lockName = 'LOCK';
/** Other processes that die or start while we try; more is a fault somewhere else. */
const attemptsMax = 10;
const touchEveryMs = 500;
/** Longer than a main thread is busy, shorter than a restart in a new container should wait. The epochs fence who sleeps longer. */
const silenceMs = 3_000;
const pollMs = 100;
const never = Number.NEGATIVE_INFINITY;
/** What this thread holds. */
const held = new Set<string>();

/** Takes the lock or rejects with `store-locked`, naming the pid. The returned function gives it back. */
export async function lockDirectory(directory: string): Promise<() => void> {
  const file = lockFile(directory);
  const content = `${process.pid} ${processStart()} ${processNamespace()}\n`;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (create(file, content)) {
      held.add(file);
      const touching = setInterval(() => touch(file), touchEveryMs).unref();
      return () => {
        clearInterval(touching);
        release(file, content);
      };
    }
    const found = readLock(file);
    if (found === undefined) continue;
    if (isElsewhere(found) ? await isTouched(file) : isAlive(file, found)) {
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
  if (found === undefined) return undefined;
  const isHeld = isElsewhere(found) ? silentMs(file) < silenceMs : isAlive(file, found);
  return isHeld ? found.split(' ')[0] : undefined;
}

/** True when the last owner ended without giving the lock back, and nobody has taken the directory since. */
export function wasLeftLocked(directory: string): boolean {
  const file = lockFile(directory);
  const found = readLock(file);
  return found !== undefined && !isElsewhere(found) && !isAlive(file, found);
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
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of this boot and another namespace (L1). Locks of earlier versions name none. */
function isElsewhere(content: string): boolean {
  const [, start = unknownStart, namespace] = content.trim().split(' ');
  return namespace !== undefined && namespace !== processNamespace() && isOfThisBoot(start);
}

/** True at the first touch that is seen; false when the file is gone, or was not touched for long. */
async function isTouched(file: string): Promise<boolean> {
  const first = touchedAt(file);
  for (let polls = 0; polls < silenceMs / pollMs && silentMs(file) < silenceMs; polls++) {
    await pause(pollMs);
    const last = touchedAt(file);
    if (last !== first) return last !== never;
  }
  return false;
}

function silentMs(file: string): number {
  return Date.now() - touchedAt(file);
}

/** By the machine's clock, which its containers share; `never` when there is no file. */
function touchedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? never;
}

function touch(file: string): void {
  const now = new Date();
  // A touch that fails is silence.
  utimes(file, now, now, () => {});
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
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') !== content) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
  rmSync(aside, { force: true });
}

function release(file: string, content: string): void {
  held.delete(file);
  if (readLock(file) === content) rmSync(file, { force: true });
}
