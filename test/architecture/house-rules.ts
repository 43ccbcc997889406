/**
 * The rules of the house as data and as pure checks over sources: which folder may import which, which file is the
 * door of a package, what the core must be handed instead of reaching for. The lint rules say part of this while
 * one types; this is the part that counts.
 *
 * R1 floors   imports run downward, by the table `floors`
 * R2 cycles   no file imports itself through others, type imports included
 * R3 doors    a package is imported only by its door, by `bench/` and by `test/`
 * R4 declared a package imported by the product is a dependency, and one imported by bench or test at least a dev one
 * R5 reach    `runtime/` and `actors/` name no clock, randomness, environment or console
 * R6 paths    no file of the tree holds an absolute path of somebody's machine
 * R7 lock     the lock file holds no registry address
 */

import { builtinModules } from 'node:module';
import path from 'node:path';
import { importsOf, lineAt, type SourceText } from './source-text.js';

export interface Violation {
  readonly rule: 'floors' | 'cycles' | 'doors' | 'declared' | 'reach' | 'paths' | 'lock';
  readonly path: string;
  readonly line: number;
  readonly says: string;
}

/** Per folder, the path prefixes of ours it may import. `bench` and `test` may import anything. */
export const floors: Readonly<Record<string, readonly string[]>> = {
  actors: ['actors/'],
  persistence: ['persistence/', 'actors/model/'],
  runtime: ['runtime/', 'persistence/', 'actors/'],
  gateway: ['gateway/', 'runtime/', 'actors/'],
  ops: ['ops/', 'gateway/', 'runtime/', 'persistence/', 'actors/'],
  bench: [''],
  test: [''],
};

/** Per package, the path prefixes that may import it. A name that ends in `/` stands for a whole scope. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  'uWebSockets.js': ['gateway/uws-server.ts'],
  cockatiel: ['runtime/activity/resilience.ts'],
  typebox: ['actors/model/typebox.ts'],
  nodemailer: ['ops/providers/smtp-sender.ts'],
  ioredis: ['persistence/redis/'],
  lmdb: ['persistence/embedded/'],
  msgpackr: ['actors/model/codec.ts'],
  piscina: ['runtime/offload.ts'],
  pino: ['ops/'],
  '@opentelemetry/': ['ops/'],
};

export const sourceFolders = Object.keys(floors);

/** Files of the core that may reach after all, by path. Each needs its reason beside it. */
export const mayReach: ReadonlySet<string> = new Set([]);

const coreFolders: ReadonlySet<string> = new Set(['actors', 'runtime']);
const laboratory: ReadonlySet<string> = new Set(['bench', 'test']);

const reaches: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w$.#])(?:Date\s*\.\s*now|new\s+Date\s*(?:\(\s*\)|(?![\s(]))|Date\s*\(\s*\))/g, 'the clock'],
  [/(?<![\w$.#])(?:performance\s*\.|hrtime\b)/g, 'the clock'],
  [/(?<![\w$.#])(?:setTimeout|setInterval|setImmediate)\b/g, 'a timer'],
  [/(?<![\w$.#])AbortSignal\s*\.\s*timeout\b/g, 'a timer'],
  [/(?<![\w$.#])Math\s*\.\s*random\b/g, 'randomness'],
  [/(?<![\w$.#])(?:randomUUID|randomBytes|randomInt|getRandomValues)\b/g, 'randomness'],
  [/(?<![\w$.#])crypto\s*\.\s*(?:random|getRandom)\w*/g, 'randomness'],
  [/(?<![\w$.#])process\s*\.(?!\s*nextTick\b)/g, 'the process and its environment'],
  [/(?<![\w$.#])console\s*\./g, 'the console'],
  [/(?<![\w$.#])globalThis\b/g, 'the global object'],
];

const reachingModules: ReadonlySet<string> = new Set([
  'console',
  'perf_hooks',
  'process',
  'timers',
  'timers/promises',
]);

export interface Packages {
  readonly name: string;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
}

export function checkSources(sources: readonly SourceText[], packages: Packages): Violation[] {
  const known = new Set(sources.map((source) => source.path));
  const found: Violation[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const source of sources) {
    const targets: string[] = [];
    for (const { specifier, line, kind } of importsOf(source)) {
      const at = { path: source.path, line };
      if (specifier.startsWith('.')) {
        // A URL of a folder or of data finds a place on disk; only one of code is an import in disguise.
        if (kind === 'url' && !/\.[cm]?[jt]s$/.test(specifier)) continue;
        const target = resolve(source.path, specifier, known);
        if (kind === 'import') targets.push(target);
        found.push(...checkFloor(at, target));
      } else if (kind === 'import') {
        found.push(...checkPackage(at, specifier, packages));
      }
    }
    graph.set(source.path, targets);
    found.push(...checkReach(source));
  }
  return [...found, ...checkCycles(graph)];
}

interface Place {
  readonly path: string;
  readonly line: number;
}

function checkFloor(at: Place, target: string): Violation[] {
  const folder = folderOf(at.path);
  const allowed = floors[folder];
  if (allowed?.some((prefix) => target.startsWith(prefix))) return [];
  return [{ rule: 'floors', ...at, says: `${folder} may not import ${target}` }];
}

function checkPackage(at: Place, specifier: string, packages: Packages): Violation[] {
  const found: Violation[] = [];
  const folder = folderOf(at.path);
  const inLaboratory = laboratory.has(folder);
  const builtin = specifier.replace(/^node:/, '');
  if (specifier.startsWith('node:') || builtinModules.includes(builtin)) {
    if (coreFolders.has(folder) && !mayReach.has(at.path) && reachingModules.has(builtin)) {
      found.push({ rule: 'reach', ...at, says: `${specifier} must be handed in` });
    }
    return found;
  }
  const name = packageName(specifier);
  const declared =
    packages.dependencies.has(name) ||
    (inLaboratory && (packages.devDependencies.has(name) || name === packages.name));
  if (!declared) found.push({ rule: 'declared', ...at, says: `${name} is not a dependency of ${folder}` });

  const door = Object.keys(doors).find((key) => key === name || (key.endsWith('/') && name.startsWith(key)));
  const allowed = door === undefined ? undefined : doors[door];
  if (allowed !== undefined && !inLaboratory && !allowed.some((prefix) => at.path.startsWith(prefix))) {
    found.push({ rule: 'doors', ...at, says: `${name} is imported only by ${allowed.join(', ')}` });
  }
  return found;
}

function checkReach({ path: file, code }: SourceText): Violation[] {
  if (!coreFolders.has(folderOf(file)) || mayReach.has(file)) return [];
  return reaches.flatMap(([pattern, what]) =>
    [...code.matchAll(pattern)].map(
      (match): Violation => ({
        rule: 'reach',
        path: file,
        line: lineAt(code, match.index),
        says: `\`${match[0].trim()}\` reaches for ${what}, which must be handed in`,
      }),
    ),
  );
}

/** Depth first; an edge back to a file still open closes a cycle. One violation per such edge. */
function checkCycles(graph: ReadonlyMap<string, readonly string[]>): Violation[] {
  const found: Violation[] = [];
  const open: string[] = [];
  const done = new Set<string>();
  const visit = (file: string): void => {
    if (done.has(file)) return;
    const start = open.indexOf(file);
    if (start !== -1) {
      const says = [...open.slice(start), file].join(' -> ');
      found.push({ rule: 'cycles', path: file, line: 1, says });
      return;
    }
    open.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    open.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

const machinePath = /(?<![\w.-])\/(?:work|home|root)\/\w/g;

export function checkMachinePaths(file: string, text: string): Violation[] {
  return [...text.matchAll(machinePath)].map((match) => ({
    rule: 'paths',
    path: file,
    line: lineAt(text, match.index),
    says: 'an absolute path of one machine',
  }));
}

/** Home pages and sponsors are not addresses of a registry; where a package was fetched from is. */
export function checkLockFile(file: string, text: string): Violation[] {
  return [...text.matchAll(/"resolved":\s*"(?:https?|git)|:\/\/[^"]*(?:registry|\.tgz)/g)].map((match) => ({
    rule: 'lock',
    path: file,
    line: lineAt(text, match.index),
    says: 'an address of a registry',
  }));
}

function resolve(importer: string, specifier: string, known: ReadonlySet<string>): string {
  const target = path.posix.join(path.posix.dirname(importer), specifier);
  const asSource = target.replace(/\.([cm]?)js$/, '.$1ts');
  return known.has(asSource) ? asSource : target;
}

function folderOf(file: string): string {
  return file.slice(0, file.indexOf('/'));
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}
