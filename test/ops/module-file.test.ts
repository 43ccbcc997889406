/** What a file given with `--app` may export. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { loadModuleFile } from '../../ops/module-file.js';

function file(t: Test, source: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'troupe-app-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, 'app.mjs'), source);
  return pathToFileURL(path.join(folder, 'app.mjs')).href;
}

t.test('a module or a list, as default or as "modules", comes back as a list', async (t) => {
  const module = "{ name: 'tickets', aggregates: [] }";
  for (const source of [
    `export default ${module};`,
    `export default [${module}];`,
    `export const modules = [${module}];`,
  ]) {
    t.same(await loadModuleFile(file(t, source)), [{ name: 'tickets', aggregates: [] }], source);
  }
});

t.test('anything else is refused with what is wanted', async (t) => {
  for (const source of ['export default 7;', 'export default [];', 'export default { name: "x" };', '']) {
    await t.rejects(loadModuleFile(file(t, source)), /must export a module .* or a list of modules/, source);
  }
});

t.test('a file that is missing or does not parse is named with the reason', async (t) => {
  await t.rejects(
    loadModuleFile('file:///nowhere/app.js'),
    /nowhere\/app\.js cannot be loaded: Cannot find module/,
  );
  const broken = file(t, 'export default {');
  await t.rejects(loadModuleFile(broken), { message: `${broken} cannot be loaded: Unexpected end of input` });
});
