/**
 * The commands that look into a store: what they are called, which options they take, and how they exit.
 *
 * T1  They work on a stopped store, and those that only look also beside a running server.
 * T2  Exit code 0: done, and sound; 3: damage was found, named on stdout; 2: refused, with the reason; 1: a failure of the tool.
 */
import type { Command } from 'commander';
import { addSettings, complain, configuration, read } from '../command-settings.js';
import { exitCodes } from '../exit-codes.js';
import { pattern, wholeNumber } from '../setting-forms.js';
import type { Config, SettingKey } from '../settings.js';
import { partitionsMax } from '../shard-count.js';
import { refusalOr } from '../start-refusal.js';
import type { ReadOptions, TailOptions } from './journal-read.js';
import type * as runs from './tool-runs.js';
import type { AcceptOptions, ImportOptions, PlainOptions, VerifyOptions } from './tool-runs.js';

const placeSettings: readonly SettingKey[] = [
  ...(['dataDirectory', 'store', 'prefix', 'storeCaFile', 'storeCertificateFile', 'storeKeyFile'] as const),
  ...(['archiveDirectory', 'configFile'] as const),
];

const partitionForm = wholeNumber(0, 65_534);
const positionForm = wholeNumber(1, 2 ** 48);
const countForm = wholeNumber(1, 2 ** 48);
const actorForm = pattern(
  'an actor as kind/id, such as account/alice',
  /^[^/\s]+\/[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/,
);

export function addTools(program: Command, exit: (code: number) => void): void {
  // What stands behind a command is for it: `doctor` and `doctor accept-rollback` take the same options.
  program.enablePositionalOptions();
  const journal = program
    .command('journal')
    .description('Look into the journal of a store, running or stopped.')
    .addHelpText('after', journalExamples);
  const place = { json: ['--json', 'one JSON object per line'] } as const;

  const readCommand = journal
    .command('read')
    .description('Print entries, decoded: commands, events, messages, timers and answers.')
    .option('--partition <number>', 'only this partition', read(partitionForm))
    .option('--from <position>', 'from this position on', read(positionForm))
    .option('--to <position>', 'up to and including this position', read(positionForm))
    .option('--limit <entries>', 'stop after so many entries', read(countForm))
    .option('--actor <kind/id>', 'only the records of one actor', read(actorForm))
    .option(...place.json)
    .action(async (options: ReadOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runRead(config, options))),
    );
  addSettings(readCommand, (key) => [...placeSettings, 'app'].includes(key));

  const tail = journal
    .command('tail')
    .description('Print the newest entries of all partitions, in the order of time.')
    .option('-n, --lines <entries>', 'how many', read(wholeNumber(0, 100_000)), 10)
    .option('-f, --follow', 'go on with what is appended, until interrupted')
    .option('--partition <number>', 'only this partition', read(partitionForm))
    .option(...place.json)
    .addHelpText('after', tailNote)
    .action(async (options: TailOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runTail(config, options))),
    );
  addSettings(tail, (key) => [...placeSettings, 'app'].includes(key));

  const verify = journal
    .command('verify')
    .description('Check every entry against the hash chain of its partition; exit code 3 on damage.')
    .option('--partition <number>', 'only this partition', read(partitionForm))
    .option('--threads <number>', 'threads that check', read(wholeNumber(1, 64)), 2)
    .option('--progress', 'show progress also where stderr is no terminal')
    .option(...place.json)
    .action(async (options: VerifyOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runVerify(config, options))),
    );
  addSettings(verify, (key) => placeSettings.includes(key));

  const exportCommand = journal
    .command('export')
    .description('Write the whole journal, archived entries included, into one file.')
    .argument('<file>', 'must not be there yet')
    .option('--progress', 'show progress also where stderr is no terminal')
    .option(...place.json)
    .action(async (file: string, options: PlainOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runExport(config, file, options))),
    );
  addSettings(exportCommand, (key) => placeSettings.includes(key));

  const importCommand = journal
    .command('import')
    .description(
      'Make a store of an exported journal: an empty one, of either kind, with any number of partitions.',
    )
    .argument('<file>', 'what `troupe journal export` wrote')
    .option(
      '--into <partitions>',
      'partitions of the new store (default: as many as the old one had)',
      read(wholeNumber(1, partitionsMax)),
    )
    .option('--progress', 'show progress also where stderr is no terminal')
    .option(...place.json)
    .addHelpText('after', importNote)
    .action(async (file: string, options: ImportOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runImport(config, file, options))),
    );
  addSettings(importCommand, (key) => placeSettings.includes(key));

  const doctor = program
    .command('doctor')
    .enablePositionalOptions()
    .description('Say how a store is: owner, epochs, heads, checkpoints, space, damage, and what to do.')
    .option(...place.json)
    .action(async (options: PlainOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runDoctor(config, options))),
    );
  addSettings(doctor, (key) => placeSettings.includes(key));

  const accept = doctor
    .command('accept-rollback')
    .description(
      'Go on after Redis lost acknowledged work (an older dump, FLUSHALL): list what is lost, raise all epochs.',
    )
    .option('--yes', 'really; without it nothing is done')
    .option(...place.json)
    .action(async (options: AcceptOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runAcceptRollback(config, options))),
    );
  addSettings(accept, (key) => placeSettings.includes(key));

  const backup = program
    .command('backup')
    .description('Copy a store into an empty directory, beside a running server, and check the copy.')
    .argument('<directory>', 'made if it is not there')
    .option('--progress', 'show progress also where stderr is no terminal')
    .option(...place.json)
    .addHelpText('after', backupNote)
    .action(async (target: string, options: PlainOptions, command: Command) =>
      exit(await runTool(command, (tools, config) => tools.runBackup(config, target, options))),
    );
  addSettings(backup, (key) => placeSettings.includes(key));
}

const backupNote = `
Of the embedded store the copy holds the journal, the tables, the archive and the keys of the data directory. Restore it by
starting a server with --data on it, or on a copy of it.
Of a store in Redis it holds the journal, archived entries included, as journal.export, and the keys of the data directory. Restore it by
importing that into an empty store, of either kind, with --data on a copy of the backup.
Keep both as safe as the original.

Examples:
  troupe backup --data /var/lib/bank /backup/bank-2026-11-21
  troupe backup --store redis://127.0.0.1:6379/0 --data /var/lib/bank /backup/bank-2026-11-21
  cp -r /backup/bank-2026-11-21 /var/lib/bank-2
  troupe journal import /backup/bank-2026-11-21/journal.export --store redis://127.0.0.1:6380/0 --data /var/lib/bank-2`;

const importNote = `
Into as many partitions as before, every entry stays as it is. Into another number, these stay: every actor's events, versions
and times, open sagas, timers, recorded answers, messages under way. Positions and event ids are given anew.
The first start reads the whole journal to make the tables.

Examples:
  troupe journal export bank.journal --data ./data
  troupe journal import bank.journal --store redis://127.0.0.1:6379/0
  troupe journal import bank.journal --data ./data-32 --into 32`;

const journalExamples = `
Examples:
  troupe journal tail -f
  troupe journal read --actor account/alice --json
  troupe journal verify --data /var/lib/bank`;

const tailNote = `
Beside a running server an entry may be shown up to one flush before it is durable.`;

/** Runs with the configuration; whatever a person can mend is one line and exit code 2. */
async function runTool(
  command: Command,
  run: (tools: typeof runs, config: Config) => Promise<number>,
): Promise<number> {
  const config = configuration(command);
  if (config === undefined) return exitCodes.refused;
  try {
    return await run(await import('./tool-runs.js'), config);
  } catch (error) {
    const isRefused = refusalOr(error) !== error || error instanceof RangeError;
    complain(error instanceof Error ? error.message : String(error));
    return isRefused ? exitCodes.refused : exitCodes.crashed;
  }
}
