/** A simulation's report in words. */
import type { RunTally } from '../../ops/simulation/run-tally.js';
import type { SeedFailure } from '../../ops/simulation/simulate.js';

export interface SimulationFigures {
  readonly tally: RunTally;
  readonly seedCount: number;
  readonly failures: readonly SeedFailure[];
  readonly elapsedMs: number;
}

/** What a run of the simulation must have seen to prove anything. */
export const mustHaveSeen: readonly string[] = [
  'a crash took unflushed writes',
  'a dead letter was replayed',
  'a dead letter was skipped',
  'a failover lost entries',
  'a node ended by itself: ended while it packed',
  'a node ended by itself: fenced',
  'a page of history was read',
  'a repeat was answered from the record or attached',
  'a rollback was halted',
  'a saga came to be compensated',
  'a saga came to be failed',
  'a segment was archived',
  'a subscriber died',
  'a subscriber was turned away',
  'a timer fired',
  'an actor was passivated',
  'an answer came over HTTP',
  'an entry was trimmed',
  'report domain-reopened',
  'report reopen-failed',
];

export function summaryText({ tally, seedCount, failures, elapsedMs }: SimulationFigures): string {
  const perMinute = (seedCount / elapsedMs) * 60_000;
  const lines = [
    `${seedCount} seeds, each twice, in ${(elapsedMs / 1_000).toFixed(0)} s: ${perMinute.toFixed(0)} seeds a minute`,
    `${(tally.virtualMs / 3_600_000).toFixed(2)} simulated hours, ${tally.commands} operations`,
    '',
    ...table('what went wrong', tally.faults),
    '',
    ...table('what was seen sometimes', tally.sometimes),
    '',
  ];
  const unseen = mustHaveSeen.filter((name) => (tally.sometimes[name] ?? 0) === 0);
  if (unseen.length > 0) lines.push(`never seen: ${unseen.join(', ')}`);
  if (failures.length > 0) lines.push(`${failures.length} FAILED`, ...failures.flatMap(failureLines));
  else lines.push(`no seed failed: at 95 % confidence fewer than one in ${Math.floor(seedCount / 3)} would`);
  return lines.join('\n');
}

export function failureLines({ seed, workload, message }: SeedFailure): string[] {
  return [`seed ${seed} (${workload}): ${message}`, `  npm run simulate -- --seed ${seed} --seeds 1 --trace`];
}

function table(title: string, counts: Readonly<Record<string, number>>): string[] {
  const names = Object.keys(counts).sort();
  return [`${title}:`, ...names.map((name) => `${String(counts[name]).padStart(10)}  ${name}`)];
}
