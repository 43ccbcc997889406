/** `GET /api/v1/events/stream` on real sockets: order, resumption, slow readers, bounds, and every way to end. */
import t from 'tap';
import type { EventSource, StreamedEvent } from '../../../gateway/feed/event-source.js';
import { EventStream } from '../../../gateway/feed/event-stream.js';
import type { TransportStream } from '../../../gateway/transport.js';
import type { StreamMessage } from '../../support/event-stream-client.js';
import { requestOnce } from '../../support/http-client.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { problemCode } from '../gateway-fixture.js';
import { FeedServer } from './feed-server.js';

/** Fails unless every actor's versions follow each other from 1. Returns how many events there were. */
function checkVersions(events: readonly StreamMessage[]): number {
  const versions = new Map<string, number>();
  for (const { data } of events) {
    const expected = (versions.get(data.aggregate_id) ?? 0) + 1;
    if (data.stream_version !== expected)
      t.fail(`${data.aggregate_id}: ${data.stream_version} in the place of ${expected}`);
    versions.set(data.aggregate_id, data.stream_version);
  }
  return events.length;
}

/**
 * A socket as uWS shows it to a stream, of any size: room is told of whenever there is some, and what is held moves on
 * with a write only. Those of this machine take more at once than a stream writes.
 */
class SmallSocket implements TransportStream {
  taken = '';
  hasEnded = false;
  #room = 16_000;
  #held = '';
  #onReady: (() => void) | undefined;

  get heldCharacters(): number {
    return this.#held.length;
  }

  /** The client reads. */
  read(characters: number): void {
    this.#room += characters;
    const onReady = this.#onReady;
    this.#onReady = undefined;
    onReady?.();
  }

  write(chunk: string): boolean {
    this.#held += chunk;
    this.taken += this.#held.slice(0, this.#room);
    const left = this.#held.slice(this.#room);
    this.#room -= this.#held.length - left.length;
    this.#held = left;
    return left === '';
  }

  onReady(run: () => void): void {
    this.#onReady = run;
  }

  onGone(): void {}

  end(): void {
    this.taken += this.#held;
    this.hasEnded = true;
  }

  cut(): void {
    throw new Error('the client did read');
  }
}

function eventOf(version: number, text: string): StreamedEvent {
  const id = `p${version}`;
  const event = {
    ...{ eventId: id, type: 'Filled', aggregateId: 'a', aggregateType: 'counter' },
    ...{ streamVersion: version, schemaVersion: 1, data: { text }, correlationId: 'c', causationId: 'c' },
    ...{ principal: 'olga', at: 0, position: id },
  };
  return { id, event };
}

t.test('a stream says where it begins, then gives what happens', async (t) => {
  const server = await FeedServer.start(t);
  await server.counter('a', 'add', { amount: 1 });
  const stream = await server.stream('');
  t.equal(stream.status, 200);
  t.equal(stream.contentType, 'text/event-stream; charset=utf-8');
  await stream.until(() => stream.messages.length === 1);
  t.match(stream.messages[0], { event: 'open', data: { position: stream.lastEventId } });
  await server.counter('a', 'add', { amount: 2 });
  await stream.until(() => stream.events.length === 1);
  t.match(stream.events, [{ data: { event_type: 'Added', stream_version: 2, event_data: { amount: 2 } } }]);
  const whole = await server.stream('?from=start');
  await whole.until(() => whole.events.length === 2);
  t.equal(checkVersions(whole.events), 2);
  stream.close();
  whole.close();
});

t.test('filters hold on a stream, and its position goes on past what is not wanted', async (t) => {
  const server = await FeedServer.start(t, { settings: { streamTimes: { heartbeatMs: 20 } } });
  const stream = await server.stream('?types=Filled');
  await stream.until(() => stream.messages.length === 1);
  const opened = stream.lastEventId;
  for (let count = 0; count < 5; count++) await server.counter('a', 'add', { amount: 1 });
  await stream.until(() => stream.lastEventId !== opened);
  t.same(stream.events, []);
  await server.counter('a', 'fill', { count: 1, characters: 1 });
  await stream.until(() => stream.events.length === 1);
  t.match(stream.events, [{ data: { event_type: 'Filled', stream_version: 6 } }]);
  stream.close();
});

t.test('E1 a client that comes back with any id gets exactly what came after it', async (t) => {
  const server = await FeedServer.start(t, { shardCount: 2 });
  for (let count = 0; count < 8; count++)
    await server.counter(`c${count % 3}`, 'fill', { count: 3, characters: 1 });
  const whole = await server.stream('?from=start');
  await whole.until(() => whole.events.length === 24);
  const ids = whole.events.map(({ data }) => data.event_id as string);
  for (const [index, { id }] of whole.events.entries()) {
    // The URL says what it said the first time; the header counts.
    const again = await server.stream('?from=start', { lastEventId: id });
    const left = ids.slice(index + 1);
    await again.until(() => again.events.length >= left.length && again.messages.length > 0);
    t.same(
      again.events.map(({ data }) => data.event_id),
      left,
    );
    again.close();
  }
  whole.close();
});

t.test(
  'I13 a subscriber that reconnects again and again under load sees no gap, no repeat, no reorder',
  async (t) => {
    // A thousand reconnects; the bounds are so small that memory, journal and both together are read.
    const reconnects = 1_000;
    const server = await FeedServer.start(t, {
      shardCount: 2,
      limits: { recentBytesMax: 20_000, tailBytesMax: 5_000 },
    });
    let isDone = false;
    let written = 0;
    const seenBy = [0, 0, 0, 0];
    const write = async (writer: number): Promise<void> => {
      for (let count = 0; !isDone; count++) {
        // A little ahead of the slowest reader: half of the time it is at the end, half of the time behind.
        if (written - Math.min(...seenBy) < 40) {
          const events = 1 + (count % 3);
          written += events;
          await server.counter(`w${writer}-${count % 7}`, 'fill', { count: events, characters: 1 });
        }
        // Sockets of both ends are served in turns of this process.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const writing = Promise.all([write(0), write(1), write(2)]);
    const authorization = await server.token('olga', 'admin');
    const follow = async (reader: number): Promise<StreamMessage[]> => {
      const seen: StreamMessage[] = [];
      let lastEventId = '';
      for (let round = 0; round < reconnects / seenBy.length; round++) {
        const stream = await server.stream('?from=start', { authorization, lastEventId });
        const wanted = (round * 7 + reader) % 11;
        await stream.until(() => stream.events.length >= wanted);
        // What has not been looked at when the connection breaks comes again.
        const kept = stream.events.slice(0, wanted);
        stream.close();
        lastEventId = kept.at(-1)?.id ?? lastEventId;
        seen.push(...kept);
        seenBy[reader] = seen.length;
      }
      // The slower ones are not held up by this one.
      seenBy[reader] = Number.POSITIVE_INFINITY;
      return seen;
    };
    const readers = await Promise.all(seenBy.map((_, reader) => follow(reader)));
    isDone = true;
    await writing;
    for (const seen of readers) {
      const lastEventId = seen.at(-1)?.id ?? '';
      const last = await server.stream('?from=start', { authorization, lastEventId });
      await last.until(() => seen.length + last.events.length >= written);
      seen.push(...last.events);
      last.close();
      t.equal(new Set(seen.map(({ data }) => data.event_id)).size, seen.length, 'no repeat');
      t.equal(checkVersions(seen), written, 'no gap');
    }
  },
);

t.test('E2 a client that does not read is cut off, costs no memory, and resumes', async (t) => {
  const server = await FeedServer.start(t, {
    settings: { streamTimes: { heartbeatMs: 5_000, stallMs: 300 } },
  });
  const slow = await server.stream('');
  await slow.until(() => slow.messages.length === 1);
  slow.pause();
  const quick = await server.stream('');
  // More than the sockets of both ends take.
  const events = 1_500;
  for (let count = 0; count < events; count += 15)
    await server.counter(`a${count}`, 'fill', { count: 15, characters: 16_000 });
  await quick.until(() => quick.events.length === events);
  const { feed } = server.system;
  while (feed.subscriptionCount > 1) await new Promise((resolve) => setImmediate(resolve));
  slow.resume();
  await slow.ended();
  t.ok(slow.events.length < events, `${slow.events.length} had come before it was cut off`);
  const again = await server.stream('', { lastEventId: slow.lastEventId });
  await again.until(() => slow.events.length + again.events.length === events);
  t.equal(checkVersions([...slow.events, ...again.events]), events);
  again.close();
  quick.close();
});

t.test('E2 what a slow client has not read stays below one chunk and what its socket takes', async (t) => {
  const socket = new SmallSocket();
  const batches = 20;
  const text = 'x'.repeat(70_000);
  let given = 0;
  const source: EventSource = {
    id: 'p',
    next: () => {
      given += 1;
      return Promise.resolve(
        given > batches ? undefined : { type: 'events', events: [eventOf(given, text)] },
      );
    },
    close: () => {},
  };
  const run = new EventStream({
    ...{ source, stream: socket, clock: new VirtualClock(), failed: (cause) => t.fail(String(cause)) },
    ...{ expiresAtMs: Number.POSITIVE_INFINITY, heartbeatMs: 5_000, stallMs: 30_000 },
  }).run();
  let heldMax = 0;
  while (!socket.hasEnded) {
    // What the stream does about the room it was told of.
    await new Promise((resolve) => setImmediate(resolve));
    heldMax = Math.max(heldMax, socket.heldCharacters);
    socket.read(4_000);
  }
  await run;
  t.ok(heldMax < 80_000, `held up to ${heldMax} characters`);
  t.equal(socket.taken.split(text).length - 1, batches, 'and everything comes');
});

t.test('a slow client that reads again in time is given everything', async (t) => {
  const server = await FeedServer.start(t);
  const slow = await server.stream('');
  await slow.until(() => slow.messages.length === 1);
  slow.pause();
  const events = 1_200;
  for (let count = 0; count < events; count += 15)
    await server.counter(`a${count}`, 'fill', { count: 15, characters: 16_000 });
  slow.resume();
  await slow.until(() => slow.events.length === events);
  t.equal(checkVersions(slow.events), events);
  slow.close();
});

t.test('a closed connection frees its subscription', async (t) => {
  const server = await FeedServer.start(t);
  const streams = await Promise.all(Array.from({ length: 20 }, () => server.stream('')));
  const { feed } = server.system;
  t.equal(feed.subscriptionCount, 20);
  t.equal(server.gateway.streamCount, 20);
  for (const stream of streams) stream.close();
  while (feed.subscriptionCount > 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal(server.gateway.streamCount, 0);
});

t.test('streams are bounded: per principal, and altogether', async (t) => {
  const server = await FeedServer.start(t, {
    settings: { streamsPerPrincipalMax: 2 },
    limits: { subscriptionsMax: 3 },
  });
  const olga = await server.token('olga', 'admin');
  const omar = await server.token('omar', 'admin');
  const first = await server.stream('', { authorization: olga });
  const second = await server.stream('', { authorization: olga });
  const refused = await server.get('/api/v1/events/stream', { authorization: olga });
  t.match([refused.status, problemCode(refused)], [429, 'connection-limit']);
  const third = await server.stream('', { authorization: omar });
  const full = await server.get('/api/v1/events/stream', { authorization: omar });
  t.match([full.status, problemCode(full)], [429, 'subscription-limit']);
  first.close();
  while (server.system.feed.subscriptionCount > 2) await new Promise((resolve) => setImmediate(resolve));
  const again = await server.stream('', { authorization: olga });
  t.equal(again.status, 200);
  for (const stream of [second, third, again]) stream.close();
});

t.test('E3 a stream ends with its credentials, and says so', async (t) => {
  const server = await FeedServer.start(t);
  const stream = await server.stream('', { authorization: await server.token('olga', 'admin', 2) });
  await stream.ended();
  t.match(stream.messages.at(-1), { event: 'end', data: { code: 'token-expired' } });
});

t.test('a server that stops ends its streams and does not wait for their clients', async (t) => {
  const server = await FeedServer.start(t);
  const stream = await server.stream('');
  await stream.until(() => stream.messages.length === 1);
  await server.gateway.close();
  await stream.ended();
  t.match(stream.messages.at(-1), { event: 'end', data: { code: 'shutting-down' } });
});

t.test('W85 a client whose place in the log is gone is told so, and goes on at the end', async (t) => {
  const server = await FeedServer.start(t);
  for (let count = 0; count < 4; count++) await server.counter('a', 'add', { amount: 1 });
  for (let partition = 0; partition < 4; partition++)
    await server.store.journal.trim([{ partition, below: 4 }]);
  const stream = await server.stream('?from=start');
  await stream.until(() => stream.messages.length === 2);
  t.match(stream.messages[1], {
    event: 'resync',
    data: { code: 'resync-required', position: stream.lastEventId },
  });
  await server.counter('a', 'add', { amount: 1 });
  await stream.until(() => stream.events.length === 1);
  t.match(stream.events, [{ data: { stream_version: 5 } }]);
  stream.close();
  const again = await server.stream('?from=start', { lastEventId: stream.messages[1]?.id ?? '' });
  await again.until(() => again.events.length === 1);
  again.close();
});

t.test('HEAD tells about a stream and opens none', async (t) => {
  const server = await FeedServer.start(t);
  const authorization = await server.token('olga', 'admin');
  const head = await requestOnce(server.port, {
    method: 'HEAD',
    path: '/api/v1/events/stream',
    headers: { authorization },
  });
  t.equal(head.status, 200);
  t.equal(server.system.feed.subscriptionCount, 0);
});
