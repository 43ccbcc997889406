/**
 * A bank on a real server, or on a server and a Redis, with one fault after another put on it under load, until the time is
 * over. After each fault everything must work again by itself or after a start, and the books must add up.
 *
 *     start ──▸ load ──▸ fault, healed ──▸ load ends ──▸ start if it ended ──▸ unknown settled, books checked ──┐
 *                ▲                                                                                              │
 *                └──────────────────────────────── next fault, same data ──────────────────────────────────────┘
 */
import { xorshift } from '../../bench/seeded-random.js';
import { Violations } from '../../bench/violations.js';
import { BankTrial, type BankTrialOptions } from '../crash/bank-trial.js';
import { FaultProxy } from '../support/fault-proxy.js';
import type { RedisServer } from '../support/redis-server.js';
import type { ChaosStage, Fault, StoreKind } from './chaos-stage.js';
import { diskFaults } from './disk-faults.js';
import { fullDisk } from './full-disk.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';

export interface ChaosOptions extends Omit<BankTrialOptions, 'store'> {
  readonly store: StoreKind;
  /** For `redis`. */
  readonly redis?: RedisServer;
  readonly seconds: number;
  /** At most so many faults. Default: as many as the time allows. */
  readonly rounds?: number;
  /** Only these, by name; default all that are possible here. */
  readonly only?: readonly string[];
}

export interface ChaosRound {
  readonly fault: string;
  /** A word on what came of it. */
  readonly outcome: string | undefined;
  readonly commands: number;
  /** Without a definite answer when the load ended, and what became of them. */
  readonly wereApplied: number;
  readonly wereNot: number;
  /** The server ended by the fault or by itself, and was started again. */
  readonly wasStarted: boolean;
  /** From the healed fault to a definite answer. */
  readonly recoveryMs: number;
}

export interface ChaosReport {
  readonly rounds: readonly ChaosRound[];
  /** Faults that are not possible here, and why. */
  readonly skipped: readonly string[];
  readonly violations: readonly string[];
  readonly violationCount: number;
}

export const allFaults: readonly Fault[] = [...processFaults, ...networkFaults, ...diskFaults, fullDisk];

const loadMs = { least: 100, most: 900 } as const;

export async function runChaos(
  options: ChaosOptions,
  onRound: (round: ChaosRound) => void = () => {},
): Promise<ChaosReport> {
  const violations = new Violations();
  const rounds: ChaosRound[] = [];
  const skipped: string[] = [];
  const faults = possibleFaults(options, skipped);
  const run = await ChaosRun.begin(options, violations);
  const endsAt = performance.now() + options.seconds * 1_000;
  try {
    const { rounds: most = Number.POSITIVE_INFINITY } = options;
    for (let number = 0; number < most && performance.now() < endsAt && violations.count === 0; number++) {
      const round = await run.round(number + 1, faults[number % faults.length] as Fault);
      rounds.push(round);
      onRound(round);
    }
    if (violations.count === 0) await run.trial.checkEverything();
  } catch (error) {
    violations.add(error instanceof Error ? error.message : String(error));
  } finally {
    await run.end();
  }
  if (violations.count > 0) violations.add(`the server's last words: ${run.trial.serverOutput}`);
  return { rounds, skipped, violations: violations.first, violationCount: violations.count };
}

/** In an order of the seed, each as often as the others. */
function possibleFaults({ store, only, seed }: ChaosOptions, skipped: string[]): readonly Fault[] {
  const random = xorshift(seed);
  const possible = allFaults.filter((fault) => {
    if (!fault.stores.includes(store) || (only !== undefined && !only.includes(fault.name))) return false;
    const missing = fault.missing?.();
    if (missing !== undefined) skipped.push(`${fault.name}: ${missing}`);
    return missing === undefined;
  });
  if (possible.length === 0) throw new Error(`no such fault for ${store}`);
  return possible
    .map((fault) => ({ fault, place: random() }))
    .sort((left, right) => left.place - right.place)
    .map(({ fault }) => fault);
}

class ChaosRun {
  readonly trial: BankTrial;
  readonly #options: ChaosOptions;
  readonly #proxy: FaultProxy | undefined;
  readonly #random: () => number;
  /** As the running server was started, and Redis. */
  #env: string;
  #redisEnv: string;

  private constructor(options: ChaosOptions, trial: BankTrial, proxy: FaultProxy | undefined) {
    this.trial = trial;
    this.#options = options;
    this.#proxy = proxy;
    this.#random = xorshift(options.seed + 1);
    this.#env = '{}';
    this.#redisEnv = '{}';
  }

  static async begin(options: ChaosOptions, violations: Violations): Promise<ChaosRun> {
    const { redis } = options;
    const proxy = redis === undefined ? undefined : await FaultProxy.start(redis.port);
    const store = proxy === undefined ? 'embedded' : `redis://127.0.0.1:${proxy.port}/0`;
    const trial = new BankTrial({ ...options, store }, violations);
    await trial.start();
    await trial.openAccounts();
    return new ChaosRun(options, trial, proxy);
  }

  async round(number: number, fault: Fault): Promise<ChaosRound> {
    await this.#prepare(fault);
    const clients = this.trial.load(number);
    await this.#loaded();
    let outcome: string | undefined;
    try {
      outcome = await fault.inflict(this.#stage());
    } catch (error) {
      // They would ask for ever.
      await clients.end();
      throw new Error(`${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    // A fault that ends Redis starts it plainly.
    if (fault.prepare !== undefined) this.#redisEnv = '{}';
    // Some go on under what is healed; the others see only what broke.
    const isEnded = !this.trial.server.isRunning;
    if (!isEnded && this.#random() < 0.5) await this.#loaded();
    await clients.end();
    const healedAt = performance.now();
    const wasStarted = await this.#serving();
    const recoveryMs = Math.round(performance.now() - healedAt);
    const settled = await this.trial.settle(clients.records);
    const commands = clients.records.length;
    return { fault: fault.name, outcome, commands, ...settled, wasStarted, recoveryMs };
  }

  async end(): Promise<void> {
    await this.trial.end();
    await this.#proxy?.stop();
  }

  /** Starts anew what the fault needs started in another way. */
  async #prepare(fault: Fault): Promise<void> {
    const prepared = fault.prepare?.(this.#stage()) ?? {};
    await this.#prepareRedis(prepared.redis?.env ?? {});
    const env = prepared.server?.env ?? {};
    const wanted = JSON.stringify(env);
    if (wanted === this.#env && this.trial.server.isRunning) return;
    if (this.trial.server.isRunning) await this.trial.server.stop();
    this.#env = wanted;
    await this.trial.start({ env });
  }

  async #prepareRedis(env: Readonly<Record<string, string>>): Promise<void> {
    const wanted = JSON.stringify(env);
    const { redis } = this.#options;
    if (redis === undefined || wanted === this.#redisEnv) return;
    await redis.kill();
    await redis.start({ env });
    this.#redisEnv = wanted;
    // The fault is put on a load that flows.
    if (this.trial.server.isRunning) await this.trial.probe();
  }

  /** True when it had to be started. One that runs and does not come back to work is started too, and that is a failure. */
  async #serving(): Promise<boolean> {
    if (this.trial.server.isRunning) {
      const isBack = await Promise.race([
        this.trial.probe().then(() => true),
        this.trial.server.ended.then(() => false),
      ]).catch(() => false);
      if (isBack) return false;
      if (this.trial.server.isRunning) throw new Error('the server runs, and does not come back to work');
    }
    this.#env = '{}';
    await this.trial.start();
    await this.trial.probe();
    return true;
  }

  #stage(): ChaosStage {
    return {
      server: this.trial.server,
      dataDirectory: this.#options.dataDirectory,
      redis: this.#options.redis,
      proxy: this.#proxy,
      random: this.#random,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      readAll: (server) => this.trial.readAll(server),
    };
  }

  #loaded(): Promise<void> {
    const ms = loadMs.least + this.#random() * (loadMs.most - loadMs.least);
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}
