/**
 * The model-based test over the drivers of this process. `STORE_MODEL_RUNS=5000` runs so many cases of each instead of a few
 * hundred.
 */
import { modelRuns, storeModel } from '../contracts/store-model.js';
import { embeddedPlace } from './embedded-place.js';
import { memoryDriver, simulatedServerDriver } from './memory-place.js';

storeModel(memoryDriver, modelRuns(300));
storeModel(simulatedServerDriver, modelRuns(300));
storeModel(
  { name: 'embedded', place: async (partitionCount) => embeddedPlace(partitionCount) },
  modelRuns(150),
);
