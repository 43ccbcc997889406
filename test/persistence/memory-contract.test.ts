/** The contract suite over the memory driver. */
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import { storeContract } from '../contracts/store-contract.js';

storeContract({
  name: 'memory',
  place: async (partitionCount) => {
    const disk = new MemoryDisk(partitionCount);
    return {
      open: async () => createMemoryStore({ partitionCount, disk }),
      corrupt: async ({ partition, position }) => disk.corrupt(partition, position),
      remove: async () => {},
    };
  },
});
