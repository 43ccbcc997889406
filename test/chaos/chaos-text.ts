/** A chaos run in words: one line per round, a summary at the end. */
import type { ChaosReport, ChaosRound } from './chaos-run.js';

export function roundLine(round: ChaosRound, number: number): string {
  const { fault, outcome, commands, wereApplied, wereNot, wasStarted, recoveryMs } = round;
  const unknown = `${wereApplied + wereNot} unknown (${wereApplied} applied, ${wereNot} not)`;
  const back = `${wasStarted ? 'started again' : 'back'} in ${recoveryMs} ms`;
  return `round ${String(number).padStart(4)}  ${fault.padEnd(44)} ${commands} commands, ${unknown}, ${back}${outcome === undefined ? '' : `; ${outcome}`}`;
}

export function summaryText({ rounds, skipped, violations, violationCount }: ChaosReport): string {
  const lines = [`${rounds.length} faults, ${sum(rounds, ({ commands }) => commands)} commands:`];
  for (const fault of [...new Set(rounds.map((round) => round.fault))].sort()) {
    const those = rounds.filter((round) => round.fault === fault);
    const worst = Math.max(...those.map(({ recoveryMs }) => recoveryMs));
    const started = those.filter(({ wasStarted }) => wasStarted).length;
    lines.push(
      `${String(those.length).padStart(8)}  ${fault}: back in ${worst} ms at worst, ${started} times by a start`,
    );
  }
  const applied = sum(rounds, ({ wereApplied }) => wereApplied);
  const not = sum(rounds, ({ wereNot }) => wereNot);
  lines.push(`${applied + not} commands had no definite answer: ${applied} had been applied, ${not} had not`);
  for (const reason of skipped) lines.push(`SKIPPED ${reason}`);
  if (violationCount === 0) lines.push('lost 0, doubled 0, drift 0, every saga ended');
  else lines.push(`${violationCount} VIOLATIONS`, ...violations.map((violation) => `  ${violation}`));
  return lines.join('\n');
}

function sum(rounds: readonly ChaosRound[], of: (round: ChaosRound) => number): number {
  return rounds.reduce((total, round) => total + of(round), 0);
}
