/**
 * `npm run dev`: builds and restarts the system after every change of a source. Called from package.json only.
 *
 * It watches the folders itself, because `tsc --watch` 7.0 did not notice changes on Linux and `node --watch` does
 * not see the files that only worker threads load. A build with nothing to do takes half a second.
 *
 *   change -> wait until quiet -> tsc -> ended with 0? stop the child, start it again : leave the old child running
 *
 * I1 at most one child runs, and a new one starts only after the old one has exited: it holds the data folder.
 * I2 changes during a build lead to one more build, however many they are.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Long enough for an editor that writes several files, short enough not to be felt. */
const quietMs = 100;
const sourceFolders = ['actors', 'persistence', 'runtime', 'gateway', 'ops'];

const root = fileURLToPath(new URL('../../', import.meta.url));
const compiler = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);
const programArguments = ['--enable-source-maps', 'dist/ops/cli.js', 'start', ...process.argv.slice(2)];

let child: ChildProcess | undefined;
let isWorking = false;
let hasChanged = false;
let quietTimer: NodeJS.Timeout | undefined;

for (const folder of sourceFolders.filter((name) => existsSync(path.join(root, name)))) {
  watch(path.join(root, folder), { recursive: true }, (_event, file) => {
    if (file?.endsWith('.ts')) changed();
  });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());
start();

function changed(): void {
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => void work(), quietMs);
}

async function work(): Promise<void> {
  hasChanged = true;
  if (isWorking) return;
  isWorking = true;
  while (hasChanged) {
    hasChanged = false;
    if (!(await build())) continue;
    await stop();
    start();
  }
  isWorking = false;
}

async function build(): Promise<boolean> {
  const [code] = await once(spawn(process.execPath, [compiler], { cwd: root, stdio: 'inherit' }), 'exit');
  return code === 0;
}

function start(): void {
  child = spawn(process.execPath, programArguments, { cwd: root, stdio: 'inherit' });
}

async function stop(): Promise<void> {
  const running = child;
  if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
  const exited = once(running, 'exit');
  running.kill('SIGTERM');
  await exited;
}

async function end(): Promise<void> {
  await stop();
  process.exit(0);
}
