/** Cuts the power of a child process: what it wrote and did not sync is lost. See `power-cut.c`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Not SIGUSR2: the test runner puts handlers of its own for most signals into every Node that it starts. */
export const powerCutSignal = 'SIGURG';
/** How a process ends whose power was cut. */
export const powerCutExitCode = 99;

/** How much it lost, as it says in its last words. */
export function lossIn(output: string): string | undefined {
  return /(\d+ unsynced bytes) lost/.exec(output)?.[1];
}

let compiled: string | undefined;

/** Why the power cannot be cut here; undefined when it can. */
export function powerCutMissing(): string | undefined {
  return shim() === undefined ? 'no C compiler: install gcc' : undefined;
}

/** What a process must be started with so that the power of what it writes below `directory` can be cut. */
export function powerCutEnv(directory: string): Record<string, string> {
  return { LD_PRELOAD: shim() ?? '', POWERCUT_DIR: directory };
}

/** The library, compiled at its first use; undefined without a compiler. */
function shim(): string | undefined {
  if (compiled !== undefined && existsSync(compiled)) return compiled;
  const source = fileURLToPath(new URL('../../../test/support/power-cut.c', import.meta.url));
  const library = path.join(mkdtempSync(path.join(tmpdir(), 'troupe-shim-')), 'power-cut.so');
  const args = ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl', '-lpthread'];
  if (spawnSync('gcc', args, { stdio: 'inherit' }).status !== 0) return undefined;
  compiled = library;
  return library;
}
