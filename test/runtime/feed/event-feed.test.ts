/** The feed over a whole system on virtual time: positions, pages, filters, subscriptions, bounds. */
import t from 'tap';
import { defineAggregate } from '../../../actors/model/aggregate.js';
import { commandCall, type RecordedEvent } from '../../../actors/model/call.js';
import { defineContract } from '../../../actors/model/contract.js';
import { defineModule } from '../../../actors/model/module.js';
import { Type } from '../../../actors/model/typebox.js';
import type { MemoryDisk } from '../../../persistence/memory/memory-disk.js';
import { gate } from '../../../persistence/memory/memory-faults.js';
import { eventCount } from '../../../runtime/commit/record.js';
import type { FeedQuery } from '../../../runtime/feed/event-feed.js';
import type { Subscription } from '../../../runtime/feed/subscription.js';
import { counterContract } from '../../support/counter-module.js';
import { scanJournal } from '../../support/journal-scan.js';
import { idsOn, TestSystem } from '../../support/test-system.js';

// One in each of the four partitions.
const ids = idsOn(4) as unknown as readonly [string, string, string, string];
const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const fill = (id: string, count: number) =>
  commandCall(counterContract, id, 'fill', { count, characters: 1 });

function eventsIn(disk: MemoryDisk): number {
  return scanJournal(disk).reduce((count, { record }) => count + eventCount(record), 0);
}

async function page(system: TestSystem, query: Partial<FeedQuery> = {}) {
  return system.clock.settled(system.system.feed.page({ from: 'start', limit: 1_000, ...query }));
}

/** Every page from a position on. */
async function readAll(system: TestSystem, query: Partial<FeedQuery> = {}) {
  const events: RecordedEvent[] = [];
  let pageCount = 0;
  let from = query.from ?? 'start';
  for (;;) {
    const given = await page(system, { ...query, from });
    pageCount++;
    events.push(...given.events.map(({ event }) => event));
    if (given.isAtEnd) return { events, pageCount, next: given.next };
    t.not(given.next, typeof from === 'string' ? from : 'token' in from ? from.token : '', 'it goes on');
    from = { token: given.next };
  }
}

/** Fails unless versions of every actor follow each other from 1, and times never run back. */
function checkOrder(events: readonly RecordedEvent[]): void {
  const versions = new Map<string, number>();
  let time = 0;
  for (const event of events) {
    const actor = `${event.aggregateType}/${event.aggregateId}`;
    if (event.streamVersion !== (versions.get(actor) ?? 0) + 1) t.fail(`${actor} at ${event.streamVersion}`);
    versions.set(actor, event.streamVersion);
    if (event.at < time) t.fail('a time runs back');
    time = event.at;
  }
}

t.test('row 11: the position counts every entry, and its token begins behind them', async (t) => {
  for (const shardCount of [1, 3]) {
    const system = await TestSystem.start({ shardCount });
    const { feed } = system.system;
    const none = await system.clock.settled(feed.position());
    t.match(none, { sum: 0, partitions: [0, 0, 0, 0] });
    for (const id of ids) await system.ask(add(id));
    await system.ask(add(ids[1]));
    const some = await system.clock.settled(feed.position());
    t.match(some, { sum: 5, partitions: [1, 2, 1, 1] });
    t.match(await page(system, { from: { token: some.token } }), { events: [], isAtEnd: true });
    t.equal((await page(system, { from: { token: none.token } })).events.length, 5);
    await system.stop();
  }
});

t.test(
  'R1 R2 pages of any size give every event once, merged by time and in the order of each log',
  async (t) => {
    const system = await TestSystem.start({ shardCount: 3 });
    for (let round = 0; round < 6; round++) {
      for (const [index, id] of ids.entries()) await system.ask(fill(id, 1 + ((round + index) % 5)));
      await system.clock.advance(7);
    }
    const whole = await readAll(system);
    t.equal(whole.pageCount, 1);
    checkOrder(whole.events);
    t.equal(new Set(whole.events.map((event) => event.eventId)).size, eventsIn(system.disk));
    t.equal(whole.events.length, eventsIn(system.disk));
    for (const limit of [1, 2, 3, 7, 50]) {
      const paged = await readAll(system, { limit });
      t.same(
        paged.events.map((event) => event.eventId),
        whole.events.map((event) => event.eventId),
        `by ${limit}`,
      );
    }
    await system.stop();
  },
);

t.test('every event of a page carries a token that goes on right behind it', async (t) => {
  const system = await TestSystem.start();
  for (const id of ids) await system.ask(fill(id, 3));
  const { events } = await page(system);
  for (const [index, { token }] of events.entries()) {
    const rest = await page(system, { from: { token } });
    t.same(
      rest.events.map(({ event }) => event.eventId),
      events.slice(index + 1).map(({ event }) => event.eventId),
    );
  }
  await system.stop();
});

t.test('row 7: filters: type, kind/type, kind, correlation, actor', async (t) => {
  const system = await TestSystem.start({ shardCount: 3 });
  for (const id of ids) {
    await system.ask(add(id));
    await system.ask(fill(id, 2));
  }
  await system.ask(add(ids[2]), { correlationId: 'together' });
  await system.ask(fill(ids[3], 1), { correlationId: 'together' });
  const types = async (query: Partial<FeedQuery>) =>
    (await page(system, query)).events.map(({ event }) => event.type);
  t.same(await types({ types: ['Added'] }), new Array(5).fill('Added'));
  t.equal((await types({ types: ['counter/Filled'] })).length, 9);
  t.equal((await types({ types: ['Added', 'Filled'] })).length, 14);
  t.equal((await types({ kinds: ['counter'] })).length, 14);
  t.same((await types({ correlationId: 'together' })).sort(), ['Added', 'Filled']);
  t.same(await types({ actor: { kind: 'counter', id: ids[3] } }), ['Added', 'Filled', 'Filled', 'Filled']);
  t.same(await types({ types: ['Added'], correlationId: 'together' }), ['Added']);
  t.same(await types({ types: ['Cursed'] }), []);
  for (const query of [{ types: ['Nothing'] }, { types: ['other/Added'] }, { kinds: ['other'] }]) {
    await t.rejects(page(system, query), { code: 'query-invalid' });
  }
  await system.stop();
});

/** An actor of a program that has the event `Dropped`, and of the next one, which has not. */
function leanModule(hasDropped: boolean) {
  const Nothing = Type.Object({});
  const event = { version: 1, schema: Nothing };
  const contract = defineContract({
    kind: 'lean',
    events: hasDropped ? { Kept: event, Dropped: event } : { Kept: event },
    commands: { both: { version: 1, input: Nothing, reply: Type.Null() } },
    queries: { get: { input: Nothing, reply: Nothing } },
    rejections: {},
  });
  const events = ['Kept', 'Dropped', 'Kept'].map((type) => ({ type, data: {} }) as never);
  const lean = defineAggregate(contract, {
    initial: () => ({}),
    decide: { both: () => ({ events, reply: null }) },
    evolve: { Kept: (state: object) => state, Dropped: (state: object) => state } as never,
    read: { get: () => ({}) },
    snapshot: { version: 1 },
  });
  return defineModule({ name: 'lean', aggregates: [lean] });
}

t.test('an event that no module knows any more is passed over, not those beside it', async (t) => {
  const before = await TestSystem.start({ modules: [leanModule(true)] });
  const both = { type: 'command', kind: 'lean', id: ids[0], command: 'both', payload: {} } as const;
  t.match(await before.ask(both), { type: 'reply' });
  t.equal((await readAll(before)).events.length, 3);
  await before.stop();
  const after = await TestSystem.start({ modules: [leanModule(false)], disk: before.disk });
  const { events } = await readAll(after);
  t.match(events, [
    { type: 'Kept', streamVersion: 1 },
    { type: 'Kept', streamVersion: 3 },
  ]);
  t.equal(events.length, 2);
  await after.stop();
});

t.test('from a time: the first event of that moment or later, in every partition', async (t) => {
  const system = await TestSystem.start();
  const marks: number[] = [];
  for (let round = 0; round < 12; round++) {
    await system.clock.advance(1_000);
    marks.push(system.clock.now());
    for (const id of ids.slice(0, 1 + (round % 4))) await system.ask(add(id));
  }
  const { events } = await page(system);
  for (const mark of [0, ...marks, (marks.at(-1) ?? 0) + 1_000_000]) {
    const given = await page(system, { from: { time: mark } });
    t.same(
      given.events.map(({ event }) => event.eventId),
      events.filter(({ event }) => event.at >= mark).map(({ event }) => event.eventId),
    );
  }
  await system.stop();
});

t.test('scanBytesMax: a page ends after so much of the log, and its cursor goes on', async (t) => {
  const system = await TestSystem.start({ limits: { scanBytesMax: 2_000 } });
  for (let round = 0; round < 300; round++) await system.ask(add(ids[round % 4] as string));
  await system.ask(fill(ids[0], 1));
  const rare = await readAll(system, { types: ['Filled'] });
  t.equal(rare.events.length, 1);
  t.ok(rare.pageCount >= 4, `${rare.pageCount} pages`);
  await system.stop();
});

t.test('a token of another store, of the future, or of nobody is refused', async (t) => {
  const system = await TestSystem.start();
  const other = await TestSystem.start();
  await other.ask(add('a'));
  const { token } = await other.clock.settled(other.system.feed.position());
  await t.rejects(page(system, { from: { token } }), { code: 'cursor-invalid' });
  await t.rejects(page(system, { from: { token: 'abc' } }), { code: 'cursor-invalid' });
  await system.stop();
  await other.stop();
});

/** Collects what a subscription gives. */
function follow(subscription: Subscription) {
  const events: RecordedEvent[] = [];
  const tokens: string[] = [];
  const done = (async () => {
    for (;;) {
      const batch = await subscription.next();
      if (batch === undefined) return;
      for (const { event, token } of batch.events) {
        events.push(event);
        tokens.push(token);
      }
    }
  })();
  return { events, tokens, done };
}

t.test('S1 nothing is given before it is durable', async (t) => {
  const system = await TestSystem.start();
  const subscription = await system.clock.settled(system.system.feed.subscribe({}, 'now'));
  const seen = follow(subscription);
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const ask = system.submit(add('a'));
  await system.clock.advance(3_000);
  t.same(seen.events, []);
  held.open();
  await system.answered(ask);
  await system.clock.until(() => seen.events.length > 0);
  t.match(seen.events, [{ type: 'Added', streamVersion: 1 }]);
  subscription.close();
  await seen.done;
  await system.stop();
});

t.test(
  'S1 S2 a subscriber that leaves and comes back anywhere gets every event once, in order',
  async (t) => {
    for (const shardCount of [1, 3]) {
      const system = await TestSystem.start({
        shardCount,
        limits: { recentBytesMax: 3_000, tailBytesMax: 1_000 },
      });
      const { feed } = system.system;
      const all: RecordedEvent[] = [];
      let token: string | undefined;
      let written = 0;
      for (let round = 0; round < 300; round++) {
        const subscribing = feed.subscribe({}, token === undefined ? 'start' : { token });
        for (let count = 0; count < round % 4; count++) {
          system.submit(fill(ids[(round + count) % 4] as string, 1 + (count % 3)));
          written += 1 + (count % 3);
        }
        const subscription = await system.clock.settled(subscribing);
        const seen = follow(subscription);
        await system.clock.run(round % 17);
        // What a reader took before it left: some of what it was given.
        const kept = round % 3 === 0 ? Math.floor(seen.events.length / 2) : seen.events.length;
        subscription.close();
        all.push(...seen.events.slice(0, kept));
        token = seen.tokens[kept - 1] ?? token;
      }
      await system.clock.advance(5_000);
      const last = await system.clock.settled(feed.subscribe({}, token === undefined ? 'start' : { token }));
      const seen = follow(last);
      await system.clock.until(() => all.length + seen.events.length >= written);
      all.push(...seen.events);
      t.equal(new Set(all.map((event) => event.eventId)).size, written);
      t.equal(all.length, written);
      const versions = new Map<string, number>();
      for (const { aggregateId, streamVersion } of all) {
        if (streamVersion !== (versions.get(aggregateId) ?? 0) + 1)
          t.fail(`${aggregateId} at ${streamVersion}`);
        versions.set(aggregateId, streamVersion);
      }
      last.close();
      t.equal(feed.subscriptionCount, 0);
      await system.stop();
    }
  },
);

t.test('a slow reader is given the rest from the journal, and holds nobody up', async (t) => {
  const system = await TestSystem.start({ limits: { recentBytesMax: 2_000, tailBytesMax: 1_000 } });
  const { feed } = system.system;
  const slow = await system.clock.settled(feed.subscribe({}, 'now'));
  const quick = await system.clock.settled(feed.subscribe({}, 'now'));
  const seen = follow(quick);
  for (let count = 0; count < 200; count++) await system.ask(add(ids[count % 4] as string));
  await system.clock.until(() => seen.events.length === 200);
  const late: RecordedEvent[] = [];
  while (late.length < 200) {
    const batch = await system.clock.settled(slow.next());
    late.push(...(batch?.events.map(({ event }) => event) ?? []));
  }
  t.same(late.map((event) => event.eventId).sort(), seen.events.map((event) => event.eventId).sort());
  slow.close();
  quick.close();
  await system.stop();
});

t.test('a subscription goes on over a reset of the shard', async (t) => {
  const system = await TestSystem.start();
  const subscription = await system.clock.settled(system.system.feed.subscribe({}, 'now'));
  const seen = follow(subscription);
  await system.ask(add('a'));
  system.script.onNextAppend({ type: 'refuse', detail: 'full' });
  t.match(await system.ask(add('a')), { type: 'failure' });
  await system.clock.until(() => system.countOf('domain-reopened') === 1);
  await system.ask(add('a'));
  await system.clock.until(() => seen.events.length === 2);
  t.same(
    seen.events.map((event) => event.streamVersion),
    [1, 2],
  );
  subscription.close();
  await system.stop();
});

t.test('a subscription outlives neither a stop nor its own close', async (t) => {
  const system = await TestSystem.start();
  const { feed } = system.system;
  const one = await system.clock.settled(feed.subscribe({}, 'now'));
  const waiting = one.next();
  one.close();
  t.equal(await waiting, undefined);
  const other = await system.clock.settled(feed.subscribe({}, 'now'));
  const next = other.next();
  await system.stop();
  t.equal(await next, undefined);
  t.equal(feed.subscriptionCount, 0);
});

t.test('subscriptionsMax: the next one is refused', async (t) => {
  const system = await TestSystem.start({ limits: { subscriptionsMax: 2 } });
  const { feed } = system.system;
  const subscribe = () => feed.subscribe({}, 'now');
  const opened = await system.clock.settled(Promise.all([subscribe(), subscribe()]));
  await t.rejects(subscribe(), { code: 'subscription-limit' });
  opened[0].close();
  (await system.clock.settled(subscribe())).close();
  opened[1].close();
  await system.stop();
});

t.test('a partition that does not answer makes an error, not a silent part', async (t) => {
  const system = await TestSystem.start();
  await system.ask(add('a'));
  for (let attempt = 0; attempt < 12; attempt++)
    system.script.onNextAppend({ type: 'refuse', detail: 'full' });
  t.match(await system.ask(add('a')), { type: 'failure' });
  await t.rejects(page(system), { code: 'partition-silent' });
  await t.rejects(system.clock.settled(system.system.feed.position()), { code: 'partition-silent' });
  await system.stop();
});

t.test('where the log was cut and nobody kept it, that is said, and the rest can be read', async (t) => {
  const system = await TestSystem.start();
  for (let count = 0; count < 5; count++) for (const id of ids) await system.ask(add(id));
  const { feed } = system.system;
  const middle = await system.clock.settled(feed.position());
  for (const id of ids) await system.ask(add(id));
  await system.store.journal.trim([{ partition: 0, below: 5 }]);
  await t.rejects(page(system), { code: 'resync-required' });
  await t.rejects(page(system, { from: { time: 0 } }), { code: 'resync-required' });
  t.equal((await page(system, { from: { token: middle.token } })).events.length, 4);
  const subscription = await system.clock.settled(feed.subscribe({}, 'start'));
  await t.rejects(system.clock.settled(subscription.next()), { code: 'resync-required' });
  subscription.moveTo(await system.clock.settled(feed.end()));
  const next = subscription.next();
  await system.ask(add(ids[0]));
  t.match(await system.clock.settled(next), { events: [{ event: { streamVersion: 7 } }] });
  subscription.close();
  await system.stop();
});

t.test(
  'a node that another one has superseded does not call the positions of that one invalid',
  async (t) => {
    const old = await TestSystem.start();
    await old.ask(add(ids[0]));
    const next = await TestSystem.start({ disk: old.disk, clock: old.clock });
    for (let count = 0; count < 3; count++) await next.ask(add(ids[0]));
    const { token } = await next.clock.settled(next.system.feed.position());
    await t.rejects(page(old, { from: { token } }), { code: 'partition-silent' });
    t.same((await page(next, { from: { token } })).events, []);
    await next.stop();
  },
);
