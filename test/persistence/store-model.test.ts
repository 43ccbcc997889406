/** The model-based test over the drivers of this process. */
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import { storeModel } from '../contracts/store-model.js';
import { embeddedPlace } from './embedded-place.js';

storeModel(
  {
    name: 'memory',
    place: async (partitionCount) => {
      const disk = new MemoryDisk(partitionCount);
      return {
        open: async () => createMemoryStore({ partitionCount, disk }),
        corrupt: async ({ partition, position }) => disk.corrupt(partition, position),
        remove: async () => {},
      };
    },
  },
  { runs: 300 },
);

storeModel(
  { name: 'embedded', place: async (partitionCount) => embeddedPlace(partitionCount) },
  { runs: 150 },
);
