/** A Redis server with a fault proxy before it, and stores on either side of the proxy. */
import type { Test } from 'tap';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import type { StoreClock } from '../../../persistence/store-clock.js';
import { type Choice, FaultProxy } from '../../support/fault-proxy.js';
import { RedisServer } from '../../support/redis-server.js';
import { machineClock } from '../embedded-place.js';

export interface ProxiedScene {
  readonly redis: RedisServer;
  readonly proxy: FaultProxy;
  readonly events: string[];
  /** Through the proxy. */
  open(options?: Partial<RedisStoreOptions>): Promise<Store>;
  /** Past it. */
  openDirect(options?: Partial<RedisStoreOptions>): Promise<Store>;
}

/** Reconnects come a tenth of their time after one another, and silence counts as lost after 0.3 s. */
export const quickClock: StoreClock = {
  ...machineClock,
  after: (delayMs, run) => machineClock.after(delayMs / 10, run),
};

/** The connection on which appends travel; all others. */
export const logOnly: Choice = ({ name }) => name.endsWith('-log');
export const tablesOnly: Choice = ({ name }) => name.endsWith('-tables');

export async function proxiedScene(t: Test, partitionCount: number): Promise<ProxiedScene> {
  const redis = await RedisServer.start();
  const proxy = await FaultProxy.start(redis.port);
  t.teardown(async () => {
    await proxy.stop();
    await redis.stop();
  });
  const events: string[] = [];
  let openCount = 0;
  const openAt = async (port: number, options: Partial<RedisStoreOptions>): Promise<Store> => {
    const store = await openRedisStore({
      url: `redis://127.0.0.1:${port}/0`,
      partitionCount,
      clock: quickClock,
      lock: openCount++ === 0,
      report: (_level, event) => events.push(event),
      ...options,
    });
    t.teardown(() => store.close());
    return store;
  };
  return {
    redis,
    proxy,
    events,
    open: (options = {}) => openAt(proxy.port, options),
    openDirect: (options = {}) => openAt(redis.port, options),
  };
}
