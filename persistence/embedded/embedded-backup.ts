/**
 * A consistent copy of an embedded store, taken beside its owner.
 *
 *     tables/ ─▸ log/ ─▸ archive/ ─▸ keys and other small files ─▸ manifest.json
 *
 * K1  LMDB copies one version of an environment. The tables come first: they were made from entries that LMDB's log had by then, so
 *     the log copied after them holds these; what was dropped from the log meanwhile stood in the archive before. What had been
 *     written ahead by then is waited for: a backup has what was acknowledged before it began.
 * K2  The manifest is written last and everything is flushed before it; until then a manifest stands there that no program opens. A
 *     copy that was cut short is no store.
 * K3  The version that was copied is the newest, and in the copy it becomes the flushed one as well. The one that was flushed when the
 *     copy began is named in it too, but its pages were free to be written over meanwhile; and a server that opens the copy would go
 *     back to it, as after a crash.
 * K4  The archive comes whole, wherever it is kept, up to where the log copied before it ends. A segment packed after that would reach
 *     past that log; its entries up to there are in the log.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { copyFile, cp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { RootDatabase } from 'lmdb';
import { errorCode } from '../../actors/model/error-code.js';
import { segmentOfFile } from '../archive/archive.js';
import { partSuffix } from '../archive/journal-file-writer.js';
import { flushPath } from '../flush-path.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { aheadArrived } from './ahead-recovery.js';
import { LogEnvironment, openEnvironment } from './log-environment.js';
import { checkFormat, readManifestFile, unfinishedCopyFormat, writeManifestFile } from './manifest-file.js';
import { settleUncleanEnd } from './unclean-end.js';

/** Files that say who has the place, or that are copied in a way of their own. */
const notCopied = /^(?:LOCK.*|manifest\.json.*|.*\.stale\..*)$/;
const archiveFolder = 'archive';

/**
 * Resolves when the copy is durable. `target` is made; throws `store-incompatible` when something is there already. The archive is
 * copied from `archive` and is in the copy's own directory. Throws `store-unreachable` when the owner hangs with something acknowledged
 * that only its write-ahead file has.
 */
export async function copyEmbeddedStore(
  directory: string,
  target: string,
  clock: StoreClock,
  archive = path.join(directory, archiveFolder),
): Promise<void> {
  const manifest = readManifestFile(directory);
  if (manifest === undefined) throw new StoreFailure('store-incompatible', `${directory} holds no store`);
  checkFormat(directory, manifest);
  await settleUncleanEnd(directory, manifest.partitionCount, clock);
  makeEmpty(target);
  try {
    writeManifestFile(target, { ...manifest, format: unfinishedCopyFormat });
    const tables = openEnvironment(path.join(directory, 'tables'), 'disk', 'look');
    await copyEnvironment(tables, path.join(target, 'tables'));
    await copyLog(directory, path.join(target, 'log'), clock);
    await copyArchive(archive, target, await headsIn(target, manifest.partitionCount));
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory() && !notCopied.test(entry.name))
        await copyPresent(entry.name, directory, target);
    }
    flushTree(target);
    writeManifestFile(target, manifest);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

function makeEmpty(target: string): void {
  mkdirSync(target, { recursive: true });
  if (readdirSync(target).length > 0)
    throw new StoreFailure(
      'store-incompatible',
      `${target} is not empty; a backup needs a directory of its own`,
    );
}

async function copyLog(directory: string, copied: string, clock: StoreClock): Promise<void> {
  const log = new LogEnvironment(path.join(directory, 'log'), 'disk', 'look');
  if (!(await aheadArrived(directory, log, clock))) {
    await log.root.close();
    throw new StoreFailure(
      'store-unreachable',
      `${directory}: its owner does not put into the log what it has acknowledged; a copy would lack it`,
    );
  }
  await copyEnvironment(log.root, copied);
}

/** Closes what it has copied. */
async function copyEnvironment(root: RootDatabase<Buffer, Buffer>, copied: string): Promise<void> {
  try {
    mkdirSync(copied);
    // Not compacted: that would refuse a file with pages lost to an earlier crash, which hurt nobody.
    await root.backup(copied, false);
  } finally {
    await root.close();
  }
  await settle(copied);
}

const settledKey = Buffer.from('copied');

/** Any commit that is flushed with its transaction makes its version the flushed one (K3). */
async function settle(folder: string): Promise<void> {
  const root = openEnvironment(folder, 'disk', 'settle');
  try {
    await root.put(settledKey, Buffer.of(1));
  } finally {
    await root.close();
  }
}

/** Opened as a server opens it: what the check of the copy reads is what a server will have. */
async function headsIn(target: string, partitionCount: number): Promise<number[]> {
  await openEnvironment(path.join(target, 'tables'), 'disk').close();
  const log = new LogEnvironment(path.join(target, 'log'), 'disk');
  try {
    return log.readHeads(partitionCount).map(({ head }) => head.position);
  } finally {
    await log.root.close();
  }
}

/** Whole segments never change; one that is being written has another name. */
async function copyArchive(archive: string, target: string, heads: readonly number[]): Promise<void> {
  if (!existsSync(archive)) return;
  const isWanted = (file: string): boolean => {
    const segment = segmentOfFile(file);
    if (segment === undefined) return !file.endsWith(partSuffix);
    return segment.to <= (heads[segment.partition] ?? 0);
  };
  // It may be a link to another disk, which the copy must not depend on.
  await cp(archive, path.join(target, archiveFolder), {
    recursive: true,
    dereference: true,
    filter: isWanted,
  });
}

/** Of a link the file that it names. A draft that has got its name since the directory was read is not there any more. */
async function copyPresent(name: string, directory: string, target: string): Promise<void> {
  const file = path.join(directory, name);
  try {
    if (statSync(file).isFile()) await copyFile(file, path.join(target, name));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function flushTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) flushTree(file);
    else flushPath(file);
  }
  flushPath(directory);
}
