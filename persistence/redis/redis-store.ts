/**
 * The store over one Redis server, for one thread: each opens its own. Two connections, so that no read or table commit stands
 * before an append; both check on every new connection that the server is the one it should be (`verify`).
 */
import { randomBytes } from 'node:crypto';
import { hashEntry, sameHash } from '../entry.js';
import type { Durability, Store } from '../store.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReport } from '../store-report.js';
import { AcknowledgedHeads } from './acknowledged-heads.js';
import { parseFence } from './fence-text.js';
import { functions, libraryCode, libraryName } from './function-library.js';
import { RedisKeys } from './keys.js';
import { MemoryGuard } from './memory-guard.js';
import { acquireLease, type NodeLease } from './node-lease.js';
import { parseRedisUrl, type RedisTlsFiles } from './redis-address.js';
import { RedisConnection, type SendCommand } from './redis-connection.js';
import { RedisJournal } from './redis-journal.js';
import { redisOwnership } from './redis-ownership.js';
import { RedisTables } from './redis-tables.js';
import { storageUnavailable } from './reply-error.js';
import { askServer, assertServer, describeServer } from './server-check.js';
import { openPlace } from './store-place.js';

export interface RedisStoreOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly tls?: RedisTlsFiles;
  /** Separates installations on one server. Default `troupe`. */
  readonly prefix?: string;
  /** 1–65,535; fixed when the store is created. */
  readonly partitionCount: number;
  /** Default `disk`: the server must flush before it acknowledges. */
  readonly durability?: Durability;
  readonly clock: StoreClock;
  readonly report?: StoreReport;
  /** Tables that are read by key only: no index of their keys is kept. */
  readonly pointTables?: readonly string[];
  /** False in every thread but the one that opened first. Default true. */
  readonly lock?: boolean;
}

const partitionCountMax = 0xffff;
const prefixPattern = /^[A-Za-z0-9._-]{1,64}$/;
/** A server that is just being started is waited for. */
const patienceMs = 5_000;
const patiencePollMs = 100;

/**
 * Opens the store, creating it if needed. Throws `StoreFailure`: `store-address`, `store-unreachable`, `store-access`,
 * `store-unsafe`, `store-incompatible`, `store-locked`.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { partitionCount, clock, durability = 'disk', prefix = 'troupe', lock = true } = options;
  const report = options.report ?? ((): void => {});
  if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > partitionCountMax)
    throw new RangeError(`a store has 1–${partitionCountMax} partitions, not ${partitionCount}`);
  if (!prefixPattern.test(prefix))
    throw new StoreFailure('store-address', `"${prefix}" is no prefix: 1–64 letters, digits, dots, dashes`);
  const address = parseRedisUrl(options.url, options.tls);
  const keys = new RedisKeys(prefix, partitionCount);
  const heads = new AcknowledgedHeads(partitionCount, report);
  let server = 'Redis';
  const verify = async (send: SendCommand): Promise<void> => {
    const facts = await askServer(send, address.shown);
    assertServer(facts, durability, address.shown);
    server = describeServer(facts);
    await loadLibrary(send);
    await checkHeads(send, keys, heads);
  };
  const connect = (name: string): Promise<RedisConnection> =>
    patiently(() => RedisConnection.open({ address, name: `${prefix}-${name}`, clock, report, verify }));

  const connection = await connect('tables');
  let log: RedisConnection | undefined;
  let lease: NodeLease | undefined;
  try {
    log = await connect('log');
    const nonce = randomBytes(9).toString('base64url');
    if (lock) lease = await acquireLease({ key: keys.node, send: connection.send, clock, report, nonce });
    await openPlace({
      send: connection.send,
      keys,
      prefix,
      partitionCount,
      mayCreate: lock,
      now: clock.now(),
    });
  } catch (error) {
    await lease?.release();
    log?.close();
    connection.close();
    throw error;
  }
  const journal = new RedisJournal({ log, connection, keys, heads, partitionCount });
  const pointTables = new Set(options.pointTables);
  const tables = new RedisTables({ connection, keys, heads, partitionCount, pointTables });
  const memory = new MemoryGuard(connection, report);
  await memory.measure();
  let closing: Promise<void> | undefined;
  const close = async (held: RedisConnection): Promise<void> => {
    await lease?.release();
    held.close();
    connection.close();
  };
  const heldLog = log;
  return {
    journal,
    tables,
    ownership: redisOwnership({ connection, journal, keys, heads, partitionCount }),
    partitionCount,
    durability,
    description: `${server} at ${address.shown}, prefix ${prefix}`,
    failsWithProcess: false,
    readManifest: async () => {
      const text = (await ask(connection, 'GET', [keys.manifest])) as Buffer | null;
      return text ?? undefined;
    },
    replaceManifest: async (expected, next) => {
      const args = [functions.replace, '1', keys.manifest, expected === undefined ? '0' : '1'];
      const documents = [Buffer.from(expected ?? []), Buffer.from(next)];
      return (await ask(connection, 'FCALL', [...args, ...documents])) === 1;
    },
    space: () => memory.measure(),
    close: () => {
      closing ??= close(heldLog);
      return closing;
    },
  };
}

async function ask(connection: RedisConnection, name: string, args: readonly (string | Buffer)[]) {
  try {
    return await connection.send(name, args);
  } catch (error) {
    throw storageUnavailable(error);
  }
}

/** A library of the same name has the same code: the name holds its hash. */
async function loadLibrary(send: SendCommand): Promise<void> {
  const found = await send('FUNCTION', ['LIST', 'LIBRARYNAME', libraryName]);
  if (Array.isArray(found) && found.length > 0) return;
  try {
    await send('FUNCTION', ['LOAD', libraryCode]);
  } catch (error) {
    // Another thread was faster.
    if (!(error instanceof Error && error.message.includes('already exists'))) throw error;
  }
}

/** What this thread knows to be acknowledged must be there, before anything else is done on a new connection. */
async function checkHeads(send: SendCommand, keys: RedisKeys, heads: AcknowledgedHeads): Promise<void> {
  const known = heads.known();
  if (known.length === 0) return;
  const fences = (await send(
    'MGET',
    known.map((partition) => keys.fence(partition)),
  )) as (Buffer | null)[];
  for (const [index, partition] of known.entries()) {
    const text = fences[index];
    const stored = text == null ? undefined : parseFence(text.toString());
    heads.check(partition, stored);
    const newest = heads.newest(partition);
    // Another owner went on from here: then what we know must be in its log.
    if (newest === undefined || newest.position === 0 || stored?.fence.epoch === newest.fence.epoch) continue;
    const id = `${newest.position}-0`;
    const [entry] = (await send('XRANGE', [keys.log(partition), id, id])) as [Buffer, [Buffer, Buffer]][];
    if (entry !== undefined && !sameHash(hashEntry(entry[1][1]), newest.hash))
      heads.halt(`partition ${partition}: another entry stands at ${newest.position} than was acknowledged`);
  }
  if (heads.halted !== undefined) throw heads.halted;
}

/** Tries again for a while when nobody answers. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += patiencePollMs) {
    try {
      return await attempt();
    } catch (error) {
      const isUnreachable = error instanceof StoreFailure && error.code === 'store-unreachable';
      if (!isUnreachable || waitedMs >= patienceMs) throw error;
    }
    // Not the clock's timer, which would let the process end here.
    await new Promise((resolve) => setTimeout(resolve, patiencePollMs));
  }
}
