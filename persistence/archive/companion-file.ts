/**
 * Files beside the segments of an archive, made from them by whoever can read what is in the entries: `….journal` has the companion
 * `….events`. A companion may be missing, and is nothing but a shorter way: whoever wants it must do without as well.
 */
import { createHash } from 'node:crypto';
import type { Segment } from './archive.js';
import type { ArchiveGround } from './archive-ground.js';
import { partSuffix } from './journal-file-writer.js';

const checksumBytes = 16;

export function hasCompanion(ground: ArchiveGround, segment: Segment, suffix: string): boolean {
  return ground.exists(nameOf(segment, suffix));
}

/** Whole under its name or not there; not flushed, because it can be made again. */
export function writeCompanion(
  ground: ArchiveGround,
  segment: Segment,
  suffix: string,
  content: Uint8Array,
): void {
  const file = nameOf(segment, suffix);
  const part = `${file}${partSuffix}`;
  const sink = ground.create(part);
  try {
    sink.write(checksumOf(content));
    sink.write(content);
  } finally {
    sink.close();
  }
  ground.rename(part, file);
}

/** Undefined when it is missing or damaged. */
export function readCompanion(
  ground: ArchiveGround,
  segment: Segment,
  suffix: string,
): Uint8Array | undefined {
  let bytes: Buffer;
  try {
    bytes = ground.readWhole(nameOf(segment, suffix));
  } catch {
    // Not made yet, or gone: the segment itself is read instead.
    return undefined;
  }
  const content = bytes.subarray(checksumBytes);
  const isWhole =
    bytes.length >= checksumBytes && checksumOf(content).equals(bytes.subarray(0, checksumBytes));
  return isWhole ? content : undefined;
}

function nameOf({ file }: Segment, suffix: string): string {
  return file.replace(/\.journal$/, suffix);
}

function checksumOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, checksumBytes);
}
