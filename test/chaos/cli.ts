/**
 * `npm run chaos`: one fault after another on a real server under load. Exit code 1 when anything acknowledged was lost, applied
 * twice or does not add up, or when the server did not come back.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { print, runCommand, whole } from '../support/command-run.js';
import { RedisServer } from '../support/redis-server.js';
import { allFaults, runChaos } from './chaos-run.js';
import { roundLine, summaryText } from './chaos-text.js';

const help = `npm run chaos -- [options]

  --seconds N    how long (default 60)
  --store S      embedded (default) or redis: a redis-server of its own behind a proxy
  --seed N       of the load and the faults (default: drawn, printed)
  --fault NAME   this fault only; may be given several times
  --clients N    clients (default 32)
  --accounts N   accounts, chosen by Zipf (default 100)
  --data DIR     make the data directory here; it is kept when something is wrong

faults:
${allFaults.map(({ name, stores }) => `  ${name.padEnd(44)} ${stores.join(', ')}`).join('\n')}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      store: { type: 'string', default: 'embedded' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      fault: { type: 'string', multiple: true },
      clients: { type: 'string', default: '32' },
      accounts: { type: 'string', default: '100' },
      data: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  const { store } = values;
  if (store !== 'embedded' && store !== 'redis')
    throw new Error(`--store must be embedded or redis, not ${store}`);
  const seed = whole('seed', values.seed);
  print(`seed ${seed}`);
  const parent = mkdtempSync(path.join(values.data, 'troupe-chaos-'));
  const redis = store === 'redis' ? await RedisServer.start({ directory: made(parent, 'redis') }) : undefined;
  let number = 0;
  const report = await runChaos(
    {
      seed,
      seconds: whole('seconds', values.seconds),
      clientCount: whole('clients', values.clients),
      accountCount: whole('accounts', values.accounts),
      dataDirectory: path.join(parent, 'data'),
      store,
      serverArgs: [],
      ...(redis === undefined ? {} : { redis }),
      ...(values.fault === undefined ? {} : { only: values.fault }),
    },
    (round) => print(roundLine(round, ++number)),
  );
  await redis?.stop();
  print(summaryText(report));
  if (report.violationCount > 0) print(`The data is kept in ${parent}; try again with --seed ${seed}.`);
  else rmSync(parent, { recursive: true, force: true });
  return report.violationCount === 0 ? 0 : 1;
}

function made(parent: string, name: string): string {
  const directory = path.join(parent, name);
  mkdirSync(directory);
  return directory;
}

await runCommand('chaos', main);
