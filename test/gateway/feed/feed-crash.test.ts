/**
 * A subscriber over `kill -9` of the server, and of Redis where that is the store: what it was given is there afterwards, and
 * what was acknowledged comes.
 */
import t, { type Test } from 'tap';
import type { HttpClient } from '../../../bench/http-client.js';
import { EventStreamClient, type StreamMessage } from '../../support/event-stream-client.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { connectTo, startServer } from '../../support/server.js';
import { operatorApp } from '../operator/operator-server.js';

const rounds = 3;
const writers = 8;

const rule = 'I6 I13 a subscriber over kill -9 sees each event once, in order, and none that is not durable';
t.test(rule, (t) => followed(t, undefined));
if (hasRedis('a subscriber over kills of node and Redis')) {
  t.test(`${rule}, on Redis`, async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    await followed(t, redis);
  });
}

function storeArgs(redis: RedisServer | undefined): readonly string[] {
  return redis === undefined ? [] : ['--store', redis.url];
}

async function followed(t: Test, redis: RedisServer | undefined): Promise<void> {
  const args = ['--app', operatorApp, '--partitions', '4', '--shards', '2', ...storeArgs(redis)];
  const seen: StreamMessage[] = [];
  let acknowledged = 0;
  let lastEventId = '';
  let dataDirectory: string | undefined;
  for (let round = 0; round <= rounds; round++) {
    const server = await startServer(t, {
      args,
      ...(dataDirectory === undefined ? {} : { dataDirectory }),
    });
    dataDirectory = server.dataDirectory;
    const token = await server.token('olga', 'admin', 'bench');
    const { port } = server.endpoint;
    const path = '/api/v1/events/stream?from=start&types=Added';
    const stream = await EventStreamClient.open({
      port,
      path,
      authorization: `Bearer ${token}`,
      lastEventId,
    });
    const client = connectTo(t, server.endpoint, writers);
    if (round === rounds) {
      // The last server is left alone: everything that is in the log comes, acknowledged or not.
      const ids = await addedEvents(client, token);
      await stream.until(() => seen.length + stream.events.length >= ids.length);
      seen.push(...stream.events);
      t.same(
        seen.map(({ data }) => data.event_id).sort(),
        ids.sort(),
        'what was given is what is in the log',
      );
      stream.close();
      await server.stop();
      break;
    }
    let isKilled = false;
    const write = async (writer: number): Promise<void> => {
      while (!isKilled) {
        const reply = await client.ask({
          method: 'POST',
          path: `/api/v1/actors/counter/w${writer}/add`,
          token,
          body: '{"amount":1}',
        });
        if (reply.type === 'answer' && reply.answer.status === 200) acknowledged++;
      }
    };
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    // Killed in the middle of what it gives.
    await stream.until(() => stream.events.length >= 60);
    if (redis !== undefined) {
      // The stream outlives its store, and goes on where it was.
      await redis.kill();
      const before = stream.events.length;
      await redis.start();
      await stream.until(() => stream.events.length >= before + 60);
    }
    isKilled = true;
    await Promise.all([server.kill(), redis?.kill()]);
    await Promise.all([writing, stream.ended()]);
    seen.push(...stream.events);
    lastEventId = stream.lastEventId;
    await redis?.start();
  }
  const versions = new Map<string, number>();
  for (const { data } of seen) {
    const expected = (versions.get(data.aggregate_id) ?? 0) + 1;
    if (data.stream_version !== expected)
      t.fail(`${data.aggregate_id}: ${data.stream_version} for ${expected}`);
    versions.set(data.aggregate_id, data.stream_version);
  }
  t.ok(seen.length >= acknowledged, `${seen.length} events, ${acknowledged} acknowledged`);
}

/** Ids of all such events in the log. */
async function addedEvents(client: HttpClient, token: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = 'start'; cursor !== null; ) {
    const path = `/api/v1/events?types=Added&limit=1000&cursor=${cursor}`;
    const page = await client.ask({ method: 'GET', path, token });
    if (page.type === 'lost') throw new Error(page.reason);
    const { items, next_cursor: next } = JSON.parse(page.answer.body) as {
      readonly items: readonly { readonly event_id: string }[];
      readonly next_cursor: string | null;
    };
    ids.push(...items.map((item) => item.event_id));
    cursor = next;
  }
  return ids;
}
