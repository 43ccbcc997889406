/**
 * Starts a load process, hands it its order and waits for its report.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadProgress } from './load-generator.js';
import type { LoadOrder, LoadPhase, LoadReport } from './load-messages.js';

export interface LoadChildListener {
  readonly phase: (phase: LoadPhase) => void;
  readonly second: (progress: LoadProgress) => void;
}

export type LoadDone = Extract<LoadReport, { type: 'done' }>;

/** A larger young generation than the default keeps collections out of the latencies that are measured here. */
const nodeOptions = ['--max-semi-space-size=32'];

/** Resolves when the run and the check of its books are over; rejects when either could not be done. */
export function runLoad(order: LoadOrder, listener: LoadChildListener): Promise<LoadDone> {
  const child = fork(fileURLToPath(new URL('./load-process.js', import.meta.url)), [], {
    execArgv: nodeOptions,
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      // Our own child speaks only LoadReport.
      const said = message as LoadReport;
      if (said.type === 'phase') listener.phase(said.phase);
      else if (said.type === 'second') listener.second(said.progress);
      else if (said.type === 'done') resolve(said);
      else reject(new Error(said.reason));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the load process ended with ${signal ?? code}`)));
    child.send(order);
  });
}
