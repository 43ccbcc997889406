/**
 * The contract suite over LMDB; once more with a clock that stands still, because the numbers that tell two owners' changes
 * apart are made from it; and by threads that wait for their writes themselves, as those of shards do.
 */
import { storeContract } from '../contracts/store-contract.js';
import { embeddedPlace, machineClock } from './embedded-place.js';

const frozenClock = { ...machineClock, now: () => 1_800_000_000_000 };

storeContract({ name: 'embedded', place: async (partitionCount) => embeddedPlace(partitionCount) });
storeContract({
  name: 'embedded, time at a standstill',
  place: async (partitionCount) => embeddedPlace(partitionCount, frozenClock),
});
storeContract({
  name: 'embedded, waiting for its writes',
  place: async (partitionCount) => embeddedPlace(partitionCount, machineClock, (call) => call()),
});
