/**
 * The sagas that are not done, as `/metrics` shows them. Counting reads a row for each, so whoever scrapes gets a count
 * again until its rest is over: the more there was to count, the longer. Nothing is counted without a scrape.
 *
 * C1  Counting takes no more than about a hundredth of a core, until there are so many that it is the age of the count
 *     (`restMsMax`) that has to be bounded.
 * C2  Scrapes that come while it counts share that count. Where counting takes long they are given the one before.
 * C3  One partition is counted at a time: each has the time of one operation, however many there are.
 */
import { isOperatingError } from '../actors/model/errors.js';
import type { Clock } from '../runtime/clock.js';
import type { OperationClient } from '../runtime/operator/operation.js';
import type { SagaCount } from '../runtime/operator/saga-census.js';

/** A row takes its shard some 4 µs (50,000 of them 0.2 s, on LMDB): a hundred times as long. */
const restMsPerSaga = 0.4;
const restMsMax = 60_000;
/** Sagas that a scrape waits for: with more, a count might take longer than a scraper waits for the whole page. */
const waitedForMax = 10_000;

export type OpenSagas = () => Promise<readonly SagaCount[]>;

export function countOpenSagas(operations: OperationClient, clock: Pick<Clock, 'monotonic'>): OpenSagas {
  let latest: readonly SagaCount[] | undefined;
  let counting: Promise<readonly SagaCount[]> | undefined;
  let restsUntil = 0;
  const begin = async () => {
    try {
      latest = await count(operations);
      restsUntil = clock.monotonic() + Math.min(restMsMax, totalOf(latest) * restMsPerSaga);
      return latest;
    } finally {
      counting = undefined;
    }
  };
  return async () => {
    if (counting === undefined && (latest === undefined || clock.monotonic() >= restsUntil)) {
      counting = begin();
      // A scrape that does not wait sees nothing of it: the next one does.
      counting.catch(() => {
        latest = undefined;
      });
    }
    const isQuick = latest === undefined || totalOf(latest) <= waitedForMax;
    return counting !== undefined && isQuick ? await counting : (latest ?? []);
  };
}

function totalOf(counts: readonly SagaCount[]): number {
  return counts.reduce((sum, line) => sum + line.count, 0);
}

/** None at all when a partition does not answer: the page shows the rest, and a part would look like a drop. */
async function count(operations: OperationClient): Promise<readonly SagaCount[]> {
  // A count is recorded nowhere: it needs no command id.
  const scraper = { principal: 'metrics', commandId: '' };
  const counts: SagaCount[] = [];
  try {
    for (let partition = 0; partition < operations.partitionCount; partition++)
      counts.push(...(await operations.ask(partition, 'sagas.count', undefined, scraper)));
    return counts;
  } catch (error) {
    if (!isOperatingError(error)) throw error;
    return [];
  }
}
