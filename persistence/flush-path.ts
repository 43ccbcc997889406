/** What was written to a file survives power loss, or the names in a folder do. */
import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Durable when it returns. */
export function flushPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
