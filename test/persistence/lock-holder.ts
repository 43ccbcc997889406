/** Opens an embedded store, says so, and waits to be killed. Arguments: directory; `look` to open it as a tool does. */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { openStoreReader } from '../../persistence/open-store.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

const [directory = '', how] = process.argv.slice(2);
if (how === 'look') await (await openStoreReader({ url: `embedded:${directory}` }, machineClock)).heads();
else await openEmbeddedStore({ directory, partitionCount: 2, clock: machineClock, freeBytesMin });
writeSync(1, 'open\n');
process.stdin.resume();
