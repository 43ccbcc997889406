/** A primary and its replica, with an address that leads to the one or the other. */
import type { Test } from 'tap';
import { parseInfo } from '../../../persistence/redis/server-info.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { withClient } from './redis-place.js';

export interface ReplicatedPair {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** Leads to the primary, at first. */
  readonly address: FaultProxy;
  readonly url: string;
  /** Resolves when the replica has everything. */
  replicated(): Promise<void>;
  /** From now on nothing comes to the replica; `reconnect` lets it have what it has missed. */
  cutOff(): void;
  reconnect(): void;
  /** The replica is one no more, and the address leads new connections to it. */
  promote(): Promise<void>;
  /** A planned switch to the replica and back: the primary has the data of the replica then, and is the same process on the same connections. */
  switchAndBack(): Promise<void>;
  /** The primary dies, and the replica takes over. */
  failOver(): Promise<void>;
}

export async function replicatedPair(t: Test): Promise<ReplicatedPair> {
  // Otherwise a primary waits five seconds for more replicas.
  const prompt = ['--repl-diskless-sync-delay', '0'];
  const primary = await RedisServer.start({ args: prompt });
  const address = await FaultProxy.start(primary.port);
  const link = await FaultProxy.start(primary.port);
  const replica = await RedisServer.start({ args: [...prompt, '--replicaof', `127.0.0.1 ${link.port}`] });
  t.teardown(async () => {
    for (const each of [address, link, primary, replica]) await each.stop();
  });
  const offset = (server: RedisServer, field: string): Promise<string | undefined> =>
    withClient(
      server.url,
      async (client) => new RegExp(`${field}:(\\d+)`).exec(await client.info('replication'))?.[1],
    );
  const follows = (server: RedisServer): Promise<boolean> =>
    withClient(server.url, async (client) => {
      const facts = parseInfo(await client.info('replication'));
      return facts.get('role') === 'slave' && facts.get('master_link_status') === 'up';
    });
  // The first replica gives the primary a new replication id.
  await until(() => follows(replica));
  const promote = async (): Promise<void> => {
    await withClient(replica.url, (client) => client.replicaof('NO', 'ONE'));
    address.targetPort = replica.port;
  };
  return {
    ...{ primary, replica, address, promote },
    url: `redis://127.0.0.1:${address.port}/0`,
    replicated: () =>
      until(async () => {
        const wanted = await offset(primary, 'master_repl_offset');
        return wanted !== undefined && wanted === (await offset(replica, 'slave_repl_offset'));
      }),
    cutOff: () => link.hold('down'),
    reconnect: () => link.release('down'),
    async switchAndBack() {
      await withClient(replica.url, (client) => client.replicaof('NO', 'ONE'));
      await withClient(primary.url, async (client) => {
        await client.replicaof('127.0.0.1', replica.port);
        await until(() => follows(primary));
        await client.replicaof('NO', 'ONE');
      });
    },
    async failOver() {
      await primary.kill();
      await promote();
      address.reset();
    },
  };
}
