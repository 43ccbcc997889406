/**
 * A store as one simulated thread has it: whatever it answers arrives as a turn of that thread's event loop, so that a
 * paused thread hears it late and a killed one never. What was asked goes on without the asker.
 */
import type { Store } from '../../persistence/store.js';
import type { ThreadClock } from './thread-clock.js';

export function storeOnThread(store: Store, clock: ThreadClock): Store {
  const arriving = <Answer>(asked: Promise<Answer>): Promise<Answer> =>
    new Promise((resolve, reject) => {
      asked.then(
        (answer) => clock.defer(() => resolve(answer)),
        (cause: unknown) => clock.defer(() => reject(cause as Error)),
      );
    });
  const { journal, tables, ownership } = store;
  return {
    partitionCount: store.partitionCount,
    durability: store.durability,
    description: store.description,
    failsWithProcess: store.failsWithProcess,
    hasOneLog: store.hasOneLog,
    groupsInFlightMax: store.groupsInFlightMax,
    // The limits of the scenario say.
    groupPaceMs: Number.POSITIVE_INFINITY,
    journal: {
      append: (group) => arriving(journal.append(group)),
      read: (partition, from, limits) => arriving(journal.read(partition, from, limits)),
      head: (partition) => arriving(journal.head(partition)),
      trim: (cuts, mayGoOn) => arriving(journal.trim(cuts, mayGoOn)),
    },
    tables: {
      get: (partition, table, keys) => arriving(tables.get(partition, table, keys)),
      range: (partition, query) => arriving(tables.range(partition, query)),
      commit: (commit) => arriving(tables.commit(commit)),
      checkpoint: (partition) => arriving(tables.checkpoint(partition)),
    },
    ownership: {
      take: (partition, nonce) => arriving(ownership.take(partition, nonce)),
      renew: (partition, fence) => arriving(ownership.renew(partition, fence)),
      release: (partition, fence) => arriving(ownership.release(partition, fence)),
      observe: (partition) => arriving(ownership.observe(partition)),
    },
    readManifest: () => arriving(store.readManifest()),
    replaceManifest: (expected, next) => arriving(store.replaceManifest(expected, next)),
    space: () => arriving(store.space()),
    close: () => store.close(),
  };
}
