/**
 * The house rules of the tree as it is now, and a proof that the checker sees each kind of violation: every rule is
 * given a planted one and must report it, and a harmless look-alike and must not.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  checkLockFile,
  checkMachinePaths,
  checkSources,
  type Packages,
  sourceFolders,
  type Violation,
} from './house-rules.js';
import { importsOf, type SourceText, sourceText } from './source-text.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const notOurs: ReadonlySet<string> = new Set(['.git', '.tap', 'coverage', 'data', 'dist', 'node_modules']);
const textBytesMax = 2_000_000;

function treeFiles(folder = ''): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (notOurs.has(entry.name)) return [];
    if (entry.isDirectory()) return treeFiles(file);
    return entry.isFile() ? [file] : [];
  });
}

function treeSources(): SourceText[] {
  return treeFiles()
    .filter(
      (file) => /\.[cm]?tsx?$/.test(file) && sourceFolders.some((folder) => file.startsWith(`${folder}/`)),
    )
    .map((file) => sourceText(file, readFileSync(path.join(root, file), 'utf8')));
}

function treePackages(): Packages {
  // Our own manifest; npm has read it before us.
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    name: string;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  return {
    name: manifest.name,
    dependencies: new Set(Object.keys(manifest.dependencies)),
    devDependencies: new Set(Object.keys(manifest.devDependencies)),
  };
}

const shown = (found: readonly Violation[]): string[] =>
  found.map(({ rule, path: file, line, says }) => `${rule}: ${file}:${line} ${says}`);

t.test('the sources keep the house rules', async (t) => {
  const sources = treeSources();
  t.ok(sources.length > 0, 'there are sources to check');
  t.ok(
    sources.some((source) => importsOf(source).length > 0),
    'and imports in them',
  );
  t.same(shown(checkSources(sources, treePackages())), [], 'no floor, cycle, door or reach is violated');
});

t.test('no file of the tree holds a path of one machine', async (t) => {
  const found = treeFiles().flatMap((file) => {
    const bytes = readFileSync(path.join(root, file));
    const isText = bytes.length <= textBytesMax && !bytes.includes(0);
    return isText ? checkMachinePaths(file, bytes.toString('utf8')) : [];
  });
  t.same(shown(found), []);
});

t.test('the lock file holds no registry address', async (t) => {
  t.same(
    shown(checkLockFile('package-lock.json', readFileSync(path.join(root, 'package-lock.json'), 'utf8'))),
    [],
  );
});

const packages: Packages = {
  name: 'house',
  dependencies: new Set(
    'cockatiel ioredis lmdb msgpackr nodemailer pino piscina typebox uWebSockets.js'.split(' '),
  ),
  devDependencies: new Set(['tap']),
};

/** The rules broken by these sources, given as path and text. */
function broken(files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).map(([file, text]) => sourceText(file, text));
  return checkSources(sources, packages).map((violation) => violation.rule);
}

t.test('the checker finds an import that climbs', async (t) => {
  const planted: Record<string, string> = {
    'actors/model/a.ts': "import { b } from '../../persistence/b.js';",
    'actors/banking/b.ts': "export * from '../../runtime/b.js';",
    'persistence/c.ts': "import type { D } from '../actors/banking/account.js';",
    'persistence/memory/d.ts': "const m = await import('../../runtime/shard.js');",
    'runtime/e.ts': "import '../gateway/sse.js';",
    'runtime/f.ts': "new Worker(new URL('../ops/shard-main.js', import.meta.url));",
    'gateway/g.ts': "import {\n  open,\n} from '../persistence/open-store.js';",
    'gateway/h.ts': "import x from '../ops/config.js'",
    'ops/i.ts': 'import { bench } from "../bench/scenarios.js";',
    'ops/j.ts': 'const e = `${await import("../test/support/fake.js")}`;',
  };
  for (const [file, text] of Object.entries(planted)) t.same(broken({ [file]: text }), ['floors'], file);
});

t.test('the checker accepts an import that goes down', async (t) => {
  const harmless: Record<string, string> = {
    'persistence/a.ts': "import type { Address } from '../actors/model/address.js';",
    'runtime/b.ts': "import { c } from './c.js'; import { j } from '../persistence/journal.js';",
    'gateway/c.ts': "// import x from '../ops/config.js'\nconst s = \"import y from '../ops/config.js'\";",
    'gateway/d.ts': 'const quote = /[\'"`]/; /* import "../ops/config.js" */ import "../runtime/e.js";',
    'ops/e.ts': "const root = new URL('../../', import.meta.url);",
    'test/e.ts': "import { f } from '../ops/start.js'; import t from 'tap'; import 'house/model';",
  };
  for (const [file, text] of Object.entries(harmless)) t.same(broken({ [file]: text }), [], file);
});

t.test('the checker finds a cycle, types included', async (t) => {
  const cycle = {
    'runtime/a.ts': "import { b } from './b.js';",
    'runtime/b.ts': "import type { C } from './inner/c.js';",
    'runtime/inner/c.ts': "export { a } from '../a.js';",
  };
  t.same(broken(cycle), ['cycles']);
  t.same(broken({ 'runtime/a.ts': "import { a } from './a.js';" }), ['cycles'], 'of one file');
  t.same(broken({ ...cycle, 'runtime/inner/c.ts': 'export const c = 1;' }), [], 'and none when it is cut');
});

t.test('the checker finds a package that comes in beside its door', async (t) => {
  const planted: Record<string, string> = {
    'gateway/http-routes.ts': "import uws from 'uWebSockets.js';",
    'persistence/memory/a.ts': "import { open } from 'lmdb';",
    'persistence/entry.ts': "import { Packr } from 'msgpackr/pack';",
    'runtime/b.ts': "import Piscina from 'piscina';",
    'runtime/c.ts': "import type { Logger } from 'pino';",
    'persistence/embedded/d.ts': "import { Redis } from 'ioredis';",
    'runtime/activity/d.ts': "import { retry } from 'cockatiel';",
    'actors/banking/e.ts': "import { Compile } from 'typebox/compile';",
    'ops/providers/d.ts': "import { createTransport } from 'nodemailer';",
  };
  for (const [file, text] of Object.entries(planted)) t.same(broken({ [file]: text }), ['doors'], file);
  const harmless = {
    'gateway/uws-server.ts': "import uws from 'uWebSockets.js';",
    'persistence/embedded/a.ts': "import { open } from 'lmdb';",
    'actors/model/codec.ts': "import { Packr } from 'msgpackr';",
    'ops/logger.ts': "import { pino } from 'pino';",
    'test/persistence/b.test.ts': "import { open } from 'lmdb';",
  };
  t.same(broken(harmless), []);
});

t.test('the checker finds a package nobody declared', async (t) => {
  t.same(broken({ 'ops/a.ts': "import x from 'left-pad';" }), ['declared']);
  t.same(broken({ 'ops/a.ts': "import t from 'tap';" }), ['declared'], 'a dev dependency in the product');
  t.same(
    broken({ 'runtime/a.ts': "import { x } from 'house';" }),
    ['declared'],
    'the product by its own name',
  );
});

t.test('the checker finds the core reaching for what it must be handed', async (t) => {
  const planted = [
    'const now = Date.now();',
    'const now = new Date();',
    'const now = new Date;',
    'const at = performance.now();',
    'setTimeout(tick, 10);',
    'const later = { start: setImmediate };',
    'setInterval(tick, 10);',
    'const signal = AbortSignal.timeout(5);',
    'const r = Math.random();',
    'const id = crypto.randomUUID();',
    "const text = `at ${Date.now()} o'clock`;",
    'const limit = process.env.LIMIT;',
    "const limit = process['env'].LIMIT; process.exit(1);",
    'console.log(1);',
    "import { performance as clock } from 'node:perf_hooks';",
    "import { setTimeout as sleep } from 'node:timers/promises'; await sleep(1);",
    "globalThis['setTimeout'](tick, 1);",
  ];
  for (const text of planted) {
    t.ok(broken({ 'runtime/a.ts': text }).includes('reach'), `runtime: ${text}`);
    t.ok(broken({ 'actors/banking/a.ts': text }).includes('reach'), `actors: ${text}`);
    t.notOk(broken({ 'ops/a.ts': text }).includes('reach'), `but not ops: ${text}`);
  }
  const harmless = [
    '// Date.now() is not read here',
    "const text = 'console.log and setTimeout(';",
    'const shown = new Date(clock.now());',
    'clock.setTimeout(tick, 10);',
    'const message = `Math.random() at ${at / 2} and process.env`;',
    'const processed = processes.length;',
  ];
  for (const text of harmless) t.same(broken({ 'runtime/a.ts': text }), [], text);
});

t.test('the checker finds a path of one machine and a registry address', async (t) => {
  for (const folder of ['work', 'home', 'root']) {
    t.equal(checkMachinePaths('a.md', `see\n"/${folder}/somebody/x"`)[0]?.line, 2, folder);
    t.equal(checkMachinePaths('a.md', `file:///${folder}/x`).length, 1, `file URL to ${folder}`);
    t.same(
      checkMachinePaths('a.md', `./${folder}/x and net${folder}/x and /${folder}stead/x`),
      [],
      'look-alikes',
    );
  }
  const address = 'https://registry.example/lmdb/-/lmdb-1.0.0.tgz';
  t.ok(checkLockFile('lock', `{ "resolved": "${address}" }`).length > 0, 'resolved');
  t.ok(checkLockFile('lock', `{ "version": "${address}" }`).length > 0, 'elsewhere');
  t.same(
    checkLockFile('lock', '{ "funding": { "url": "https://sponsor.example" } }'),
    [],
    'sponsors are none',
  );
});
