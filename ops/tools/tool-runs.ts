/**
 * What the tools' commands do once their options are read. Loaded when one of them runs, so that `troupe token` needs no store.
 */
import { createOffload } from '../../runtime/offload.js';
import { exitCodes } from '../exit-codes.js';
import type { Config } from '../settings.js';
import { type ReadOptions, readJournal, type TailOptions, tailJournal } from './journal-read.js';
import { findingsText, verifyJournal } from './journal-verify.js';
import { vocabularyOf, withReader } from './opened-journal.js';
import { jsonText, Output, progressOn } from './output.js';

export async function runRead(config: Config, options: ReadOptions): Promise<number> {
  const output = new Output();
  return await withReader(config, async (reader) => {
    const words = await vocabularyOf(config, reader, output.remark);
    return soundness(await readJournal(reader, words, options, output));
  });
}

export async function runTail(config: Config, options: TailOptions): Promise<number> {
  const output = new Output();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  return await withReader(config, async (reader) => {
    const words = await vocabularyOf(config, reader, output.remark);
    return soundness(await tailJournal(reader, words, options, output, interrupted.signal));
  });
}

export interface VerifyOptions {
  readonly partition?: number;
  readonly threads: number;
  readonly progress?: boolean;
  readonly json?: boolean;
}

export async function runVerify(config: Config, options: VerifyOptions): Promise<number> {
  const output = new Output();
  const offload = createOffload({ threads: options.threads });
  try {
    return await withReader(config, async (reader, address) => {
      const progress = progressOn(options.progress === true);
      const chosen = options.partition === undefined ? {} : { partition: options.partition };
      const found = await verifyJournal(reader, address, offload, { ...chosen, progress });
      const isSound = found.every(({ damages }) => damages.length === 0);
      if (options.json === true) await output.line(jsonText({ sound: isSound, partitions: found }));
      else for (const partition of found) await output.line(findingsText(partition));
      return soundness(isSound);
    });
  } finally {
    await offload.close();
  }
}

function soundness(isSound: boolean): number {
  return isSound ? exitCodes.stopped : exitCodes.damaged;
}
