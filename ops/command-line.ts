/**
 * What `troupe` understands: reads arguments, prints, and says how to exit; what it starts lives in files of its own.
 *
 * L1  Whatever is wrong with what was typed ends with exit code 2 and a line that says what is allowed.
 * L2  `troupe token` prints the token on stdout and nothing else there, so that `$(troupe token …)` works.
 * L3  The server is loaded only by `start`, and only on a version of Node that is new enough.
 */
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { mintToken, tokenLifetimeSecondsMax } from '../gateway/authentication.js';
import { addAdmin } from './admin/admin-commands.js';
import { addSettings, complain, configuration, read } from './command-settings.js';
import { exitCodes } from './exit-codes.js';
import { createReport, logForm } from './logger.js';
import { refusalOfNode } from './node-version.js';
import { pattern, wholeNumber } from './setting-forms.js';
import { loadSigningKey } from './signing-key.js';
import { poolThreads, supervise } from './supervisor.js';
import { systemClock, systemRandom } from './system-clock.js';
import { addTools } from './tools/tool-commands.js';
import { packageVersion } from './version.js';

/** Resolves to the exit code. `argv` as `process.argv`. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.stopped;
  const program = commandLine((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    // Help and --version end this way as well, with code 0; everything else commander throws is about what was typed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.stopped : exitCodes.refused;
    throw error;
  }
}

function commandLine(exit: (code: number) => void): Command {
  const program = new Command('troupe')
    .description('A durable actor runtime: entities live in memory as actors, one log keeps them.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExamples:\n  troupe start\n  troupe token --user alice --role customer');

  const start = program
    .command('start')
    .description('Serve the bank, or your own module, over HTTP.')
    .addHelpText('after', startExamples)
    .action(async (_options, command: Command) => exit(await runStart(command)));
  addSettings(start, () => true);

  const token = program
    .command('token')
    .description('Print an access token signed with the key of the server.')
    .requiredOption('--user <id>', 'principal that the token speaks for', read(nameForm))
    .requiredOption(
      '--role <role>',
      'customer, admin, service, bench or one of your module; repeatable',
      readRole,
    )
    .option('--lifetime <seconds>', `1 to ${tokenLifetimeSecondsMax}`, read(lifetimeForm), 3600)
    .addHelpText('after', tokenExamples)
    .action(async (options: TokenOptions, command: Command) => exit(await runToken(options, command)));
  addSettings(token, (key) => ['dataDirectory', 'tokenKeyFile', 'configFile'].includes(key));
  addTools(program, exit);
  addAdmin(program, exit);
  return program;
}

const startExamples = `
Every option is also an environment variable (--memory-budget is TROUPE_MEMORY_BUDGET; PORT, HOST, DATA_DIR, STORE,
LOG_LEVEL, NODE_ENV and TOKEN_KEY_FILE work as well) and a key of troupe.config.json ("memory-budget").
An option wins over the environment, the environment over the file.

Examples:
  troupe start --port 3000 --data /var/lib/bank
  troupe start --shards 0                     everything on one thread
  troupe start --app ./my-app.js              your own actors
  TOKEN_KEY_FILE=/run/secrets/key troupe start --mode production --no-supervise`;

const tokenExamples = `
The key is the development key in the data directory, made if there is none yet, or --token-key-file.

Examples:
  troupe token --user alice --role customer
  curl -H "authorization: Bearer $(troupe token --user ops --role admin)" http://127.0.0.1:8080/api/v1/sagas`;

const nameForm = pattern(
  '1 to 128 letters, digits, . _ ~ -, first a letter or digit',
  /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/,
);
const lifetimeForm = wholeNumber(1, tokenLifetimeSecondsMax);

function readRole(text: string, roles: readonly string[] | undefined): readonly string[] {
  return [...(roles ?? []), read(nameForm)(text)];
}

async function runStart(command: Command): Promise<number> {
  const refusal = refusalOfNode(process.versions.node);
  if (refusal !== undefined) {
    complain(refusal);
    return exitCodes.refused;
  }
  const config = configuration(command);
  if (config === undefined) return exitCodes.refused;
  const form = logForm(config.mode, process.stdout.isTTY === true);
  const report = createReport({ level: config.logLevel, form });
  if (config.supervise) {
    const typed = process.argv.slice(3).filter((argument) => argument !== '--supervise');
    const args = [fileURLToPath(new URL('./cli.js', import.meta.url)), 'start', '--no-supervise', ...typed];
    return await supervise({ args, clock: systemClock, random: systemRandom, report });
  }
  if (process.env.UV_THREADPOOL_SIZE === undefined) {
    report('warn', 'thread-pool-small', {
      advice: `start with UV_THREADPOOL_SIZE=${poolThreads} in the environment`,
    });
  }
  const { serve } = await import('./serve.js');
  return await serve({ config, report, clock: systemClock, random: systemRandom });
}

interface TokenOptions {
  readonly user: string;
  readonly role: readonly string[];
  readonly lifetime: number;
}

async function runToken(options: TokenOptions, command: Command): Promise<number> {
  const config = configuration(command);
  if (config === undefined) return exitCodes.refused;
  try {
    const key = await loadSigningKey(config);
    const token = await mintToken({
      key: key.bytes,
      user: options.user,
      roles: options.role,
      lifetimeSeconds: options.lifetime,
      nowMs: systemClock.now(),
    });
    if (key.created)
      complain(`made a new signing key, ${key.file}; a server must use the same data directory`);
    process.stdout.write(`${token}\n`);
    return exitCodes.stopped;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return exitCodes.refused;
  }
}
