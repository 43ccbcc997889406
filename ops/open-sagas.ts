/**
 * The sagas that are not done, as `/metrics` shows them. Counting reads a row for each, so whoever scrapes gets a count
 * again until its rest is over: the more there was to count, the longer. Nothing is counted without a scrape.
 *
 * C1  Counting takes no more than about a hundredth of a core, until there are so many that it is the age of the count
 *     (`restMsMax`) that has to be bounded.
 * C2  Scrapes that come while it counts share that count.
 */
import { isOperatingError } from '../actors/model/errors.js';
import type { Clock } from '../runtime/clock.js';
import type { OperationClient } from '../runtime/operator/operation.js';
import type { SagaCount } from '../runtime/operator/saga-census.js';

/** A row takes its shard some 4 µs (50,000 of them 0.2 s, on LMDB): a hundred times as long. */
const restMsPerSaga = 0.4;
const restMsMax = 60_000;

export type OpenSagas = () => Promise<readonly SagaCount[]>;

export function countOpenSagas(operations: OperationClient, clock: Pick<Clock, 'monotonic'>): OpenSagas {
  let latest: Promise<readonly SagaCount[]> | undefined;
  let restsUntil = 0;
  return () => {
    if (latest !== undefined && clock.monotonic() < restsUntil) return latest;
    restsUntil = Number.POSITIVE_INFINITY;
    latest = count(operations).then((counts) => {
      const total = counts.reduce((sum, line) => sum + line.count, 0);
      restsUntil = clock.monotonic() + Math.min(restMsMax, total * restMsPerSaga);
      return counts;
    });
    latest.catch(() => {
      latest = undefined;
    });
    return latest;
  };
}

/** None at all while a partition does not answer: the page shows the rest, and a part would look like a drop. */
async function count(operations: OperationClient): Promise<readonly SagaCount[]> {
  // A count is recorded nowhere: it needs no command id.
  const scraper = { principal: 'metrics', commandId: '' };
  const partitions = Array.from({ length: operations.partitionCount }, (_, partition) => partition);
  const ask = (partition: number) => operations.ask(partition, 'sagas.count', undefined, scraper);
  try {
    return (await Promise.all(partitions.map(ask))).flat();
  } catch (error) {
    if (!isOperatingError(error)) throw error;
    return [];
  }
}
