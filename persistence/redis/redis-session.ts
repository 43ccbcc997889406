/**
 * What one thread holds of a Redis store: two connections, so that no read or table commit stands before an append, and, in the
 * thread that opened first, the lease of the node and the rollback witness.
 *
 * S1  A connection is ready only on the server on which the other one is, when that is ready: whichever finds another server takes the
 *     other one along, by cutting it off. What was taken before counts no more from then on (`server-binding.ts`).
 * S2  A server that changes under a connection, as a switch to its replica and back does, is found by `lookAtServer`: both connections
 *     are made anew, and verified.
 */
import { randomBytes } from 'node:crypto';
import type { PartitionCount } from '../partition-count.js';
import { ServerBinding, type ServerRun } from '../server-binding.js';
import type { Durability } from '../store.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReport } from '../store-report.js';
import { AcknowledgedHeads } from './acknowledged-heads.js';
import { loadLibrary } from './function-library.js';
import { checkHeads } from './heads-check.js';
import { RedisKeys } from './keys.js';
import { acquireLease, type NodeLease } from './node-lease.js';
import { parseRedisUrl, type RedisTlsFiles } from './redis-address.js';
import { RedisConnection, type SendCommand } from './redis-connection.js';
import { accessFailure } from './reply-error.js';
import { checkWitness, keepInMind, type RollbackWitness, readWitness } from './rollback-witness.js';
import { askServer, askServerRun, assertServer, describeServer, serverRun } from './server-check.js';
import { openPlace, type StorePlace } from './store-place.js';
import { WitnessKeeper } from './witness-keeper.js';

export interface RedisSessionOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly tls?: RedisTlsFiles;
  /** Separates installations on one server. Default `troupe`. */
  readonly prefix?: string;
  /** 1–65,535; fixed when the store is created. */
  readonly partitionCount: PartitionCount;
  /** Default `disk`: the server must flush before it acknowledges. */
  readonly durability?: Durability;
  readonly clock: StoreClock;
  readonly report?: StoreReport;
  /** False in every thread but the one that opened first. Default true. */
  readonly lock?: boolean;
  /** A file that outlives the process and tells whether the store was put back meanwhile. Looked at with `lock`. */
  readonly witnessFile?: string;
}

const prefixPattern = /^[A-Za-z0-9._-]{1,64}$/;
/** A server that is just being started is waited for. */
const patienceMs = 5_000;
const patiencePollMs = 100;

export class RedisSession {
  readonly keys: RedisKeys;
  readonly heads: AcknowledgedHeads;
  readonly binding = new ServerBinding();
  readonly prefix: string;
  readonly report: StoreReport;
  /** `Redis 7.0.15, appendfsync always at 127.0.0.1:6379/0`. */
  server = 'Redis';
  readonly #options: RedisSessionOptions;
  #place: StorePlace | undefined;
  #connection: RedisConnection | undefined;
  #log: RedisConnection | undefined;
  #lease: NodeLease | undefined;
  #keeper: WitnessKeeper | undefined;
  #look: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: RedisSessionOptions) {
    const { prefix = 'troupe', report = () => {} } = options;
    if (!prefixPattern.test(prefix))
      throw new StoreFailure('store-address', `"${prefix}" is no prefix: 1–64 letters, digits, dots, dashes`);
    this.#options = options;
    this.prefix = prefix;
    this.report = report;
    this.keys = new RedisKeys(prefix);
    const { witnessFile } = options;
    this.heads = new AcknowledgedHeads(report, (heads) => {
      try {
        if (witnessFile !== undefined) keepInMind(witnessFile, heads);
      } catch (error) {
        report('error', 'rollback-witness-not-written', { file: witnessFile, message: String(error) });
      }
    });
  }

  /** Throws as `openRedisStore`, having left nothing open. */
  static async open(options: RedisSessionOptions): Promise<RedisSession> {
    const session = new RedisSession(options);
    try {
      await session.#open();
      return session;
    } catch (error) {
      await session.close();
      throw accessFailure(error, parseRedisUrl(options.url).shown);
    }
  }

  /** As the store was created. */
  get partitionCount(): number {
    return (this.#place as StorePlace).partitionCount;
  }

  /** For everything but appends. */
  get connection(): RedisConnection {
    return this.#connection as RedisConnection;
  }

  /** For appends. */
  get log(): RedisConnection {
    return this.#log as RedisConnection;
  }

  /** S2. Whoever asks while a look is under way shares it. Rejects without a connection. */
  lookAtServer(): Promise<void> {
    this.#look ??= this.#lookAtServer().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<void> {
    const { clock, lock = true, partitionCount } = this.#options;
    const { keys, prefix, report } = this;
    this.#connection = await this.#connect('tables', () => this.#log);
    this.#log = await this.#connect('log', () => this.#connection);
    const { send } = this.#connection;
    const nonce = randomBytes(9).toString('base64url');
    if (lock) this.#lease = await acquireLease({ key: keys.node, send, clock, report, nonce });
    const file = lock ? this.#options.witnessFile : undefined;
    const witness = file === undefined ? undefined : readWitness(file);
    this.#place = await openPlace({
      send,
      keys,
      prefix,
      partitionCount,
      mayCreate: lock,
      witness,
      now: clock.now(),
    });
    if (file !== undefined) await this.#keepWitness(file, this.#place.id, witness);
  }

  async #keepWitness(file: string, store: string, witness: RollbackWitness | undefined): Promise<void> {
    const { clock } = this.#options;
    const { keys, heads, partitionCount, report } = this;
    const { send } = this.connection;
    await checkWitness(send, keys, witness?.fences ?? []);
    const parts = { file, store, send, keys, heads, partitionCount, clock, report };
    this.#keeper = await WitnessKeeper.start(parts);
  }

  #connect(purpose: string, sister: () => RedisConnection | undefined): Promise<RedisConnection> {
    const { clock, url, tls, durability = 'disk' } = this.#options;
    const address = parseRedisUrl(url, tls);
    // Everything that must hold before a new connection is used, the first as well as any later one.
    const verify = async (send: SendCommand): Promise<void> => {
      const before = this.binding.server;
      const facts = await askServer(send, address.shown);
      assertServer(facts, durability, address.shown);
      this.server = `${describeServer(facts)} at ${address.shown}`;
      await loadLibrary(send);
      await checkHeads(send, this.keys, this.heads);
      const found = serverRun(facts.info);
      if (found !== this.binding.server) this.#moveTo(found, before, sister());
    };
    const name = `${this.prefix}-${purpose}`;
    return patiently(clock, () =>
      RedisConnection.open({ address, name, clock, report: this.report, verify }),
    );
  }

  /** S1. `before`: where we were when the connection that is on `found` was asked for it. */
  #moveTo(found: ServerRun, before: ServerRun | undefined, sister: RedisConnection | undefined): void {
    const { server } = this.binding;
    // Found earlier than what the other connection has found meanwhile: asked again, it says what holds now.
    if (server !== before)
      throw new StoreFailure('store-unreachable', 'Redis is another server than a moment ago');
    this.binding.moveTo(found);
    if (server === undefined) return;
    this.report('warn', 'redis-server-changed', { server: found, before: server });
    sister?.leave('Redis is another server now');
  }

  async #lookAtServer(): Promise<void> {
    const before = this.binding.server;
    const found = await askServerRun(this.connection.send);
    // Else the other connection was made anew meanwhile, and has found what holds now.
    if (found === before || this.binding.server !== before) return;
    this.#moveTo(found, before, this.connection);
    this.log.leave('Redis is another server now');
  }

  async #close(): Promise<void> {
    await this.#keeper?.stop();
    await this.#lease?.release();
    this.#log?.close();
    this.#connection?.close();
  }
}

/** Tries again for a while when nobody answers. */
async function patiently<T>(clock: StoreClock, attempt: () => Promise<T>): Promise<T> {
  const until = clock.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isUnreachable = error instanceof StoreFailure && error.code === 'store-unreachable';
      if (!isUnreachable || clock.now() >= until) throw error;
    }
    // Not the clock's timer, which would let the process end here.
    await new Promise((resolve) => setTimeout(resolve, patiencePollMs));
  }
}
