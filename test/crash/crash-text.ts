/**
 * A crash run in words: one line per round, a summary at the end.
 */
import type { CrashReport, RoundReport } from './crash-run.js';

export function roundLine(report: RoundReport): string {
  const { round, victim, killedAfterMs, commands, unanswered, wereApplied, wereNot, refused, restartMs } =
    report;
  const unknown = `${unanswered} unanswered (${wereApplied} had been applied, ${wereNot} had not)`;
  return `round ${String(round).padStart(4)}  ${victim} killed after ${killedAfterMs} ms, ${commands} commands, ${refused} refused, ${unknown}, ready again in ${restartMs} ms`;
}

/** Of the kills, the part that came while something was sent and not answered, in percent. */
export function unacknowledgedPercent(report: CrashReport): number {
  const hits = report.rounds.filter(({ unanswered }) => unanswered > 0).length;
  return report.rounds.length === 0 ? 0 : (hits / report.rounds.length) * 100;
}

export function summaryText(report: CrashReport): string {
  const sum = (pick: (round: RoundReport) => number) =>
    report.rounds.reduce((total, round) => total + pick(round), 0);
  const restarts = report.rounds.map(({ restartMs }) => restartMs).sort((left, right) => left - right);
  const lines = [
    `${report.rounds.length} kills under load, ${sum(({ commands }) => commands)} commands`,
    `${unacknowledgedPercent(report).toFixed(0)} % of the kills hit unacknowledged work: ${sum(({ wereApplied }) => wereApplied)} commands had been applied without an answer, ${sum(({ wereNot }) => wereNot)} had not`,
    `ready again in ${restarts[Math.floor(restarts.length / 2)] ?? 0} ms (p50), ${restarts.at(-1) ?? 0} ms at worst`,
    report.violationCount === 0
      ? 'no acknowledged write lost, none applied twice, all sagas ended, books exact'
      : `${report.violationCount} VIOLATIONS`,
  ];
  return [...lines, ...report.violations.map((violation) => `  ${violation}`)].join('\n');
}
