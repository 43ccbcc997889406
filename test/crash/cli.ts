/**
 * `npm run crash -- --rounds 200`: the long form of `crash.test.ts`. Exit code 1 when anything acknowledged was lost,
 * applied twice or does not add up, or when too few kills hit unacknowledged work.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { print, runCommand, whole } from '../support/command-run.js';
import { RedisServer } from '../support/redis-server.js';
import { runCrashRounds } from './crash-run.js';
import { roundLine, summaryText, unacknowledgedPercent } from './crash-text.js';

const help = `npm run crash -- [options]

  --rounds N     kills (default 200)
  --seed N       of the load and the kill times (default: drawn, printed); a seed replays its choices
  --clients N    clients (default 64)
  --accounts N   accounts, chosen by Zipf (default 200)
  --store S      store of the server (default embedded); redis: a redis-server of its own, killed in turn with the node
  --shards N     shards of the server
  --data DIR     make the data directory here; it is kept when something is wrong`;

const unacknowledgedPercentLeast = 30;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      clients: { type: 'string', default: '64' },
      accounts: { type: 'string', default: '200' },
      store: { type: 'string', default: 'embedded' },
      shards: { type: 'string' },
      data: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  const seed = whole('seed', values.seed);
  print(`seed ${seed}`);
  const parent = mkdtempSync(path.join(values.data, 'troupe-crash-'));
  const isRedis = values.store === 'redis';
  const redis = isRedis ? await RedisServer.start({ directory: redisDirectory(parent) }) : undefined;
  const report = await runCrashRounds(
    {
      ...(redis === undefined ? {} : { redis }),
      seed,
      rounds: whole('rounds', values.rounds),
      clientCount: whole('clients', values.clients),
      accountCount: whole('accounts', values.accounts),
      killAfterMs: { least: 50, most: 800 },
      dataDirectory: path.join(parent, 'data'),
      store: redis?.url ?? values.store,
      serverArgs: values.shards === undefined ? [] : ['--shards', String(whole('shards', values.shards))],
    },
    (round) => print(roundLine(round)),
  );
  await redis?.stop();
  print(summaryText(report));
  const isHit = unacknowledgedPercent(report) >= unacknowledgedPercentLeast;
  if (!isHit) print(`Fewer than ${unacknowledgedPercentLeast} % of the kills hit unacknowledged work.`);
  if (report.violationCount > 0) print(`The data is kept in ${parent}; replay with --seed ${seed}.`);
  else rmSync(parent, { recursive: true, force: true });
  return report.violationCount === 0 && isHit ? 0 : 1;
}

function redisDirectory(parent: string): string {
  const directory = path.join(parent, 'redis');
  mkdirSync(directory);
  return directory;
}

await runCommand('crash', main);
