/**
 * Appends groups while its disk fails, and says what it was answered: `answer TYPE` on standard output. Waits for a line on standard
 * input before it begins. Arguments: directory; `blocking` when it waits for its writes itself, `killed` when it is to go on until it is not answered `appended`, and then to end
 * without closing the store.
 */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = '', how] = process.argv.slice(2);
const groupsMax = 2_000;
const store = await openEmbeddedStore({
  ...{ directory, partitionCount: 4, clock: machineClock, freeBytesMin },
  ...(how === 'blocking' && { blocking: (call) => call() }),
});
const owner = await LogWriter.take(store, [0, 1]);
writeSync(1, 'ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
if (how === 'killed') {
  for (let number = 0; number < groupsMax && (await append()) === 'appended'; number++) await pause(5);
  process.kill(process.pid, 'SIGKILL');
}
for (let number = 0; number < 2; number++) await append();
writeSync(1, `head ${(await store.journal.head(0)).position}\n`);
process.exit(0);

async function append(): Promise<string> {
  const { type } = await store.journal.append(owner.group([0, 1]));
  writeSync(1, `answer ${type}\n`);
  return type;
}
