/** A shard's thread that has found that the store went back: writes down what it knows as soon as it is told, and says so. */
import { parentPort, workerData } from 'node:worker_threads';
import { AcknowledgedHeads } from '../../../persistence/redis/acknowledged-heads.js';
import { parseFence } from '../../../persistence/redis/fence-text.js';
import { keepInMind } from '../../../persistence/redis/rollback-witness.js';

export interface Finding {
  readonly file: string;
  /** Of partition 0. */
  readonly known: string;
  /** One number: 0, 1 when it shall write, 2 when it has. */
  readonly state: SharedArrayBuffer;
}

const { file, known, state } = workerData as Finding;
const { fence, head } = parseFence(known);
const heads = new AcknowledgedHeads(() => {});
heads.note(0, { fence, ...head });
const told = new Int32Array(state);
parentPort?.postMessage('ready');
Atomics.wait(told, 0, 0);
keepInMind(file, heads);
Atomics.store(told, 0, 2);
Atomics.notify(told, 0);
