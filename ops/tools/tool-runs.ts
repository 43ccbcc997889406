/**
 * What the tools' commands do once their options are read. Loaded when one of them runs, so that `troupe token` needs no store.
 */
import path from 'node:path';
import { Archive } from '../../persistence/archive/archive.js';
import { acceptStoreRollback, copyStore, openStore } from '../../persistence/open-store.js';
import type { LostEntries } from '../../persistence/redis/accept-rollback.js';
import { createOffload } from '../../runtime/offload.js';
import { exitCodes } from '../exit-codes.js';
import type { Config } from '../settings.js';
import { archiveDirectoryOf } from '../store-options.js';
import { systemClock } from '../system-clock.js';
import { diagnose, diagnosisText, isDamaged } from './doctor.js';
import { backUpByExport, exportName } from './exported-backup.js';
import { exportJournal } from './journal-export.js';
import { checkExport, type ImportFacts, importJournal } from './journal-import.js';
import { type ReadOptions, readJournal, type TailOptions, tailJournal } from './journal-read.js';
import { findingsText, type PartitionFindings, verifyJournal } from './journal-verify.js';
import { addressOf, vocabularyOf, withReader } from './opened-journal.js';
import { bytesText, countText, jsonText, Output, type Progress, progressOn } from './output.js';

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
  const progress = progressOn(options.progress === true);
  const found = await verified(config, { ...options, progress });
  const isSound = found.every(({ damages }) => damages.length === 0);
  if (options.json === true) await output.line(jsonText({ sound: isSound, partitions: found }));
  else for (const partition of found) await output.line(findingsText(partition));
  return soundness(isSound);
}

async function verified(
  config: Config,
  options: { readonly threads: number; readonly partition?: number; readonly progress: Progress },
): Promise<PartitionFindings[]> {
  const offload = createOffload({ threads: options.threads });
  try {
    return await withReader(config, (reader, address) => verifyJournal(reader, address, offload, options));
  } finally {
    await offload.close();
  }
}

export interface PlainOptions {
  readonly json?: boolean;
  readonly progress?: boolean;
}

export async function runDoctor(config: Config, options: PlainOptions): Promise<number> {
  const output = new Output();
  return await withReader(config, async (reader) => {
    const diagnosis = await diagnose(reader, new Archive(archiveDirectoryOf(config)));
    await output.line(options.json === true ? jsonText(diagnosis) : diagnosisText(diagnosis));
    return soundness(!isDamaged(diagnosis));
  });
}

export interface AcceptOptions extends PlainOptions {
  readonly yes?: boolean;
}

export async function runAcceptRollback(config: Config, options: AcceptOptions): Promise<number> {
  const output = new Output();
  if (options.yes !== true) {
    output.remark('this gives up what was acknowledged and is no longer in Redis; say --yes to do it');
    return exitCodes.refused;
  }
  const { lost, wasEmptied } = await acceptStoreRollback(addressOf(config), systemClock);
  if (options.json === true) await output.line(jsonText({ was_emptied: wasEmptied, lost }));
  else {
    if (wasEmptied) await output.line('the store was emptied: everything that was in it is lost');
    for (const loss of lost) await output.line(lossText(loss));
    await output.line(`${lost.length === 0 ? 'nothing is lost; ' : ''}all epochs are raised: start the node`);
  }
  return exitCodes.stopped;
}

function lossText({ partition, from, to }: LostEntries): string {
  const start = `lost: partition ${partition}, positions`;
  if (from !== null) return `${start} ${countText(from)} to ${countText(to)}`;
  return `${start} up to ${countText(to)}, from where is not known: the store went on from an older copy and holds other entries`;
}

/** Copies, then checks the copy as a whole. A store in Redis is exported. */
export async function runBackup(config: Config, target: string, options: PlainOptions): Promise<number> {
  const output = new Output();
  const directory = path.resolve(target);
  const progress = progressOn(options.progress === true);
  if (config.store !== 'embedded') {
    const entries = await backUpByExport(config, directory, progress);
    const text = `${directory}: ${countText(entries)} entries, exported and checked; restore with: troupe journal import ${path.join(directory, exportName)}`;
    await output.line(
      options.json === true ? jsonText({ directory, sound: true, entries, damaged: [] }) : text,
    );
    return exitCodes.stopped;
  }
  progress.show(() => `backup: copying to ${directory}`);
  await copyStore(addressOf(config), directory, systemClock);
  // The copy has its archive in itself, wherever the original keeps it.
  const copied = {
    ...config,
    ...({ store: 'embedded', dataDirectory: directory, archiveDirectory: undefined } as const),
  };
  const found = await verified(copied, { threads: backupThreads, progress });
  const damaged = found.filter(({ damages }) => damages.length > 0);
  const entries = found.reduce((sum, partition) => sum + partition.entries, 0);
  if (options.json === true)
    await output.line(jsonText({ directory, sound: damaged.length === 0, entries, damaged }));
  else {
    for (const partition of damaged) await output.line(findingsText(partition));
    if (damaged.length === 0)
      await output.line(`${directory}: ${countText(entries)} entries, copied and checked`);
  }
  return soundness(damaged.length === 0);
}

export async function runExport(config: Config, file: string, options: PlainOptions): Promise<number> {
  const output = new Output();
  return await withReader(config, async (reader) => {
    const facts = await exportJournal(reader, file, progressOn(options.progress === true));
    const text = `${facts.file}: ${countText(facts.entries)} entries of ${facts.partitions} partitions, ${bytesText(facts.bytes)} before compression`;
    await output.line(options.json === true ? jsonText(facts) : text);
    return exitCodes.stopped;
  });
}

export interface ImportOptions extends PlainOptions {
  readonly into?: number;
}

/** Fills the store, then checks it as a whole. */
export async function runImport(config: Config, file: string, options: ImportOptions): Promise<number> {
  const output = new Output();
  const progress = progressOn(options.progress === true);
  const checked = await checkExport(path.resolve(file), progress);
  const { url, redis } = addressOf(config);
  const partitionCount = options.into ?? checked.header.partitions;
  const store = await openStore(url, { partitionCount, clock: systemClock, ...(redis && { redis }) });
  let facts: ImportFacts;
  try {
    facts = await importJournal(store, checked, progress);
  } finally {
    await store.close();
  }
  const found = await verified(config, { threads: backupThreads, progress });
  const damaged = found.filter(({ damages }) => damages.length > 0);
  if (options.json === true) await output.line(jsonText({ ...facts, sound: damaged.length === 0 }));
  else {
    for (const partition of damaged) await output.line(findingsText(partition));
    await output.line(importText(facts, checked.header.partitions));
  }
  output.remark(
    'recorded answers are recognised by fingerprint.key of the data directory: bring it along from the old one',
  );
  return soundness(damaged.length === 0);
}

function importText({ entries, appended, partitions, messages }: ImportFacts, from: number): string {
  const what = `${countText(entries)} entries imported and checked`;
  if (partitions === from) return `${what}: ${partitions} partitions`;
  const made = `${from} partitions became ${partitions}, ${countText(appended)} entries`;
  return `${what}: ${made}, ${countText(messages)} messages under way are sent again`;
}

const backupThreads = 2;

function soundness(isSound: boolean): number {
  return isSound ? exitCodes.stopped : exitCodes.damaged;
}
