/** The contract suite and the model over a Redis server; the suite once more with no table keeping an index of its keys. */
import type { PartitionCount } from '../../../persistence/partition-count.js';
import { storeContract } from '../../contracts/store-contract.js';
import { modelRuns, storeModel } from '../../contracts/store-model.js';
import { redisSuite } from '../../support/redis-suite.js';
import { redisPlace } from './redis-place.js';

redisSuite('redis', (server) => {
  const place = async (partitionCount: PartitionCount) => redisPlace(await server(), partitionCount);
  const pointTables = ['rows', 't', 't\u00ff', 'u', 'none'];
  storeContract({ name: 'redis', place });
  storeContract({
    name: 'redis, tables without an index',
    place: async (partitionCount) => redisPlace(await server(), partitionCount, { pointTables }),
  });
  storeModel({ name: 'redis', place }, modelRuns(150));
});
