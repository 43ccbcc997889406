/**
 * `npm run bench -- …`: reads the arguments, runs one benchmark or the headline set, prints.
 *
 * Exit codes: 0 all books balance · 1 a run failed or was interrupted, or its books do not balance · 2 wrong arguments.
 * Progress goes to stderr, the result to stdout.
 */
import { writeFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addOptions, optionsOf, type Typed, whole } from './benchmark-options.js';
import { type BenchmarkReport, runBenchmark } from './benchmark-run.js';
import { headlineRuns } from './headline.js';
import { markdownTable, progressLine, reportText } from './report.js';
import { type ScenarioName, scenarioNames } from './scenarios/scenario.js';
import { runTimerStorm, type TimerStormOptions, timerStormText } from './timer-storm.js';

async function main(): Promise<number> {
  let isBalanced = true;
  const program = new Command('bench')
    .description('Measures a fresh server on a temporary directory, then checks its books.')
    .exitOverride()
    .addHelpText('after', examples);
  const summaries: Record<ScenarioName, string> = {
    deposits: 'Deposits spread over many accounts, or onto one with --hot.',
    transfers: 'Transfers between random accounts; one counts when its answer says completed.',
    idle: 'A million accounts that nobody uses, what they take, and deposits to random ones of them.',
  };
  for (const name of scenarioNames) {
    addOptions(program.command(name).description(summaries[name]), name).action(async (typed: Typed) => {
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
  program
    .command('timers')
    .description('Sagas that wait on timers, what they cost, and commands while all are due after a kill -9.')
    .option('--sagas <n>', 'sagas that sleep', whole(1, 1_000_000), 50_000)
    .option('--idle-seconds <s>', 'seconds of waiting that are measured', whole(1, 3_600), 10)
    .option('--seconds <s>', 'length of either load', whole(1, 3_600), 10)
    .option('--rate <per second>', 'commands meanwhile, open loop', whole(1, 100_000), 500)
    .option('--data-parent <dir>', 'make the temporary data directory here instead of in the system one')
    .action(async (typed: TimerStormOptions) => {
      const report = await runTimerStorm(typed, (phase) => process.stderr.write(`${phase} …\n`));
      process.stdout.write(`${timerStormText(report)}\n`);
      isBalanced = report.completed === report.sagas && report.storm.errorCount === 0;
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
  npm run bench -- idle --accounts 1000000 --seconds 20                    bytes per account in the store and in memory
  npm run bench -- timers --sagas 50000                                    what waiting costs, and all due at a restart
  npm run bench -- headline --seconds 60

Options of a run: npm run bench -- deposits --help`;

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
