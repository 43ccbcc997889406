/**
 * From flags, environment and file to one `Config`, or to the list of everything that is wrong with them.
 *
 * C1  flag > environment > file > default, setting by setting.
 * C2  Nothing is ignored: an unreadable value, a key of the file or a `TROUPE_…` variable that no setting has is a
 *     problem, and any problem stops the start (exit code 2). All of them are named at once.
 * C3  Pure: what it reads is handed in.
 */
import nodePath from 'node:path';
import {
  type Config,
  environmentNames,
  type Machine,
  type Setting,
  type SettingKey,
  settings,
} from './settings.js';
import { mostShards } from './shard-count.js';

export interface ConfigInput {
  /** By setting name (`memory-budget`), only what was given. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags and environment start here; those of the file start at the file. */
  readonly directory: string;
  readonly machine: Machine;
  /** Text of a file, undefined when there is none; throws when it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
}

export interface ConfigProblem {
  /** As the person wrote it: `--port`, `PORT`, `port in troupe.config.json`. */
  readonly source: string;
  readonly value: string;
  readonly reason: string;
}

export type ConfigResult =
  | { readonly type: 'config'; readonly config: Config }
  | { readonly type: 'problems'; readonly problems: readonly ConfigProblem[] };

const defaultFile = 'troupe.config.json';

export function resolveConfig(input: ConfigInput): ConfigResult {
  const problems: ConfigProblem[] = unknownVariables(input.env);
  const configFile = read(settings.configFile, input, undefined, problems);
  const file = readConfigFile(configFile, input, problems);
  const values: Partial<Record<SettingKey, unknown>> = { configFile };
  for (const [key, setting] of allSettings()) {
    if (key !== 'configFile') values[key] = read(setting, input, file, problems);
  }
  // Every key of the table was just read by its own form.
  const config = values as Config;
  if (problems.length === 0) problems.push(...contradictions(config, find(settings.shards, input, file)));
  if (problems.length > 0) return { type: 'problems', problems };
  return { type: 'config', config };
}

/** `--port: "abc" is not allowed; allowed: a whole number from 0 to 65535` */
export function describeProblem({ source, value, reason }: ConfigProblem): string {
  return `${source}: ${value === '' ? '' : `"${value}" `}${reason}`;
}

export function allSettings(): readonly (readonly [SettingKey, Setting])[] {
  // Object.entries forgets that the keys are the table's.
  return Object.entries(settings) as unknown as readonly (readonly [SettingKey, Setting])[];
}

/** What goes together with what; only looked at when every value is readable by itself. */
function contradictions(config: Config, shards: Given | undefined): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  if (config.mode === 'production' && config.tokenKeyFile === undefined) {
    found.push({
      source: '--token-key-file',
      value: '',
      reason: 'is needed in production mode; allowed: a file with base64 of 32 random bytes or more',
    });
  }
  const { partitions } = config;
  // The default of shards bends, to what is given here as to what is stored; see `shard-count.ts`.
  if (shards !== undefined && partitions !== undefined && mostShards(config.shards) > partitions) {
    const reason = `is more than the ${partitions} partitions; allowed: at most one shard per partition`;
    found.push({ source: shards.source, value: shards.text, reason });
  }
  return found;
}

interface ConfigFile {
  readonly path: string;
  readonly shownPath: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface Given {
  readonly source: string;
  readonly text: string;
  readonly directory: string;
}

function read<T>(
  setting: Setting<T>,
  input: ConfigInput,
  file: ConfigFile | undefined,
  problems: ConfigProblem[],
): T {
  const fallback = setting.default(input.machine);
  const given = find(setting, input, file);
  if (given === undefined) return asPath(setting, fallback, input.directory);
  const parsed = setting.form.parse(given.text);
  if ('value' in parsed) return asPath(setting, parsed.value, given.directory);
  const why = parsed.refused === '' ? 'is not allowed' : `is not allowed: ${parsed.refused}`;
  const value = setting.shown?.(given.text) ?? given.text;
  problems.push({ source: given.source, value, reason: `${why}; allowed: ${setting.form.allowed}` });
  return fallback;
}

/** The first place that gives the setting (C1). A variable that is set to nothing counts as not set. */
function find(setting: Setting, input: ConfigInput, file: ConfigFile | undefined): Given | undefined {
  const { directory } = input;
  const flag = input.flags[setting.name];
  if (flag !== undefined) {
    const source = flag === false ? `--no-${setting.name}` : `--${setting.name}`;
    return { source, text: String(flag), directory };
  }
  for (const name of environmentNames(setting)) {
    const text = input.env[name];
    if (text !== undefined && text !== '') return { source: name, text, directory };
  }
  const stored = file?.values[setting.name];
  if (file === undefined || stored === undefined) return undefined;
  const text = typeof stored === 'object' ? JSON.stringify(stored) : String(stored);
  return { source: `${setting.name} in ${file.shownPath}`, text, directory: nodePath.dirname(file.path) };
}

function asPath<T>(setting: Setting<T>, value: T, directory: string): T {
  if (setting.type !== 'path' || typeof value !== 'string') return value;
  // A path setting's T is string (or undefined, handled above).
  return nodePath.resolve(directory, value) as T;
}

function readConfigFile(
  configFile: string | undefined,
  input: ConfigInput,
  problems: ConfigProblem[],
): ConfigFile | undefined {
  const path = configFile ?? nodePath.resolve(input.directory, defaultFile);
  const shownPath = nodePath.relative(input.directory, path) || path;
  const problem = (reason: string): undefined => {
    problems.push({ source: '--config', value: shownPath, reason });
  };
  let text: string | undefined;
  try {
    text = input.readFile(path);
  } catch (error) {
    return problem(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text === undefined) return configFile === undefined ? undefined : problem('does not exist');
  const values = parseObject(text);
  if (values === undefined) return problem('is not allowed; allowed: one JSON object of settings by name');
  problems.push(...unknownKeys(values, shownPath));
  return { path, shownPath, values };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Readonly<Record<string, unknown>>;
  } catch {
    // A syntax error and a value of another shape get the same answer.
    return undefined;
  }
}

function unknownKeys(values: Readonly<Record<string, unknown>>, shownPath: string): ConfigProblem[] {
  // The file cannot name another file.
  const known = allSettings().flatMap(([key, { name }]) => (key === 'configFile' ? [] : [name]));
  return Object.keys(values)
    .filter((key) => !known.includes(key))
    .map((key) => ({ source: shownPath, value: key, reason: `is not a setting${suggestion(key, known)}` }));
}

/** Only the prefix that is ours: nobody can know what the other variables of an environment are for. */
function unknownVariables(env: ConfigInput['env']): ConfigProblem[] {
  const known = allSettings().flatMap(([, setting]) => environmentNames(setting));
  return Object.keys(env)
    .filter((name) => name.startsWith('TROUPE_') && !known.includes(name))
    .map((name) => ({
      source: 'environment',
      value: name,
      reason: `is not a setting${suggestion(name, known)}`,
    }));
}

/** `; did you mean port?` when a known word is at most two edits away. */
function suggestion(word: string, known: readonly string[]): string {
  let best = '';
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : `; did you mean ${best}?`;
}

/** Levenshtein, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
