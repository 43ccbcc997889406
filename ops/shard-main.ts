/**
 * The entry of a shard's thread: opens the store for itself, runs one shard, and tells the main thread what happens.
 *
 * No logger here: reports travel as messages. The thread ends by itself once everything it holds is closed.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openStore } from '../persistence/open-store.js';
import type { Report } from '../runtime/clock.js';
import { PortLink } from '../runtime/link/link.js';
import type { LinkAnswer, ShardItem } from '../runtime/link/link-protocol.js';
import { ShardThread } from '../runtime/shard-thread.js';
import { RemoteActivities } from './activity-port.js';
import { measureEventLoopDelay } from './event-loop-delay.js';
import { loadModuleFile } from './module-file.js';
import { errorFacts, type ShardNews, type ShardOrder, type ShardThreadData } from './shard-protocol.js';
import { ShardVitals } from './shard-vitals.js';
import { systemClock, systemRandom } from './system-clock.js';

if (parentPort === null) throw new Error('shard-main runs only as a worker thread');
const main = parentPort;
// Made by `thread-shards.ts` and by nobody else.
const data = workerData as ShardThreadData;

const tell = (news: ShardNews): void => main.postMessage(news);
const report: Report = (level, event, details) => {
  tell({ type: 'report', level, event, details: clonable({ shard: data.setup.index, ...details }) });
};

try {
  await run();
} catch (error) {
  tell({ type: 'open-failed', error: errorFacts(error) });
  main.close();
}

async function run(): Promise<void> {
  const vitals = new ShardVitals(data.vitals, data.setup.index);
  const store = await openStore(data.store.url, {
    ...data.store,
    clock: systemClock,
    report,
    lock: false,
    blocking: vitals.blocking,
  });
  const gateway = new PortLink<LinkAnswer, ShardItem>(data.gateway);
  const peers = data.peers.map((port) => port && new PortLink<ShardItem, ShardItem>(port));
  const activities = new RemoteActivities(data.activities);
  const thread = new ShardThread({
    setup: data.setup,
    modules: await loadModuleFile(data.moduleUrl),
    store,
    clock: systemClock,
    random: systemRandom,
    report,
    activities,
    gateway,
    peers,
    onFatal: (code, cause) => tell({ type: 'fatal', code, error: errorFacts(cause) }),
    onTurn: (isBusy) => vitals.beat(isBusy),
    running: vitals.running,
    onPhase: (phase) => tell({ type: 'phase', phase }),
  });
  const eventLoopDelay = measureEventLoopDelay();

  main.on('message', (order: ShardOrder) => {
    switch (order.type) {
      case 'metrics': {
        const metrics = { ...thread.metrics(), eventLoopDelay: eventLoopDelay() };
        return tell({ type: 'metrics', requestId: order.requestId, metrics });
      }
      case 'end-waits':
        return thread.endWaits();
      case 'stop':
        return void stop(thread, [gateway, activities, ...peers], store).catch((error: unknown) =>
          tell({ type: 'fatal', code: 'stop-failed', error: errorFacts(error) }),
        );
    }
  });
  await thread.open();
  tell({ type: 'opened' });
}

async function stop(
  thread: ShardThread,
  links: readonly ({ close(): void } | undefined)[],
  store: { close(): Promise<void> },
): Promise<void> {
  await thread.stop();
  await store.close();
  tell({ type: 'stopped' });
  for (const link of links) link?.close();
  main.close();
}

/** What cannot be cloned (functions, sockets) must not cost the report: errors become their facts, the rest its text. */
function clonable(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      if (value instanceof Error) return [name, errorFacts(value)];
      const isPlain = typeof value !== 'function' && typeof value !== 'symbol';
      return [name, isPlain ? value : String(value)];
    }),
  );
}
