/** Places in memory for the suites that every store must pass: of a store in the process, and of a server elsewhere. */
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
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

function memoryPlace(partitionCount: number, isServer: boolean): StorePlace {
  const disk = new MemoryDisk(partitionCount);
  return {
    open: async () => createMemoryStore({ partitionCount, disk, isServer }),
    corrupt: async ({ partition, position }) => disk.corrupt(partition, position),
    remove: async () => {},
  };
}
