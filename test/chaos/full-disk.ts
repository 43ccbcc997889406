/**
 * A disk that really fills up: a bank of its own on a small tmpfs, filled beside it to the last byte and emptied again.
 * Commands are refused meanwhile, nothing of them is done, and the server goes on when there is room.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Violations } from '../../bench/violations.js';
import { BankTrial } from '../crash/bank-trial.js';
import type { ChaosStage, Fault } from './chaos-stage.js';

/** Twice what the store wants to have free. */
const sizeMegabytes = 600;
const fillerBytes = 4 * 1_048_576;
const fullMs = 2_500;
const loadMs = 300;

export const fullDisk: Fault = {
  name: 'a disk that is full',
  stores: ['embedded'],
  missing: () => (process.getuid?.() === 0 ? undefined : 'needs root, to mount a small tmpfs'),
  inflict: async (stage) => {
    const directory = `${stage.dataDirectory}.small`;
    mkdirSync(directory, { recursive: true });
    const options = ['-t', 'tmpfs', '-o', `size=${sizeMegabytes}m`, 'tmpfs', directory];
    if (spawnSync('mount', options).status !== 0) return 'SKIPPED: tmpfs could not be mounted';
    try {
      return await fillUp(stage, directory);
    } finally {
      spawnSync('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function fillUp(stage: ChaosStage, directory: string): Promise<string> {
  const violations = new Violations();
  const seed = Math.floor(stage.random() * 1_000_000);
  const trial = new BankTrial(
    {
      seed,
      clientCount: 8,
      accountCount: 20,
      dataDirectory: path.join(directory, 'data'),
      store: 'embedded',
      serverArgs: [],
    },
    violations,
  );
  try {
    await trial.start();
    await trial.openAccounts();
    const clients = trial.load(1);
    await stage.wait(loadMs);
    const filler = path.join(directory, 'filler');
    fill(filler, directory);
    await stage.wait(fullMs);
    const { length } = clients.records;
    rmSync(filler);
    await stage.wait(fullMs);
    await clients.end();
    if (!trial.server.isRunning) await trial.start();
    await trial.probe();
    await trial.settle(clients.records);
    await trial.checkEverything();
    if (violations.count > 0) throw new Error(violations.first.join('; '));
    return `${length} commands until it was full, ${clients.records.length - length} after`;
  } finally {
    await trial.end();
  }
}

function fill(file: string, directory: string): void {
  const descriptor = openSync(file, 'w');
  const bytes = Buffer.alloc(fillerBytes);
  try {
    while (statfsSync(directory).bavail > 0) writeSync(descriptor, bytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
  } finally {
    closeSync(descriptor);
  }
}
