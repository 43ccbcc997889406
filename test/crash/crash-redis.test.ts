import path from 'node:path';
import t from 'tap';
import { RedisServer } from '../support/redis-server.js';
import { hasRedis } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import { runCrashRounds } from './crash-run.js';
import { roundLine, summaryText, unacknowledgedPercent } from './crash-text.js';

const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

if (hasRedis('kills of node and Redis')) {
  t.test(
    '20 kills of the node, of Redis and of both lose nothing acknowledged and apply nothing twice',
    { timeout: 280_000 },
    async (t) => {
      t.comment(`seed ${seed}; replay with CRASH_SEED=${seed}`);
      const redis = await RedisServer.start();
      t.teardown(() => redis.stop());
      const report = await runCrashRounds(
        {
          seed,
          rounds: 20,
          clientCount: 32,
          accountCount: 50,
          killAfterMs: { least: 50, most: 300 },
          dataDirectory: path.join(temporaryDirectory(t), 'data'),
          store: redis.url,
          serverArgs: [],
          redis,
        },
        (round) => t.comment(roundLine(round)),
      );
      t.comment(summaryText(report));
      t.same(report.violations, [], `seed ${seed}`);
      t.equal(report.rounds.length, 20);
      t.ok(unacknowledgedPercent(report) >= 30, 'kills that hit unacknowledged work');
    },
  );
}
