/**
 * The runs whose figures stand in the README: saturation, the latency of one caller, and the latency at half the
 * saturation rate. Each on a fresh server.
 */
import type { BenchmarkReport } from './benchmark-run.js';
import type { ScenarioName } from './scenarios/scenario.js';

export interface HeadlineRun {
  readonly scenario: ScenarioName;
  readonly connections: number;
  /** Of an open loop, from the reports of the runs before. */
  readonly rate?: (before: readonly BenchmarkReport[]) => number;
}

export const headlineRuns: readonly HeadlineRun[] = [
  { scenario: 'deposits', connections: 256 },
  { scenario: 'transfers', connections: 256 },
  { scenario: 'deposits', connections: 1 },
  { scenario: 'deposits', connections: 256, rate: halfOf('deposits') },
  { scenario: 'transfers', connections: 256, rate: halfOf('transfers') },
];

function halfOf(scenario: ScenarioName): (before: readonly BenchmarkReport[]) => number {
  return (before) => {
    const saturated = before.find(
      ({ options }) => options.scenario === scenario && options.rate === undefined,
    );
    if (saturated === undefined) throw new Error(`no saturation run of ${scenario} before`);
    return Math.max(1, Math.round(saturated.load.rate / 2));
  };
}
