/** A short run of the faults that the crash tests do not have; `npm run chaos` is the long form. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { RedisServer } from '../support/redis-server.js';
import { hasRedis } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import { type ChaosOptions, runChaos } from './chaos-run.js';
import { roundLine, summaryText } from './chaos-text.js';

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

async function survives(t: Test, options: Pick<ChaosOptions, 'store' | 'redis' | 'only'>): Promise<void> {
  t.comment(`seed ${seed}; replay with CHAOS_SEED=${seed}`);
  const dataDirectory = path.join(temporaryDirectory(t), 'data');
  const load = { seed, clientCount: 16, accountCount: 40, dataDirectory, serverArgs: [], seconds: 60 };
  const rounds = options.only?.length ?? 1;
  const report = await runChaos({ ...load, ...options, rounds }, (round) => t.comment(roundLine(round, 0)));
  t.comment(summaryText(report));
  t.same(report.violations, [], `seed ${seed}`);
  t.ok(report.rounds.length > 0, 'there were faults');
}

t.test('a power cut under load loses nothing acknowledged', { timeout: 110_000 }, (t) =>
  survives(t, { store: 'embedded', only: ['power cut of the node'] }),
);

t.test(
  'a node whose disk does not flush ends at once, and its successor lacks nothing',
  { timeout: 110_000 },
  (t) => survives(t, { store: 'embedded', only: ['fdatasync fails in the node'] }),
);

t.test(
  'a node whose disk does not write ends at once, and its successor lacks nothing',
  { timeout: 110_000 },
  (t) => survives(t, { store: 'embedded', only: ['a synchronous write fails in the node'] }),
);

if (hasRedis('faults between the node and Redis')) {
  t.test('lost replies and late writes lose nothing', { timeout: 120_000 }, async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const only = ['a reply swallowed', 'a write delivered after the node was killed'];
    await survives(t, { store: 'redis', redis, only });
  });
}
