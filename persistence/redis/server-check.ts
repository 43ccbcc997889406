/**
 * Whether a Redis server will keep what it acknowledges. Pure decisions over INFO and CONFIG GET; the shell is `askServer`.
 */
import type { ServerRun } from '../server-binding.js';
import type { Durability } from '../store.js';
import { StoreFailure } from '../store-failure.js';
import type { SendCommand } from './redis-connection.js';
import { parseInfo } from './server-info.js';

/** Functions and their library came with it. */
export const versionMajorMin = 7;

export interface ServerFacts {
  readonly info: ReadonlyMap<string, string>;
  /** Undefined where our user may not read the configuration. */
  readonly settings: ReadonlyMap<string, string> | undefined;
}

/**
 * What a server must be set to so that nothing acknowledged is lost when the power is cut.
 *
 * `aof-load-truncated`: with `yes`, a start after a cut in the middle of a group (MULTI … EXEC) leaves the beginning of that group in
 * the file, and everything appended later becomes a part of it: at the start after that, entries are lost or are the wrong
 * ones (mended by https://github.com/valkey-io/valkey/pull/4342 in later Valkeys). With `no` the server asks for
 * `redis-check-aof --fix`, which takes such a group away as a whole.
 */
const lasting = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'aof-load-truncated': 'no',
} as const;

/** Throws `store-incompatible` for a server that would not even understand the rest. */
export async function askServer(send: SendCommand, shown: string): Promise<ServerFacts> {
  const info = parseInfo(String(await send('INFO', [])));
  assertVersion(info, shown);
  let settings: ReadonlyMap<string, string> | undefined;
  try {
    settings = parsePairs((await send('CONFIG', ['GET', ...Object.keys(lasting)])) as readonly Buffer[]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOPERM'))) throw error;
  }
  return { info, settings };
}

/**
 * A server that was demoted, took over the data of another and was promoted again has the `run_id` of before and data that may lack
 * rows; each promotion gives it a new `master_replid`. So do its first replica and the end of its backlog, which costs a needless taking.
 */
export function serverRun(info: ServerFacts['info']): ServerRun {
  return `${info.get('run_id')} ${info.get('master_replid')}`;
}

/** Asks only for what `serverRun` needs. */
export async function askServerRun(send: SendCommand): Promise<ServerRun> {
  return serverRun(parseInfo(String(await send('INFO', ['server', 'replication']))));
}

/** Throws `store-incompatible` or `store-unsafe` with what a person has to change. */
export function assertServer({ info, settings }: ServerFacts, durability: Durability, shown: string): void {
  const server = `Redis at ${shown}`;
  assertVersion(info, shown);
  const mode = info.get('redis_mode');
  if (mode !== undefined && mode !== 'standalone')
    throw incompatible(
      `${server} runs in ${mode} mode; a group spans partitions, so one server without cluster mode is needed`,
    );
  if (info.get('role') === 'slave')
    throw incompatible(`${server} is a replica; give the address of the primary`);
  // Of INFO, which every user of ours may ask.
  const policy = info.get('maxmemory_policy');
  if (policy !== 'noeviction')
    throw unsafe(
      `${server} may evict data: set maxmemory-policy to noeviction (it is ${policy ?? 'unknown'})`,
    );
  assertDurability(settings, durability, server);
}

function assertVersion(info: ServerFacts['info'], shown: string): void {
  const version = info.get('redis_version') ?? 'unknown';
  if (Number.parseInt(version, 10) >= versionMajorMin) return;
  throw incompatible(`Redis at ${shown} is version ${version}; ${versionMajorMin}.0 or newer is needed`);
}

function assertDurability(settings: ServerFacts['settings'], durability: Durability, server: string): void {
  if (settings === undefined) {
    if (durability === 'none') return;
    throw unsafe(
      `${server} does not let us read its settings; allow "config|get" to our user, or accept what it is set to with --durability none`,
    );
  }
  if (durability === 'none') return;
  const wrong = Object.entries(lasting).filter(([name, wanted]) => settings.get(name) !== wanted);
  if (wrong.length === 0) return;
  const list = wrong
    .map(([name, wanted]) => `${name} ${wanted} (it is ${settings.get(name) ?? 'unknown'})`)
    .join(', ');
  throw unsafe(
    `${server} would lose acknowledged work in a power cut: set ${list}, or accept the loss with --durability none`,
  );
}

/** `Redis 7.0.15, appendfsync always`, for the banner. */
export function describeServer({ info, settings }: ServerFacts): string {
  const valkey = info.get('valkey_version');
  const name = valkey === undefined ? `Redis ${info.get('redis_version')}` : `Valkey ${valkey}`;
  if (settings === undefined) return name;
  return settings.get('appendonly') === 'yes'
    ? `${name}, appendfsync ${settings.get('appendfsync')}`
    : `${name}, no append-only file`;
}

/** Above the first share of the memory a warning; above the second no new data. */
export const memoryWarnShare = 0.7;
export const memoryRefuseShare = 0.9;

export interface MemoryFacts {
  readonly usedBytes: number;
  /** `maxmemory`, or the machine's where none is set; 0 where neither is told. */
  readonly limitBytes: number;
}

export function memoryOf(info: ReadonlyMap<string, string>): MemoryFacts {
  const number = (name: string): number => Number(info.get(name) ?? 0);
  return {
    usedBytes: number('used_memory'),
    limitBytes: number('maxmemory') || number('total_system_memory'),
  };
}

export type MemoryLevel = 'enough' | 'warn' | 'refuse';

export function memoryLevel({ usedBytes, limitBytes }: MemoryFacts): MemoryLevel {
  if (limitBytes === 0) return 'enough';
  const share = usedBytes / limitBytes;
  if (share >= memoryRefuseShare) return 'refuse';
  return share >= memoryWarnShare ? 'warn' : 'enough';
}

function parsePairs(flat: readonly Buffer[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.set(String(flat[at]), String(flat[at + 1]));
  return pairs;
}

function incompatible(message: string): StoreFailure {
  return new StoreFailure('store-incompatible', message);
}

function unsafe(message: string): StoreFailure {
  return new StoreFailure('store-unsafe', message);
}
