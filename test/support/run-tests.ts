/**
 * `npm test`: runs the compiled tests through tap and reports them for a person and for a script.
 *
 * I1 the very last line, alone, is `N passed, N failed`, with `, N skipped` when some were.
 * I2 the exit code is tap's; it is 1 when tap says 0 but a point failed or nothing ran at all.
 * I3 a file that was asked for and gave no result counts as one failure: a timeout in one file makes tap drop
 *    files that run or wait beside it.
 * I4 only tests whose source still exists run: an output left over from a deleted test does not count.
 *
 * Arguments select files: `npm test -- journal gateway/` runs every test whose path contains one of the words.
 * An argument that begins with `-` is handed to tap as it is (`-- --jobs=1`, `-- --timeout=300`).
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type FileResult, TapStream } from './tap-stream.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const require = createRequire(import.meta.url);
const print = (line: string): boolean => process.stdout.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const words = argv.filter((argument) => !argument.startsWith('-'));
  const tapOptions = argv.filter((argument) => argument.startsWith('-'));
  const files = testFiles().filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  if (files.length === 0) {
    print(words.length === 0 ? 'No test files found.' : `No test file matches ${words.join(' or ')}.`);
    print('0 passed, 0 failed');
    return 1;
  }
  buildTapOnce();
  return await runTap(files, tapOptions);
}

/** The compiled tests, as paths from the root, of the sources that exist now. */
function testFiles(): string[] {
  return readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join('dist', 'test', file.replace(/\.ts$/, '.js')).replaceAll(path.sep, '/'))
    .filter((file) => existsSync(path.join(root, file)))
    .sort();
}

/**
 * Tap generates its test class from the list of plugins. As installed it still holds the TypeScript plugin, which
 * cannot work with TypeScript 7; a first `tap run` would notice, regenerate and fail. So generate before, when the
 * generated class (inside node_modules, hence renewed by every install) still names that plugin.
 */
function buildTapOnce(): void {
  const generated = path.join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js');
  if (existsSync(generated) && !readFileSync(generated, 'utf8').includes('@tapjs/typescript')) return;
  print('Preparing tap (once after each install) ...');
  const built = spawnSync(process.execPath, [tapProgram(), 'build'], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0)
    throw new Error(`tap build ended with ${built.status}:\n${built.stdout}${built.stderr}`);
}

function tapProgram(): string {
  const manifestPath = require.resolve('tap/package.json');
  const manifest: unknown = JSON.parse(readFileSync(manifestPath, 'utf8'));
  // Written by tap; a missing entry fails in path.join below, loudly.
  const { bin } = manifest as { bin: { tap: string } };
  return path.join(path.dirname(manifestPath), bin.tap);
}

function runTap(files: readonly string[], tapOptions: readonly string[]): Promise<number> {
  const silent = new Set(files);
  const failed: string[] = [];
  const stream = new TapStream((file) => {
    silent.delete(file.name);
    reportFile(file);
    failed.push(...file.failures.map((failure) => failure.path.join(' > ')));
  });
  const child = spawn(process.execPath, [tapProgram(), 'run', '--reporter=tap', ...tapOptions, ...files], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => stream.line(line));

  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      stream.end();
      for (const file of silent) {
        stream.total.failed += 1;
        failed.push(`${file} gave no result: the run ended before it reported`);
      }
      resolve(reportRun(stream, failed, { code, signal }));
    });
  });
}

function reportFile(file: FileResult): void {
  const counts = `${file.passed} passed${file.failed > 0 ? `, ${file.failed} FAILED` : ''}${
    file.skipped > 0 ? `, ${file.skipped} skipped` : ''
  }`;
  const reason = file.skipReason === undefined ? '' : ` (skipped: ${file.skipReason})`;
  print(
    `${file.ok ? 'ok    ' : 'FAILED'} ${file.name}  ${counts}, ${Math.round(file.durationMs)} ms${reason}`,
  );
  if (file.ok) return;
  for (const line of file.output) print(`  | ${line}`);
  for (const failure of file.failures) {
    print(`  not ok: ${failure.path.join(' > ')}`);
    for (const line of failure.diagnostics) print(`      ${line}`);
  }
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Prints the summary and returns the exit code (I1, I2). */
function reportRun(stream: TapStream, failures: readonly string[], ending: Ending): number {
  const { passed, failed, skipped } = stream.total;
  print('');
  if (failures.length > 0) {
    print('Failed:');
    for (const failure of failures) print(`  ${failure}`);
  }
  if (stream.bailedOut !== undefined) print(stream.bailedOut);
  if (ending.signal !== null) print(`tap was ended by ${ending.signal}.`);
  if (passed + failed === 0) print('No test ran.');
  print(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

  const tapCode = ending.code ?? 1;
  if (tapCode !== 0) return tapCode;
  return failed > 0 || passed === 0 ? 1 : 0;
}
