/** A process that simulates seeds: it is sent one at a time and answers with what came of it. */
import { simulateSeed } from '../../ops/simulation/simulate.js';
import { workloadFor, workloads } from './workloads/index.js';

export interface SeedTask {
  readonly seed: number;
  /** Absent: the one that belongs to the seed. */
  readonly workload?: string;
}

process.on('message', ({ seed, workload }: SeedTask) => {
  const make = workload === undefined ? workloadFor : workloads[workload];
  if (make === undefined) throw new Error(`there is no workload "${workload}"`);
  void simulateSeed(seed, make).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit());
