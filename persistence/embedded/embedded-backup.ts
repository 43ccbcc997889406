/**
 * A consistent copy of an embedded store, taken beside its owner.
 *
 *     tables/ ─▸ log/ ─▸ archive/ ─▸ keys and other small files ─▸ manifest.json
 *
 * K1  LMDB copies one version of an environment. The tables come first: they were made from entries that were durable by then, so
 *     the log copied after them holds these; what was dropped from the log meanwhile stood in the archive before.
 * K2  The manifest is written last and everything is flushed before it: a copy that was cut short is no store.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { copyFile, cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { StoreFailure } from '../store-failure.js';
import { openEnvironment } from './log-environment.js';
import { checkFormat, readManifestFile, writeManifestFile } from './manifest-file.js';
import { settleUncleanEnd } from './unclean-end.js';

/** Files that say who has the place, or that are copied in a way of their own. */
const notCopied = /^(?:LOCK.*|manifest\.json.*|.*\.stale\..*)$/;
const archiveFolder = 'archive';

/** Resolves when the copy is durable. `target` is made; throws `store-incompatible` when something is there already. */
export async function copyEmbeddedStore(directory: string, target: string): Promise<void> {
  const manifest = readManifestFile(directory);
  if (manifest === undefined) throw new StoreFailure('store-incompatible', `${directory} holds no store`);
  checkFormat(directory, manifest);
  await settleUncleanEnd(directory);
  makeEmpty(target);
  try {
    for (const folder of ['tables', 'log']) await copyEnvironment(directory, target, folder);
    // A segment that is being written has another name; whole ones never change.
    if (existsSync(path.join(directory, archiveFolder)))
      await cp(path.join(directory, archiveFolder), path.join(target, archiveFolder), {
        recursive: true,
        filter: (source) => !source.endsWith('.part'),
      });
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isFile() && !notCopied.test(entry.name)) await copyPresent(entry.name, directory, target);
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

async function copyEnvironment(directory: string, target: string, folder: string): Promise<void> {
  const root = openEnvironment(path.join(directory, folder), 'disk', 'look');
  try {
    const copied = path.join(target, folder);
    mkdirSync(copied);
    // Not compacted: that would refuse a file with pages lost to an earlier crash, which hurt nobody.
    await root.backup(copied, false);
  } finally {
    await root.close();
  }
}

/** A draft that has got its name since the directory was read is not there any more. */
async function copyPresent(name: string, directory: string, target: string): Promise<void> {
  try {
    await copyFile(path.join(directory, name), path.join(target, name));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function flushTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) flushTree(file);
    else flush(file);
  }
  flush(directory);
}

function flush(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
