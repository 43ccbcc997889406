/**
 * Appends a group, then another, while its flushes fail, and says what it was answered: `answer TYPE REASON` on standard output. Waits
 * for a line on standard input before it begins. Arguments: directory; `killed` when it is to end without closing the store.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = '', end] = process.argv.slice(2);
const store = await openEmbeddedStore({ directory, partitionCount: 4, clock: machineClock, freeBytesMin });
const owner = await LogWriter.take(store, [0, 1]);
writeSync(1, 'ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
for (let number = 0; number < 2; number++) {
  const result = await store.journal.append(owner.group([0, 1]));
  writeSync(1, `answer ${result.type} ${result.type === 'refused' ? result.reason : '-'}\n`);
}
if (end === 'killed') process.kill(process.pid, 'SIGKILL');
writeSync(1, `head ${(await store.journal.head(0)).position} -\n`);
process.exit(0);
