/**
 * A short run of the simulation: every workload under every kind of fault, each seed twice with one trace. `TROUPE_SEED=17`
 * runs that seed alone; `npm run simulate` is the long form.
 */
import t from 'tap';
import { simulate } from '../../ops/simulation/simulate.js';
import { workloadFor } from './workloads/index.js';

const only = process.env.TROUPE_SEED;

/** Each of these failed once. A change to the simulation's own schedule makes another run of a seed. */
const onceFailed = [
  // One shard is fenced while another one holds a call of the last check: the node is replaced, not waited for. Since
  // waits on virtual time end at their moment, none of 9,000 seeds comes to this.
  100_269,
];

t.test('seeds that failed once pass', async (t) => {
  for (const firstSeed of onceFailed) {
    const { failures } = await simulate({ seeds: 1, firstSeed, minutes: 0.5, workload: workloadFor });
    t.same(failures, [], `seed ${firstSeed}`);
  }
});

t.test(
  'whatever befalls it, nothing acknowledged is lost, doubled or out of order',
  { timeout: 90_000 },
  async (t) => {
    const range = only === undefined ? { seeds: 80 } : { seeds: 1, firstSeed: Number(only) };
    const { failures, tally, seedCount } = await simulate({ ...range, minutes: 0.5, workload: workloadFor });
    t.same(
      failures.map(({ seed, workload, message }) => `seed ${seed} (${workload}): ${message}`),
      [],
    );
    t.comment(
      `${seedCount} seeds, ${tally.commands} commands, ${Math.round(tally.virtualMs / 1_000)} simulated seconds`,
    );
    if (only !== undefined || seedCount < 40) return;
    for (const fault of [
      'power loss',
      'kill of the process',
      'takeover',
      'crash of the server',
      'append lose-reply',
      'stop',
    ])
      t.ok((tally.faults[fault] ?? 0) > 0, `there was ${fault}`);
    for (const event of ['report domain-reset', 'a crash took unflushed writes', 'a timer fired'])
      t.ok((tally.sometimes[event] ?? 0) > 0, `sometimes: ${event}`);
  },
);
