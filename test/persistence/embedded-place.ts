/** A directory for an embedded store, for tests. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import type { PartitionCount } from '../../persistence/partition-count.js';
import type { Store } from '../../persistence/store.js';
import type { BlockingCall, StoreClock } from '../../persistence/store-clock.js';
import type { StorePlace } from '../contracts/store-contract.js';

/** The machine's clock: LMDB's flushes take real time. */
export const machineClock: StoreClock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Little, so that the tests also run where the disk is nearly full. */
export const freeBytesMin = 1_000_000;

export function temporaryDirectory(): { readonly directory: string; readonly remove: () => void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-store-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export function embeddedPlace(
  partitionCount: PartitionCount,
  clock = machineClock,
  blocking?: BlockingCall,
): StorePlace {
  const { directory, remove } = temporaryDirectory();
  let openCount = 0;
  return {
    async open(asked = partitionCount): Promise<Store> {
      const lock = openCount === 0;
      openCount += 1;
      const store = await openEmbeddedStore({
        directory,
        partitionCount: asked,
        clock,
        freeBytesMin,
        lock,
        ...(blocking && { blocking }),
      });
      let isOpen = true;
      const close = async (): Promise<void> => {
        if (isOpen) openCount -= 1;
        isOpen = false;
        await store.close();
      };
      return { ...store, close };
    },
    async corrupt({ record }): Promise<void> {
      // LMDB copies pages on every write, so there are old copies of the bytes as well: change all of them.
      const file = path.join(directory, 'log', 'data.mdb');
      const bytes = readFileSync(file);
      const marker = record.subarray(0, record.length - 1);
      for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at + 1)) {
        bytes[at + marker.length]! ^= 1;
      }
      writeFileSync(file, bytes);
    },
    async remove(): Promise<void> {
      remove();
    },
  };
}
