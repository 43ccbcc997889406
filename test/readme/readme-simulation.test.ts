/** The README's simulation is run as it stands there, over the README's module, and finds a bug that is put into it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

// Inside the package, so that `troupe/model` means this tree, as it means the installed package for a user.
const directory = fileURLToPath(new URL('./my-simulation/', import.meta.url));
const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

/** The example whose first line imports `name`. */
function exampleOf(name: string): string {
  const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code as string);
  const example = examples.find((code) => code.slice(0, code.indexOf('\n')).includes(name));
  if (example === undefined) throw new Error(`the README shows nothing with ${name}`);
  return example;
}

function simulate(
  module: string,
  options = '',
): { readonly exitCode: number | null; readonly output: string } {
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'my-app.js'), module);
  writeFileSync(
    path.join(directory, 'my-simulation.js'),
    exampleOf('troupe/simulation').replace('seeds: 50,', `seeds: 50, ${options}`),
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(directory, 'my-simulation.js')], {
    encoding: 'utf8',
    timeout: 80_000,
  });
  return { exitCode: status, output: `${stdout}${stderr}` };
}

t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.test('the README simulation passes', { timeout: 90_000 }, (t) => {
  const { exitCode, output } = simulate(exampleOf('troupe/model'));
  t.equal(exitCode, 0, output);
  t.end();
});

t.test('the README simulation finds an undo of what was never done', { timeout: 90_000 }, (t) => {
  const module = exampleOf('troupe/model');
  const guard = 'state.buyers.includes(input.buyer) ?';
  t.ok(module.includes(guard));
  // A buyer who is not there makes it give back the seat of another.
  const { exitCode, output } = simulate(module.replace(guard, 'true ?'), 'stopsAtFailure: true,');
  t.equal(exitCode, 1, output);
  t.match(output, /seed \d+: /);
  t.end();
});
