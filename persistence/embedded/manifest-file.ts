/**
 * `manifest.json` in the data directory: the format and partition count a store was created with. Written last at creation,
 * so a directory without it is one whose creation did not finish.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../actors/model/error-code.js';
import { flushPath } from '../flush-path.js';
import { isPartitionCount } from '../partition-count.js';
import { StoreFailure } from '../store-failure.js';

/** 4: the newest entries may stand in `ahead/`. */
export const embeddedFormat = 4;
/** Without `ahead/`; the next owner makes it one of today. */
const formatBefore = 3;
/** Of a backup that is being written; also programs that do not know it refuse it. */
export const unfinishedCopyFormat = 0;
const manifestName = 'manifest.json';

export interface StoreManifest {
  readonly format: number;
  readonly partitionCount: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

export function readManifestFile(directory: string): StoreManifest | undefined {
  let text: string;
  try {
    text = readFileSync(path.join(directory, manifestName), 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return decodeManifest(directory, text);
}

/** Throws `store-incompatible` when another version of the program made the store. */
export function checkFormat(directory: string, { format }: StoreManifest): void {
  if (format === embeddedFormat || format === formatBefore) return;
  if (format === unfinishedCopyFormat)
    throw new StoreFailure(
      'store-incompatible',
      `${directory} is a backup that was not finished: make another`,
    );
  const detail = `${directory} has store format ${format}; this version reads format ${embeddedFormat}`;
  throw new StoreFailure('store-incompatible', detail);
}

/** Durable when it returns, the name included. */
export function writeManifestFile(directory: string, manifest: StoreManifest): void {
  const file = path.join(directory, manifestName);
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w');
  try {
    writeSync(descriptor, `${JSON.stringify(manifest, undefined, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
  flushPath(directory);
}

function decodeManifest(directory: string, text: string): StoreManifest {
  const damaged = new StoreFailure(
    'store-incompatible',
    `${path.join(directory, manifestName)} is no manifest of a store`,
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new StoreFailure('store-incompatible', damaged.message, { cause });
  }
  if (typeof value !== 'object' || value === null) throw damaged;
  if (!('format' in value && 'partitionCount' in value && 'createdAt' in value)) throw damaged;
  const { format, partitionCount, createdAt } = value;
  if (typeof format !== 'number' || typeof partitionCount !== 'number' || typeof createdAt !== 'string')
    throw damaged;
  if (!isPartitionCount(partitionCount)) throw damaged;
  return { format, partitionCount, createdAt };
}
