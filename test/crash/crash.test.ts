import path from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/server.js';
import { runCrashRounds } from './crash-run.js';
import { roundLine, summaryText, unacknowledgedPercent } from './crash-text.js';

const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

t.test(
  '20 kills under load lose nothing acknowledged and apply nothing twice',
  { timeout: 280_000 },
  async (t) => {
    t.comment(`seed ${seed}; replay with CRASH_SEED=${seed}`);
    const report = await runCrashRounds(
      {
        seed,
        rounds: 20,
        clientCount: 64,
        accountCount: 200,
        killAfterMs: { least: 50, most: 400 },
        dataDirectory: path.join(temporaryDirectory(t), 'data'),
        store: 'embedded',
        serverArgs: [],
      },
      (round) => t.comment(roundLine(round)),
    );
    t.comment(summaryText(report));
    t.same(report.violations, [], `seed ${seed}`);
    t.equal(report.rounds.length, 20);
    t.ok(unacknowledgedPercent(report) >= 30, 'kills that hit unacknowledged work');
  },
);
