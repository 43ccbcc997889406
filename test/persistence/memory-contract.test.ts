/** The contract suite over the memory driver, as a store of the process and as the simulated server. */
import { storeContract } from '../contracts/store-contract.js';
import { memoryDriver, simulatedServerDriver } from './memory-place.js';

storeContract(memoryDriver);
storeContract(simulatedServerDriver);
