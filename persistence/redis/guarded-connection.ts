/**
 * Reads through a connection, unless the store was found to hold less than was acknowledged: then nothing of it is believed.
 */
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { checkHeads } from './heads-check.js';
import type { RedisKeys } from './keys.js';
import type { RedisConnection } from './redis-connection.js';
import { storageUnavailable } from './reply-error.js';
import type { Argument } from './request-bytes.js';

export class GuardedConnection {
  readonly #connection: RedisConnection;
  readonly #keys: RedisKeys;
  readonly #heads: AcknowledgedHeads;

  constructor(parts: {
    readonly connection: RedisConnection;
    readonly keys: RedisKeys;
    readonly heads: AcknowledgedHeads;
  }) {
    this.#connection = parts.connection;
    this.#keys = parts.keys;
    this.#heads = parts.heads;
  }

  /** Throws why the store was halted, or `storage-unavailable`. */
  async ask(name: string, args: readonly Argument[]): Promise<unknown> {
    if (this.#heads.halted !== undefined) throw this.#heads.halted;
    try {
      return await this.#connection.send(name, args);
    } catch (error) {
      throw storageUnavailable(error);
    }
  }

  /** Asks the store anew; undefined when it holds what it should, or cannot be asked now. */
  async whyHalted(): Promise<string | undefined> {
    await checkHeads(this.#connection.send, this.#keys, this.#heads).catch(() => undefined);
    return this.#heads.halted?.message;
  }
}
