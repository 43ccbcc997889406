/**
 * What a benchmark scenario is: a workload with a beginning and an end. Runs inside the load process.
 *
 *     prepare ──> (load) ──> settle ──> checkBooks
 */
import type { HttpClient } from '../http-client.js';
import type { Workload } from '../load-generator.js';

export const scenarioNames = ['deposits', 'transfers', 'idle'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface ScenarioOptions {
  readonly name: ScenarioName;
  readonly accounts: number;
  /** Everything goes to one account. */
  readonly hot: boolean;
  /** Send an Idempotency-Key with every command. Without keys a lost answer stays unknown for ever. */
  readonly keys: boolean;
  readonly connections: number;
  readonly token: string;
  readonly seed: number;
  /** Distinguishes the accounts and keys of this run from those of others on the same server: lower-case letters and digits. */
  readonly run: string;
}

export interface Scenario<Command> extends Workload<Command> {
  /** Opens the accounts. */
  prepare(client: HttpClient): Promise<void>;
  /** Asks again, with the same keys, for every command whose outcome is unknown. Resolves when all are definite. */
  settle(client: HttpClient): Promise<void>;
  /** Reads the accounts back and compares them with the answers. */
  checkBooks(client: HttpClient): Promise<BooksReport>;
}

export interface BooksReport {
  readonly balanced: boolean;
  /** Accounts read. */
  readonly accounts: number;
  /** Commands that took effect, by their answers: warm-up, measurement and settled ones. */
  readonly applied: number;
  /** Commands that needed asking again, and those that cannot be asked again because they carried no key. */
  readonly settled: number;
  readonly unsettled: number;
  /** Sums over the accounts read, in the currency's decimals. */
  readonly opened: string;
  readonly added: string;
  readonly found: string;
  /** The first few accounts that are wrong, in words. */
  readonly violations: readonly string[];
  readonly violationCount: number;
}
