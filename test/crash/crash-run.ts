/**
 * Kills a server, or its store, or both, under load again and again and checks after each restart that nothing acknowledged was lost, nothing
 * was applied twice and the books are exact (`reliability.md` I1, I2, I8, I10, I14, I15).
 *
 *     start ──> load ──> kill -9 ──> start ──> ask again what is unknown ──> sagas end ──> check ──┐
 *                 ^                                                                                 │
 *                 └──────────────────────────── next round, same data ─────────────────────────────┘
 */
import { xorshift } from '../../bench/seeded-random.js';
import { Violations } from '../../bench/violations.js';
import type { RedisServer } from '../support/redis-server.js';
import { BankTrial, type BankTrialOptions } from './bank-trial.js';

export interface CrashOptions extends BankTrialOptions {
  readonly rounds: number;
  /** The kill comes this long after the load began, evenly drawn. */
  readonly killAfterMs: { readonly least: number; readonly most: number };
  /** The server of `store`, when it may be killed as well: then node, store and both have their turns. */
  readonly redis?: RedisServer;
}

export type Victim = 'node' | 'store' | 'both';

export interface RoundReport {
  readonly round: number;
  readonly victim: Victim;
  readonly killedAfterMs: number;
  readonly commands: number;
  /** Commands with a request that was sent and not answered when the kill came. */
  readonly unanswered: number;
  /** Commands without a definite answer before the restart, by what the restarted server said of them. */
  readonly wereApplied: number;
  readonly wereNot: number;
  readonly refused: number;
  /** From the start of what was killed until a command had a definite answer again; a node that is ready gives one. */
  readonly restartMs: number;
}

export interface CrashReport {
  readonly rounds: readonly RoundReport[];
  readonly violations: readonly string[];
  readonly violationCount: number;
}

const turns: readonly Victim[] = ['node', 'store', 'both'];

/**
 * Stops after the first round with violations; a server that does not start or does not answer is one. The last
 * violation is what the server wrote.
 */
export async function runCrashRounds(
  options: CrashOptions,
  onRound: (round: RoundReport) => void = () => {},
): Promise<CrashReport> {
  const violations = new Violations();
  const rounds: RoundReport[] = [];
  const trial = new BankTrial(options, violations);
  const run = new CrashRun(options, trial);
  try {
    await trial.start();
    await trial.openAccounts();
    for (let round = 1; round <= options.rounds && violations.count === 0; round++) {
      const report = await run.round(round);
      rounds.push(report);
      onRound(report);
    }
    if (violations.count === 0) await trial.checkEverything();
  } catch (error) {
    violations.add(error instanceof Error ? error.message : String(error));
  } finally {
    await trial.end();
  }
  if (violations.count > 0) violations.add(`the server's last words: ${trial.serverOutput}`);
  return { rounds, violations: violations.first, violationCount: violations.count };
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #trial: BankTrial;
  readonly #random: () => number;

  constructor(options: CrashOptions, trial: BankTrial) {
    this.#options = options;
    this.#trial = trial;
    this.#random = xorshift(options.seed);
  }

  async round(round: number): Promise<RoundReport> {
    const { killAfterMs, redis } = this.#options;
    const clients = this.#trial.load(round);
    const killedAfterMs = killAfterMs.least + this.#random() * (killAfterMs.most - killAfterMs.least);
    await new Promise((resolve) => setTimeout(resolve, killedAfterMs));
    const { unanswered } = clients;
    const victim = redis === undefined ? 'node' : (turns[round % turns.length] as Victim);
    const killed = this.#kill(victim);
    await clients.end();
    await killed;
    const startedAt = performance.now();
    await this.#restart(victim);
    const restartMs = Math.round(performance.now() - startedAt);
    const settled = await this.#trial.settle(clients.records);
    return {
      round,
      victim,
      killedAfterMs: Math.round(killedAfterMs),
      commands: clients.records.length,
      unanswered,
      ...settled,
      refused: clients.records.filter(({ standing }) => standing.type === 'refused').length,
      restartMs,
    };
  }

  async #kill(victim: Victim): Promise<void> {
    const { redis } = this.#options;
    await Promise.all([
      victim === 'store' ? undefined : this.#trial.server.kill(),
      victim === 'node' ? undefined : redis?.kill(),
    ]);
  }

  /** A node whose store alone was killed must go on by itself. */
  async #restart(victim: Victim): Promise<void> {
    if (victim !== 'node') await this.#options.redis?.start();
    if (victim !== 'store') await this.#trial.start();
    else if (!this.#trial.server.isRunning) throw new Error('the node ended because its store did');
    else await this.#trial.probe();
  }
}
