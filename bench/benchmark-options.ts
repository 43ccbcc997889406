/**
 * What can be asked of a benchmark: the options of its command line, each with its bounds and its default.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ScenarioName } from './scenarios/scenario.js';

export interface BenchmarkOptions {
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Absent: closed loop. */
  readonly rate?: number;
  readonly schedule: 'poisson' | 'constant';
  readonly accounts: number;
  readonly hot: boolean;
  readonly keys: boolean;
  readonly seed: number;
  /** `--store` of the server. */
  readonly store: string;
  readonly shards?: number;
  /** Count flushes from outside. */
  readonly strace: boolean;
  /** Directory for CPU profiles of the server's threads, one `.cpuprofile` each. */
  readonly profile?: string;
  /** Where the temporary directory is made: a real disk, else durability costs nothing. */
  readonly dataParent?: string;
  /** A server that somebody else started, with a token for it. */
  readonly url?: string;
  readonly token?: string;
}

/** As Commander gives them. */
export interface Typed extends Omit<BenchmarkOptions, 'scenario' | 'warmUpSeconds' | 'dataParent'> {
  readonly warmUp: number;
  readonly data?: string;
  readonly json?: string;
}

const accountsDefault: Readonly<Record<ScenarioName, number>> = {
  deposits: 10_000,
  transfers: 10_000,
  idle: 1_000_000,
};

/** Without a scenario: for a command that runs several. */
export function addOptions(command: Command, scenario: ScenarioName = 'deposits'): Command {
  return command
    .option('--connections <n>', 'connections, one request in flight on each', whole(1, 4_096), 256)
    .option('--seconds <s>', 'length of the measured window', whole(1, 86_400), 30)
    .option('--warm-up <s>', 'seconds of load before it', whole(0, 3_600), 10)
    .option(
      '--rate <per second>',
      'open loop: requests are due at this rate whatever the server does',
      whole(1, 1_000_000),
    )
    .addOption(
      new Option('--schedule <gaps>', 'gaps of the open loop')
        .choices(['poisson', 'constant'])
        .default('poisson'),
    )
    .option('--accounts <n>', 'accounts to open', whole(1, 9_999_999), accountsDefault[scenario])
    .option('--hot', 'deposits onto one account; transfers to one receiver', false)
    .option('--no-keys', 'send no Idempotency-Key')
    .option('--seed <n>', 'of the choices and the schedule', whole(1, 2 ** 31), 1)
    .option(
      '--store <store>',
      'store of the server: embedded, redis (a server of its own) or redis://host:port/db',
      'embedded',
    )
    .option('--shards <n>', 'shards of the server', whole(0, 64))
    .option('--strace', 'count the flushes from outside with strace', false)
    .option('--profile <dir>', "write CPU profiles of the server's threads there (slows it by some percent)")
    .option('--data <dir>', 'make the temporary data directory here instead of in the system one')
    .option('--url <url>', 'measure a running server instead of starting one (http://host:port)')
    .addOption(new Option('--token <token>', 'token of role bench for --url').env('TROUPE_TOKEN'))
    .option('--json <file>', 'write the whole report there');
}

export function optionsOf(scenario: ScenarioName, typed: Typed): BenchmarkOptions {
  const { warmUp, data, json: _, ...same } = typed;
  return { ...same, scenario, warmUpSeconds: warmUp, ...(data === undefined ? {} : { dataParent: data }) };
}

/** Reads a whole number within bounds. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Allowed: a whole number from ${least} to ${most}.`);
  };
}
