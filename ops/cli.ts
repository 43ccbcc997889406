#!/usr/bin/env node
/** The program `troupe`. */
import { main } from './command-line.js';

// Not `process.exitCode`: whatever a stopped server may have left open must not keep the process.
process.exit(await main(process.argv));
