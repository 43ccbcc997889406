/** Opens an embedded store, says so, and waits to be killed. Argument: directory. */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = ''] = process.argv.slice(2);
await openEmbeddedStore({ directory, partitionCount: 2, clock: machineClock, freeBytesMin });
writeSync(1, 'open\n');
process.stdin.resume();
