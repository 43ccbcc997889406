/** The contract suite over LMDB. */
import { storeContract } from '../contracts/store-contract.js';
import { embeddedPlace } from './embedded-place.js';

storeContract({ name: 'embedded', place: async (partitionCount) => embeddedPlace(partitionCount) });
