/**
 * One connection to Redis, made anew whenever it is lost.
 *
 *     opening ──▸ ready ──lost──▸ waiting ──backoff──▸ opening …        close() from anywhere ──▸ closed
 *        └ loading: Redis reads its files; asked again until it is done, however long that takes
 *        └ verify: what must hold before anything is let through; a failed one ends the connection like a loss
 *
 * N1  Nothing is queued while there is no connection, and nothing is ever sent twice: a command that was under way when the
 *     connection was lost is rejected at once, and whoever sent it looks.
 * N2  Commands reach Redis in the order of `send`.
 * N3  A connection on which nothing comes back for `replyDeadlineMs` counts as lost.
 * N4  What still comes in on a connection that was left is not told to anybody: it counts as lost.
 */
import { Redis } from 'ioredis';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReport } from '../store-report.js';
import { type RedisAddress, tlsOptions } from './redis-address.js';
import { accessFailure, needsNewConnection } from './reply-error.js';
import { type Argument, PlainCommand } from './request-bytes.js';
import { parseInfo } from './server-info.js';
import { restoreStringPrototype } from './string-prototype.js';
import { tlsRefusal } from './tls-refusal.js';

restoreStringPrototype();

/** Long enough for a stalled disk; short enough that a group is asked for again within its deadline. */
export const replyDeadlineMs = 3_000;
const connectDeadlineMs = 5_000;
/** Between two attempts; doubles from the least to the most, and jitter spreads it over its upper half. */
const reconnectDelayMsLeast = 20;
const reconnectDelayMsMost = 2_000;
/** While Redis reads its file, ask again so often. */
const loadingPollMs = 200;

export type SendCommand = (name: string, args: readonly Argument[]) => Promise<unknown>;

export interface RedisConnectionOptions {
  readonly address: RedisAddress;
  /** As CLIENT LIST shows it. */
  readonly name: string;
  readonly clock: StoreClock;
  readonly report: StoreReport;
  /** Runs on every new connection before anything else. A `StoreFailure` or `OperatingError` it throws is `open`'s. */
  readonly verify: (send: SendCommand) => Promise<void>;
}

export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  #client: Redis | undefined;
  /** N4. */
  #left: Redis | undefined;
  #isReady = false;
  #isClosed = false;
  #attempts = 0;
  #lastError: unknown;
  /** Why the newest attempt failed, as it was reported. */
  #complaint = '';
  #underWay = 0;
  #replies = 0;
  #isCorked = false;
  #isWatched = false;

  private constructor(options: RedisConnectionOptions) {
    this.#options = options;
  }

  /** Resolves when the first connection is verified. Throws `store-unreachable`, or what `verify` threw. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(options);
    await connection.#connect();
    return connection;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why nothing can be asked now; undefined while there is a connection. */
  get outage(): string | undefined {
    if (this.#isReady) return undefined;
    const closed = `Redis at ${this.#options.address.shown} closed the connection`;
    return this.#lastError instanceof Error ? this.#lastError.message : closed;
  }

  /** Bulk replies are Buffers. Rejects at once when there is no connection (N1); `faultOf` tells what an error leaves behind. */
  readonly send: SendCommand = (name, args) => {
    const client = this.#client;
    if (!this.#isReady || client === undefined) return Promise.reject(this.#unreachable());
    return this.#sendOn(client, name, args);
  };

  /** Makes the connection anew; what is under way is rejected (N4). Nothing happens when there is none. */
  leave(why: string): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#left = this.#client;
    this.#lastError = new Error(why);
    this.#client?.disconnect();
  }

  /** What is under way is rejected. */
  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
    this.#client?.disconnect();
  }

  async #sendOn(client: Redis, name: string, args: readonly Argument[]): Promise<unknown> {
    this.#underWay += 1;
    this.#watch();
    this.#cork(client);
    try {
      const reply = await client.sendCommand(new PlainCommand(name, args));
      if (client === this.#left) throw this.#unreachable();
      return reply;
    } catch (error) {
      if (needsNewConnection(error)) client.disconnect();
      throw error;
    } finally {
      this.#underWay -= 1;
      this.#replies += 1;
    }
  }

  /** What is sent in one turn goes out in one write: a turn asks the tables of each partition, and Redis would wake for each. */
  #cork({ stream }: Redis): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  async #connect(): Promise<void> {
    const { address, name, verify } = this.#options;
    const client = new Redis({
      host: address.host,
      port: address.port,
      db: address.db,
      ...(address.username === undefined ? {} : { username: address.username }),
      ...(address.password === undefined ? {} : { password: address.password }),
      ...withTls(address),
      connectionName: name,
      protocol: 2,
      disableClientInfo: true,
      lazyConnect: true,
      // Asked below, where a server that does not answer is left.
      enableReadyCheck: false,
      // N1. One client is one connection: its own reconnecting would neither resend nor reject what was under way.
      retryStrategy: null,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
    });
    this.#client = client;
    client.on('error', (error: unknown) => {
      this.#lastError = error;
    });
    // Of the handshakes of TCP, TLS and Redis together: a server may accept and say nothing.
    let silence: Error | undefined;
    const stopWaiting = this.#options.clock.after(connectDeadlineMs, () => {
      const hint = address.isTls ? '; does it speak TLS on this port?' : '';
      silence = new Error(`no answer for ${connectDeadlineMs} ms${hint}`);
      client.disconnect();
    });
    try {
      await client.connect();
      stopWaiting();
      await this.#untilLoaded(client);
    } catch (error) {
      stopWaiting();
      client.disconnect();
      if (silence !== undefined) this.#lastError = silence;
      throw this.#connectFailure(error);
    }
    try {
      await this.#assertDatabase(client);
      await verify((command, args) => this.#sendOn(client, command, args));
    } catch (error) {
      client.disconnect();
      throw error;
    }
    // Lost while it was verified: then it has ended already and nobody would hear of it again.
    if (client.status !== 'ready') throw this.#unreachable();
    client.once('end', () => this.#lost(client));
    this.#attempts = 0;
    this.#lastError = undefined;
    this.#complaint = '';
    this.#isReady = true;
  }

  /** However long: giving up would not make it faster, and the share tells a person that it goes on. */
  async #untilLoaded(client: Redis): Promise<void> {
    const { name, report } = this.#options;
    for (let isNews = true; ; isNews = false) {
      const facts = parseInfo(String(await this.#sendOn(client, 'INFO', ['persistence'])));
      if (facts.get('loading') !== '1') return;
      const share = `${Math.floor(Number(facts.get('loading_loaded_perc') ?? 0))} %`;
      this.#lastError = new Error(`LOADING Redis reads its files, ${share} so far`);
      if (isNews) report('warn', 'redis-loading', { connection: name, loaded: share });
      // Not the clock's timer, which would let the process end here.
      await new Promise((resolve) => setTimeout(resolve, loadingPollMs));
    }
  }

  /** The client's own SELECT goes on with database 0 when it fails, which may be somebody else's. */
  async #assertDatabase(client: Redis): Promise<void> {
    const { db, shown } = this.#options.address;
    if (db === 0) return;
    await this.#sendOn(client, 'SELECT', [String(db)]).catch((cause: unknown) => {
      if (!(cause instanceof Error && cause.name === 'ReplyError')) throw cause;
      throw new StoreFailure('store-address', `Redis at ${shown} has no database ${db}: ${cause.message}`, {
        cause,
      });
    });
  }

  #lost(client: Redis): void {
    if (this.#client !== client) return;
    this.#isReady = false;
    if (this.#isClosed) return;
    this.#options.report('warn', 'redis-connection-lost', {
      connection: this.#options.name,
      message: this.#lastError instanceof Error ? this.#lastError.message : 'closed by the server',
    });
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    const most = Math.min(reconnectDelayMsMost, reconnectDelayMsLeast * 2 ** this.#attempts++);
    this.#options.clock.after(most * (0.5 + Math.random() / 2), () => {
      if (this.#isClosed) return;
      this.#connect().then(
        () => this.#options.report('info', 'redis-connection-back', { connection: this.#options.name }),
        (error: unknown) => this.#reconnectFailed(error),
      );
    });
  }

  #reconnectFailed(error: unknown): void {
    if (this.#isClosed) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#lastError = error;
    if (this.#complaint !== message)
      this.#options.report('warn', 'redis-reconnect-failed', { connection: this.#options.name, message });
    this.#complaint = message;
    this.#reconnectLater();
  }

  /** N3. One timer, only while something is under way. */
  #watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    const [client, replies] = [this.#client, this.#replies];
    this.#options.clock.after(replyDeadlineMs, () => {
      this.#isWatched = false;
      if (this.#underWay === 0) return;
      if (this.#client === client && this.#replies === replies) {
        this.#lastError = new Error(`no reply for ${replyDeadlineMs} ms`);
        client?.disconnect();
      } else this.#watch();
    });
  }

  #connectFailure(error: unknown): unknown {
    const { shown } = this.#options.address;
    for (const cause of [error, this.#lastError]) {
      const refusal = tlsRefusal(cause);
      if (refusal !== undefined)
        return new StoreFailure('store-access', `Redis at ${shown}: ${refusal}`, { cause });
      const failure = accessFailure(cause, shown);
      if (failure !== cause) return failure;
    }
    const cause = this.#lastError ?? error;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new StoreFailure('store-unreachable', `Redis at ${shown} cannot be reached: ${why}`, { cause });
  }

  #unreachable(): StoreFailure {
    const { shown } = this.#options.address;
    if (this.#isClosed)
      return new StoreFailure('store-closed', `the connection to Redis at ${shown} is closed`);
    const why = this.#lastError instanceof Error ? `: ${this.#lastError.message}` : '';
    return new StoreFailure('store-unreachable', `there is no connection to Redis at ${shown}${why}`);
  }
}

function withTls(address: RedisAddress): { tls?: NonNullable<ReturnType<typeof tlsOptions>> } {
  const tls = tlsOptions(address);
  return tls === undefined ? {} : { tls };
}
