/** A data directory with counters in it, for tests of the tools, and `troupe` run on it as a process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { createSystem, type System } from '../../../ops/index.js';
import counters, { counterContract, move } from '../fixtures/counter-app.js';
import { Program, type ProgramEnd } from '../support/program.js';

export const appFile = fileURLToPath(new URL('../fixtures/counter-app.js', import.meta.url));

export function temporaryFolder(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'troupe-tools-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A running system on the directory; stopped with the test if not before. */
export async function runningSystem(t: Test, directory: string, partitions = 4): Promise<System> {
  const system = await createSystem({
    modules: [counters],
    store: { type: 'embedded', directory },
    partitions,
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= system.stop();
    return stopping;
  };
  t.teardown(stop);
  return { ...system, stop };
}

export async function add(system: System, id: string, amount: number, key?: string): Promise<number> {
  const options = key === undefined ? {} : { idempotencyKey: key };
  const result = await system.call(counterContract, id, 'add', { amount }, options);
  if (!result.ok) throw new Error(`${id}: ${result.code}`);
  return result.reply.total;
}

/** Moves and waits for the end of the saga. */
export async function moved(system: System, id: string, from: string, to: string, amount: number) {
  return await system.start(move, id, { from, to, amount }, { waitMs: 10_000 });
}

export function troupe(t: Test, args: readonly string[]): Program {
  const program = new Program('ops/cli.js', args, { cwd: tmpdir() });
  t.teardown(() => program.end());
  return program;
}

/** `troupe ARGS --data DIRECTORY`, to its end. */
export function toolEnd(t: Test, directory: string, args: readonly string[]): Promise<ProgramEnd> {
  return troupe(t, [...args, '--data', directory]).ended;
}
