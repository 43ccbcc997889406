/** A whole system whose Redis is taken over by a replica: what the replica lacks is not answered, and done once all the same. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { createSystem, type System } from '../../ops/index.js';
import { logOnly } from '../persistence/redis/proxied-store.js';
import { withClient } from '../persistence/redis/redis-place.js';
import { type ReplicatedPair, replicatedPair } from '../persistence/redis/replicated-pair.js';
import type { RedisServer } from '../support/redis-server.js';
import { hasRedis } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';
import { counterContract, move } from './fixtures/counter-app.js';

const moduleFile = new URL('./fixtures/counter-app.js', import.meta.url);

const partitions = [0, 1];
/** A result that an ordinary caller would ask again after. */
const passing = ['storage-unavailable', 'outcome-unknown', 'idempotency-in-progress'];

interface Scene extends ReplicatedPair {
  readonly system: System;
  readonly fatal: unknown[];
  readonly events: string[];
}

async function scene(t: Test, shards: number): Promise<Scene> {
  const pair = await replicatedPair(t);
  const directory = path.join(temporaryDirectory(t), 'data');
  const [fatal, events]: [unknown[], string[]] = [[], []];
  const system = await createSystem({
    moduleFile,
    store: { type: 'redis', url: pair.url, directory },
    partitions: partitions.length,
    shards,
    report: (_level, event) => events.push(event),
    onFatal: (error) => fatal.push(error),
  });
  t.teardown(() => system.stop());
  return { ...pair, system, fatal, events };
}

async function settled<R extends { readonly ok: boolean; readonly code?: string }>(
  ask: () => Promise<R>,
): Promise<R> {
  for (;;) {
    const result = await ask();
    if (result.ok || !passing.includes(result.code ?? '')) return result;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Stored {
  /** Of the logs, with their owners. */
  readonly fences: readonly string[];
  readonly heads: readonly number[];
  /** Of the tables. */
  readonly checkpoints: readonly number[];
  readonly actorRows: number;
}

const stored = ({ url }: RedisServer): Promise<Stored> =>
  withClient(url, async (client) => {
    const texts = (name: string) =>
      Promise.all(
        partitions.map(async (partition) => (await client.get(`troupe:{${partition}}:${name}`)) ?? ''),
      );
    const positionIn = (text: string) => Number(text.split(':')[2] ?? 0);
    const rows = await Promise.all(
      partitions.map((partition) => client.hlen(`troupe:{${partition}}:t:actor`)),
    );
    const fences = await texts('fence');
    return {
      fences,
      heads: fences.map(positionIn),
      checkpoints: (await texts('mark')).map(positionIn),
      actorRows: rows.reduce((sum, count) => sum + count, 0),
    };
  });

/** The tables are made of the whole log. */
const swept = (server: RedisServer): Promise<void> =>
  until(async () => {
    const { heads, checkpoints } = await stored(server);
    return String(heads) === String(checkpoints);
  });

const total = (system: System, id: string) => settled(() => system.query(counterContract, id, 'total', {}));

const start = (system: System, id: string, key: string) =>
  settled(() =>
    system.start(move, id, { from: 'a', to: 'b', amount: 1 }, { idempotencyKey: key, waitMs: 5_000 }),
  );

if (hasRedis('a system whose Redis is taken over')) {
  for (const shards of [0, 2]) {
    void t.test(
      `with ${shards} shards on threads: a system whose store went back ends, though nobody writes`,
      async (t) => {
        const { system, fatal, replicated, cutOff, failOver } = await scene(t, shards);
        t.match(await system.call(counterContract, 'a', 'add', { amount: 1 }), { reply: { total: 1 } });
        await replicated();
        cutOff();
        t.match(await system.call(counterContract, 'a', 'add', { amount: 1 }), { reply: { total: 2 } });
        await failOver();
        await until(() => fatal.length > 0);
        t.match(fatal, [{ code: 'store-went-back' }]);
        await until(() => system.query(counterContract, 'a', 'total', {}).then(({ ok }) => !ok));
      },
    );

    void t.test(
      `with ${shards} shards on threads: a replica that has the log and lacks rows of a finished saga knows it all the same`,
      async (t) => {
        const { system, fatal, events, primary, replica, ...pair } = await scene(t, shards);
        t.match(await system.call(counterContract, 'a', 'add', { amount: 100 }), { reply: { total: 100 } });
        let count = 0;
        // A sweep may be quicker than we are: then once more.
        for (let isApart = false; !isApart; ) {
          pair.reconnect();
          await swept(primary);
          await pair.replicated();
          count += 1;
          t.match(await start(system, `m${count}`, `k${count}`), { ok: true, reply: { state: 'completed' } });
          await until(
            async () => String((await stored(primary)).fences) === String((await stored(replica)).fences),
          );
          pair.cutOff();
          await swept(primary);
          const [newer, older] = [await stored(primary), await stored(replica)];
          isApart = String(newer.fences) === String(older.fences) && older.actorRows < newer.actorRows;
        }
        const saga = `m${count}`;
        await pair.failOver();

        t.match(await settled(() => system.status(move, saga)), { ok: true, reply: { state: 'completed' } });
        const again = await start(system, saga, 'another key');
        t.match(again, { ok: false, code: 'saga-exists' }, 'it is not begun anew');
        t.match(await total(system, 'a'), { reply: { total: 100 - count } });
        t.match(await total(system, 'b'), { reply: { total: count } });
        t.ok(events.includes('domain-reopened'));
        t.same(fatal, []);
      },
    );

    void t.test(
      `with ${shards} shards on threads: log and tables go to the same server, also when one connection alone is cut`,
      async (t) => {
        const { system, fatal, events, primary, replica, ...pair } = await scene(t, shards);
        t.match(await system.call(counterContract, 'a', 'add', { amount: 100 }), { reply: { total: 100 } });
        await swept(primary);
        await pair.replicated();
        const before = await stored(primary);
        await pair.promote();
        pair.address.reset(logOnly);
        await until(
          () => events.filter((event) => event === 'domain-reopened').length === Math.max(1, shards),
        );
        const ids = ['m1', 'm2', 'm3'];
        for (const id of ids)
          t.match(await start(system, id, id), { ok: true, reply: { state: 'completed' } }, id);
        await swept(replica);
        t.same(await stored(primary), before, 'nothing more went to the old server');
        await primary.kill();
        for (const id of ids)
          t.match(
            await settled(() => system.status(move, id)),
            { ok: true, reply: { state: 'completed' } },
            id,
          );
        t.match(await total(system, 'b'), { reply: { total: 3 } });
        t.same(fatal, []);
      },
    );
  }
}
