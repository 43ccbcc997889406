/** Looks into an embedded store from another thread of the process that has it, tells its parent, and ends. Its data: the directory. */
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedReader } from '../../persistence/embedded/embedded-reader.js';
import { machineClock } from './embedded-place.js';

const reader = await openEmbeddedReader(String(workerData), machineClock);
parentPort?.postMessage(await reader.owner());
await reader.close();
