/** Rules E1–E3 of `ops/in-process-events.ts` over a system in this process, with and without threads. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { RecordedEvent } from '../../actors/model/call.js';
import { createSystem, type System } from '../../ops/index.js';
import { counterContract, counterModule } from '../support/counter-module.js';
import { temporaryDirectory } from '../support/server.js';

// A subscription keeps no process alive, and a test that waits for one must.
const alive = setInterval(() => undefined, 1_000);
t.teardown(() => clearInterval(alive));

const app = fileURLToPath(new URL('../gateway/operator/operator-app.js', import.meta.url));

async function add(system: System, id: string, count = 1): Promise<void> {
  for (let index = 0; index < count; index++) {
    const result = await system.call(counterContract, id, 'add', { amount: 1 });
    if (!result.ok) throw new Error(result.code);
  }
}

/** Resolves when the condition holds; looked at after every event. */
function collector() {
  const events: RecordedEvent[] = [];
  const waiters = new Set<() => void>();
  return {
    events,
    handler: (event: RecordedEvent): void => {
      events.push(event);
      for (const wake of waiters) wake();
    },
    until: (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (events.length < count) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
      }),
  };
}

t.test('row 10, E1: a handler is given what it asked for, in order, from where it asked', async (t) => {
  const system = await createSystem({ modules: [counterModule()] });
  await add(system, 'a', 2);
  const { token } = await system.position();
  await add(system, 'a', 2);
  await system.call(counterContract, 'b', 'fill', { count: 3, characters: 1 });
  const all = collector();
  const late = collector();
  const filled = collector();
  const subscriptions = await Promise.all([
    system.subscribe({ from: 'start' }, all.handler),
    system.subscribe({ from: token, actor: { kind: counterContract, id: 'a' } }, late.handler),
    system.subscribe({ types: ['Filled'], kinds: [counterContract], from: new Date(0) }, filled.handler),
  ]);
  await Promise.all([all.until(7), late.until(2), filled.until(3)]);
  await add(system, 'a');
  await Promise.all([all.until(8), late.until(3)]);
  t.same(
    late.events.map((event) => event.streamVersion),
    [3, 4, 5],
  );
  t.same(
    filled.events.map((event) => event.type),
    ['Filled', 'Filled', 'Filled'],
  );
  for (const subscription of subscriptions) await subscription.stop();
  await add(system, 'a');
  t.equal(all.events.length, 8, 'stopped is stopped');
  const page = await system.events({ types: ['Added'], limit: 3 });
  t.match([page.events.length, page.isAtEnd], [3, false]);
  await system.stop();
});

t.test('E1 E2 one handler at a time; the position lies behind what was handled', async (t) => {
  const system = await createSystem({ modules: [counterModule()] });
  await add(system, 'a', 5);
  let running = 0;
  let handled = 0;
  let release = (): void => {};
  const reached = new Promise<void>((resolve) => {
    const blocked = new Promise<void>((unblock) => (release = unblock));
    void system
      .subscribe({ from: 'start' }, async () => {
        running++;
        t.equal(running, 1);
        if (handled === 3) {
          resolve();
          await blocked;
        }
        await new Promise((turn) => setImmediate(turn));
        running--;
        handled++;
      })
      .then((made) => (subscription = made));
  });
  let subscription: Awaited<ReturnType<System['subscribe']>> | undefined;
  await reached;
  const { events } = await system.events({ from: subscription?.position ?? '' });
  t.same(
    events.map(({ event }) => event.streamVersion),
    [4, 5],
    'the one under way comes again',
  );
  const stopping = subscription?.stop();
  release();
  await stopping;
  t.equal(handled, 4, 'a stop waits for the handler that runs, and calls no other');
  await system.stop();
});

t.test('E3 a handler that throws ends its subscription, and nothing else', async (t) => {
  const reported: string[] = [];
  const report = (_level: string, event: string): void => {
    reported.push(event);
  };
  const system = await createSystem({ modules: [counterModule()], report });
  await add(system, 'a', 3);
  const other = collector();
  const broken = await system.subscribe({ from: 'start' }, ({ streamVersion }) => {
    if (streamVersion === 2) throw new Error('no');
  });
  const whole = await system.subscribe({ from: 'start' }, other.handler);
  await t.rejects(broken.done, { message: 'no' });
  await other.until(3);
  t.match(reported, ['subscription-failed']);
  const again = collector();
  const resumed = await system.subscribe({ from: broken.position }, again.handler);
  await again.until(2);
  t.equal(again.events[0]?.streamVersion, 2);
  await resumed.stop();
  await whole.stop();
  await system.stop();
});

t.test('a system that stops ends its subscriptions', async (t) => {
  const system = await createSystem({ modules: [counterModule()] });
  const subscription = await system.subscribe({}, () => {});
  await system.stop();
  await subscription.done;
  t.pass('done');
});

t.test('what is asked wrongly is an operating error', async (t) => {
  const system = await createSystem({ modules: [counterModule()] });
  await t.rejects(
    system.subscribe({ types: ['Nothing'] }, () => {}),
    { code: 'query-invalid' },
  );
  await t.rejects(
    system.subscribe({ from: 'nowhere' }, () => {}),
    { code: 'cursor-invalid' },
  );
  await t.rejects(system.events({ from: 'nowhere' }), { code: 'cursor-invalid' });
  await system.stop();
});

t.test('over threads, each with partitions of its own', async (t) => {
  const directory = path.join(temporaryDirectory(t), 'data');
  const system = await createSystem({
    moduleFile: app,
    shards: 2,
    partitions: 4,
    store: { type: 'embedded', directory },
  });
  const written = 400;
  await Promise.all(Array.from({ length: 20 }, (_, index) => add(system, `c${index}`, written / 20)));
  const all = collector();
  const subscription = await system.subscribe({ from: 'start' }, all.handler);
  await all.until(written);
  const versions = new Map<string, number>();
  for (const { aggregateId, streamVersion } of all.events) {
    if (streamVersion !== (versions.get(aggregateId) ?? 0) + 1) t.fail(`${aggregateId} at ${streamVersion}`);
    versions.set(aggregateId, streamVersion);
  }
  t.equal(new Set(all.events.map((event) => event.eventId)).size, written);
  await subscription.stop();
  await system.stop();
});
