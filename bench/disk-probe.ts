/**
 * What a flush costs on the disk under a directory: beside every durable rate stands the number that bounds it.
 */
import { closeSync, fdatasyncSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';

export interface DiskFigures {
  /** Median and 99th percentile of writing 4 KiB at the end of a file and flushing it. */
  readonly fsyncP50Ms: number;
  readonly fsyncP99Ms: number;
  /** `tmpfs` costs nothing to flush: figures taken there say nothing about durability. */
  readonly fileSystem: string;
}

const samples = 200;
const blockBytes = 4096;
/** From statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext2/ext3/ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
};

/** Blocks for the time of 200 flushes; to be called while nothing else runs. */
export function probeDisk(directory: string): DiskFigures {
  const file = path.join(directory, 'flush-probe');
  const descriptor = openSync(file, 'w');
  const block = Buffer.alloc(blockBytes, 0x5a);
  const took: number[] = [];
  try {
    for (let index = 0; index < samples; index++) {
      const startedAt = performance.now();
      writeSync(descriptor, block);
      fdatasyncSync(descriptor);
      took.push(performance.now() - startedAt);
    }
  } finally {
    closeSync(descriptor);
    unlinkSync(file);
  }
  took.sort((left, right) => left - right);
  const type = statfsSync(directory).type;
  return {
    fsyncP50Ms: took[Math.floor(samples / 2)] as number,
    fsyncP99Ms: took[Math.floor(samples * 0.99)] as number,
    fileSystem: fileSystems[type] ?? `type ${type}`,
  };
}
