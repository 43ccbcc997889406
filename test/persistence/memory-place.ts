/** Places in memory for the suites that every store must pass: of a store in the process, and of a server elsewhere. */
import type { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { PartitionCount } from '../../persistence/partition-count.js';
import type { StoreDriver, StorePlace } from '../contracts/store-contract.js';

export const memoryDriver: StoreDriver = {
  name: 'memory',
  place: async (partitionCount) => memoryPlace(partitionCount, false),
};

/** What the simulation takes for Redis. */
export const simulatedServerDriver: StoreDriver = {
  name: 'simulated server',
  place: async (partitionCount) => memoryPlace(partitionCount, true),
};

function memoryPlace(partitionCount: PartitionCount, isServer: boolean): StorePlace {
  let disk: MemoryDisk | undefined;
  return {
    open: async (asked = partitionCount) => {
      const store = createMemoryStore({
        partitionCount: asked,
        isServer,
        ...(disk === undefined ? {} : { disk }),
      });
      disk = store.disk;
      return store;
    },
    corrupt: async ({ partition, position }) => disk?.corrupt(partition, position),
    remove: async () => {},
  };
}
