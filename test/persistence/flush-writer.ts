/**
 * Appends groups so that each is sent while the write of the one before it is under way, and marks in its system calls when each
 * is sent and when it is acknowledged: `sent N` and `acknowledged N` on standard output. Its records say `group N.`. Waits for a line on
 * standard input before it begins. Arguments: directory, number of groups; `blocking` when it waits for its writes itself.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import type { GroupAppend } from '../../persistence/journal.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = '', groupText = '', how] = process.argv.slice(2);
const store = await openEmbeddedStore({
  ...{ directory, partitionCount: 4, clock: machineClock, freeBytesMin },
  ...(how === 'blocking' && { blocking: (call) => call() }),
});
const owner = await LogWriter.take(store, [0, 1, 2, 3]);
writeSync(1, 'ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();

let before: GroupAppend | undefined;
const under: Promise<void>[] = [];
for (let number = 0; number < Number(groupText); number++) {
  // Now one partition, now two others: the predecessor is a condition of its own or not.
  const record = Buffer.from(`group ${number}.`);
  const group = owner.group(number % 3 === 0 ? [0] : [1, 2], before ? { record, after: before } : { record });
  before = group;
  under.push(append(number, group));
  // Two in flight, as a committer has them.
  if (under.length === 2) await under.shift();
}
await Promise.all(under);
await store.close();

async function append(number: number, group: GroupAppend): Promise<void> {
  writeSync(1, `sent ${number}\n`);
  const result = await store.journal.append(group);
  if (result.type !== 'appended') throw new Error(JSON.stringify(result));
  writeSync(1, `acknowledged ${number}\n`);
}
