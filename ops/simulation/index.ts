/** `troupe/simulation`: deterministic simulation of your own modules. */
export type { RunTally } from './run-tally.js';
export { SeededRandom } from './seeded-random.js';
export {
  type SeedFailure,
  type SeedOutcome,
  type SimulateOptions,
  type SimulationReport,
  simulate,
} from './simulate.js';
export {
  type AnsweredOperation,
  type AuditedEvent,
  type Operation,
  Violation,
  type Workload,
  type WorkloadView,
} from './workload.js';
