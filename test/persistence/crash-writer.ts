/**
 * A process that appends groups to an embedded store until it is killed. Prints one line per acknowledged group, before it
 * sends more: `<partition>:<position>:<hash> …`. Arguments: directory, partition count, nonce.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import type { GroupAppend } from '../../persistence/journal.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = '', partitionText = '', nonce = ''] = process.argv.slice(2);
const partitionCount = Number(partitionText);
const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);

const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
const owner = await LogWriter.take(store, partitions, nonce);
let before: GroupAppend | undefined;
// Two groups in flight, as a committer has them; the parent ends this.
await Promise.all([write(), write()]);

async function write(): Promise<never> {
  for (let count = 0; ; count++) {
    const group = owner.group(
      partitions.filter((partition) => (partition + count) % 3 !== 0),
      before === undefined ? {} : { after: before },
    );
    before = group;
    const result = await store.journal.append(group);
    if (result.type !== 'appended') throw new Error(JSON.stringify(result));
    const lines = group.entries.map(
      ({ partition, position, hash }) => `${partition}:${position}:${Buffer.from(hash).toString('hex')}`,
    );
    writeSync(1, `${lines.join(' ')}\n`);
  }
}
