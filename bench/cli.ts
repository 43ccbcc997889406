/**
 * `npm run bench -- …`: reads the arguments, runs one benchmark or the headline set, prints.
 *
 * Exit codes: 0 all books balance · 1 a run failed or was interrupted, or its books do not balance · 2 wrong arguments.
 * Progress goes to stderr, the result to stdout.
 */
import { writeFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type BenchmarkOptions, type BenchmarkReport, runBenchmark } from './benchmark-run.js';
import { headlineRuns } from './headline.js';
import { markdownTable, progressLine, reportText } from './report.js';
import { type ScenarioName, scenarioNames } from './scenarios/scenario.js';

interface Typed {
  readonly connections: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly rate?: number;
  readonly schedule: 'poisson' | 'constant';
  readonly accounts: number;
  readonly hot: boolean;
  readonly keys: boolean;
  readonly seed: number;
  readonly store: string;
  readonly shards?: number;
  readonly strace: boolean;
  readonly profile?: string;
  readonly data?: string;
  readonly url?: string;
  readonly token?: string;
  readonly json?: string;
}

async function main(): Promise<number> {
  let isBalanced = true;
  const program = new Command('bench')
    .description('Measures a fresh server on a temporary directory, then checks its books.')
    .exitOverride()
    .addHelpText('after', examples);
  const summaries: Record<ScenarioName, string> = {
    deposits: 'Deposits spread over many accounts, or onto one with --hot.',
    transfers: 'Transfers between random accounts; one counts when its answer says completed.',
  };
  for (const name of scenarioNames) {
    addOptions(program.command(name).description(summaries[name])).action(async (typed: Typed) => {
      const report = await one(name, typed);
      process.stdout.write(`${reportText(report)}\n`);
      if (typed.json !== undefined) writeFileSync(typed.json, `${JSON.stringify(report, null, 2)}\n`);
      isBalanced = report.books.balanced && report.load.aborted === undefined;
    });
  }
  addOptions(
    program
      .command('headline')
      .description('The runs of the README, one after another, as a Markdown table.'),
  ).action(async (typed: Typed) => {
    const reports = await headline(typed);
    process.stdout.write(`${markdownTable(reports)}\n`);
    if (typed.json !== undefined) writeFileSync(typed.json, `${JSON.stringify(reports, null, 2)}\n`);
    isBalanced = reports.every((report) => report.books.balanced && report.load.aborted === undefined);
  });
  try {
    await program.parseAsync();
    return isBalanced ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

const examples = `
Examples:
  npm run bench -- deposits --connections 256 --seconds 60
  npm run bench -- transfers --connections 64 --seconds 30 --json transfers.json
  npm run bench -- deposits --connections 64 --seconds 60 --rate 15000     open loop, latency from the due time
  npm run bench -- headline --seconds 60

Options of a run: npm run bench -- deposits --help`;

function addOptions(command: Command): Command {
  return command
    .option('--connections <n>', 'connections, one request in flight on each', whole(1, 4_096), 256)
    .option('--seconds <s>', 'length of the measured window', whole(1, 86_400), 30)
    .option('--warm-up <s>', 'seconds of load before it', whole(0, 3_600), 5)
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
    .option('--accounts <n>', 'accounts to open', whole(1, 9_999_999), 10_000)
    .option('--hot', 'deposits onto one account; transfers to one receiver', false)
    .option('--no-keys', 'send no Idempotency-Key')
    .option('--seed <n>', 'of the choices and the schedule', whole(1, 2 ** 31), 1)
    .option('--store <store>', 'store of the server: embedded or redis://host:port/db', 'embedded')
    .option('--shards <n>', 'shards of the server', whole(0, 64))
    .option('--strace', 'count the flushes from outside with strace', false)
    .option('--profile <dir>', "write CPU profiles of the server's threads there (slows it by some percent)")
    .option('--data <dir>', 'make the temporary data directory here instead of in the system one')
    .option('--url <url>', 'measure a running server instead of starting one (http://host:port)')
    .addOption(new Option('--token <token>', 'token of role bench for --url').env('TROUPE_TOKEN'))
    .option('--json <file>', 'write the whole report there');
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Allowed: a whole number from ${least} to ${most}.`);
  };
}

function optionsOf(scenario: ScenarioName, typed: Typed): BenchmarkOptions {
  const { warmUp, data, json: _, ...same } = typed;
  return { ...same, scenario, warmUpSeconds: warmUp, ...(data === undefined ? {} : { dataParent: data }) };
}

async function one(scenario: ScenarioName, typed: Typed): Promise<BenchmarkReport> {
  return await runBenchmark(optionsOf(scenario, typed), {
    phase: (phase) => process.stderr.write(`${phase} …\n`),
    second: (progress) => process.stderr.write(`${progressLine(progress)}\n`),
  });
}

async function headline(typed: Typed): Promise<BenchmarkReport[]> {
  const reports: BenchmarkReport[] = [];
  for (const run of headlineRuns) {
    const rate = run.rate?.(reports);
    const { rate: _, ...rest } = typed;
    const asked = { ...rest, connections: run.connections, ...(rate === undefined ? {} : { rate }) };
    process.stderr.write(
      `\n${run.scenario}, ${run.connections} connections${rate === undefined ? '' : `, ${rate}/s`}\n`,
    );
    const report = await one(run.scenario, asked);
    process.stderr.write(`${reportText(report)}\n`);
    reports.push(report);
  }
  return reports;
}

// An exit, unlike a signal, runs what removes the data and ends the server.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main();
