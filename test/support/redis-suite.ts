/**
 * Where the Redis suites get their server: `REDIS_URL`, or else a private process. Without either they are skipped, with one
 * line that says how to get one; where `CI` is set that is a failure.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import t from 'tap';
import { RedisServer, redisMissing, redisProgram } from './redis-server.js';

export interface SuiteServer {
  readonly url: string;
  /** A prefix nobody has used. */
  freshPrefix(): string;
  /** Deletes the keys of a prefix. */
  clear(prefix: string): Promise<void>;
}

/** Declares a file's tests, which share one server: the function they are given starts it for the first that asks. */
export function redisSuite(name: string, declare: (server: () => Promise<SuiteServer>) => void): void {
  const given = process.env.REDIS_URL;
  if (given === undefined && !hasRedis(name)) return;
  let starting: Promise<RedisServer> | undefined;
  t.teardown(async () => (await starting)?.stop());
  declare(async () => {
    if (given !== undefined) return suiteServer(given);
    starting ??= RedisServer.start();
    return suiteServer((await starting).url);
  });
}

/** For suites that need processes of their own, whatever `REDIS_URL` says. False when there is no program for them. */
export function hasRedis(name: string): boolean {
  if (redisProgram() !== undefined) return true;
  if (process.env.CI === undefined || process.env.CI === 'false')
    void t.test(name, { skip: redisMissing }, async () => {});
  else t.fail(`${name}: ${redisMissing}`);
  return false;
}

function suiteServer(url: string): SuiteServer {
  return {
    url,
    freshPrefix: () => `test-${randomBytes(6).toString('hex')}`,
    async clear(prefix) {
      const client = new Redis(url, { lazyConnect: true });
      await client.connect();
      let cursor = '0';
      do {
        const [next, keys] = await client.scanBuffer(cursor, 'MATCH', `${prefix}:*`, 'COUNT', 1_000);
        if (keys.length > 0) await client.unlink(keys);
        cursor = next.toString();
      } while (cursor !== '0');
      client.disconnect();
    },
  };
}
