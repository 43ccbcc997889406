/**
 * `node --import .../plant.js`, with the bug's name in TROUPE_PLANTED: this process runs the product with that bug in it.
 */
import { register } from 'node:module';
import { bugNamed } from './planted-bugs.js';

const name = process.env.TROUPE_PLANTED ?? '';
const bug = bugNamed(name);
if (bug === undefined) throw new Error(`there is no planted bug "${name}"`);
register('./plant-hooks.js', import.meta.url, { data: bug });
