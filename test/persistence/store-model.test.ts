/**
 * The model-based test over the drivers of this process. `STORE_MODEL_RUNS=5000` runs so many cases of each instead of a few
 * hundred.
 */
import { storeModel } from '../contracts/store-model.js';
import { embeddedPlace } from './embedded-place.js';
import { memoryDriver, simulatedServerDriver } from './memory-place.js';

const asked = process.env.STORE_MODEL_RUNS;
const runs = (few: number): number => (asked === undefined ? few : Number(asked));

storeModel(memoryDriver, { runs: runs(300) });
storeModel(simulatedServerDriver, { runs: runs(300) });
storeModel(
  { name: 'embedded', place: async (partitionCount) => embeddedPlace(partitionCount) },
  { runs: runs(150) },
);
