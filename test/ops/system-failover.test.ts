/** A whole system whose Redis is taken over by a replica: what the replica lacks is not answered, and done once all the same. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { createSystem, type System } from '../../ops/index.js';
import { type ReplicatedPair, replicatedPair } from '../persistence/redis/replicated-pair.js';
import { hasRedis } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';
import { counterContract } from './fixtures/counter-app.js';

const moduleFile = new URL('./fixtures/counter-app.js', import.meta.url);

interface Scene extends ReplicatedPair {
  readonly system: System;
  readonly fatal: unknown[];
  readonly events: string[];
}

async function scene(t: Test, shards: number): Promise<Scene> {
  const pair = await replicatedPair(t);
  const directory = path.join(temporaryDirectory(t), 'data');
  const [fatal, events]: [unknown[], string[]] = [[], []];
  const system = await createSystem({
    moduleFile,
    store: { type: 'redis', url: pair.url, directory },
    partitions: 2,
    shards,
    report: (_level, event) => events.push(event),
    onFatal: (error) => fatal.push(error),
  });
  t.teardown(() => system.stop());
  return { ...pair, system, fatal, events };
}

if (hasRedis('a system whose Redis is taken over')) {
  for (const shards of [0, 2]) {
    void t.test(
      `with ${shards} shards on threads: a system whose store went back ends, though nobody writes`,
      async (t) => {
        const { system, fatal, replicated, cutOff, failOver } = await scene(t, shards);
        t.match(await system.call(counterContract, 'a', 'add', { amount: 1 }), { reply: { total: 1 } });
        await replicated();
        cutOff();
        t.match(await system.call(counterContract, 'a', 'add', { amount: 1 }), { reply: { total: 2 } });
        await failOver();
        await until(() => fatal.length > 0);
        t.match(fatal, [{ code: 'store-went-back' }]);
        await until(() => system.query(counterContract, 'a', 'total', {}).then(({ ok }) => !ok));
      },
    );
  }
}
