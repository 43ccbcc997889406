/** Waiting for what another thread or process puts into LMDB. */
import { setTimeout as pause } from 'node:timers/promises';
import { flushDeadlineMs } from './condition-block.js';

const pollMs = 5;

/** True as soon as it holds; false when it does not within the time that a flush may take. Looks at once, then every few ms. */
export async function arrives(holds: () => boolean): Promise<boolean> {
  for (let waitedMs = 0; !holds(); waitedMs += pollMs) {
    if (waitedMs >= flushDeadlineMs) return false;
    await pause(pollMs);
  }
  return true;
}
