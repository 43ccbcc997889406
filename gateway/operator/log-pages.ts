/**
 * Pages put together from walks back through the logs of all partitions, newest first.
 *
 * G1  Nothing is shown that a stretch of another log, not yet read, might come before; so a page may be short or empty.
 * G2  Every page makes progress: each request reads a bounded stretch of each log, and the cursor says where to go on.
 */
import type { LogPlace } from '../../runtime/operator/log-walk.js';
import type { OperatorParts } from './operator-parts.js';

export interface LogItem extends LogPlace {
  /** Unix ms. */
  readonly at: number;
}

/** What one partition found, newest first. */
export interface LogPage<Item extends LogItem> {
  readonly items: readonly Item[];
  /** Where to go on; null when there is no more. */
  readonly next: LogPlace | null;
  /** Unix ms: everything later has been found. */
  readonly reachedAt: number;
}

/** By partition: where to go on; null where there is no more. */
export type LogCursor = readonly (readonly [position: number, index: number] | null)[];

export interface MergedPage<Item> {
  readonly items: readonly (Item & { readonly partition: number })[];
  /** Null at the end. */
  readonly next: LogCursor | null;
}

export function isLogCursor(value: unknown): value is LogCursor {
  const isPlace = (place: unknown) =>
    Array.isArray(place) &&
    place.length === 2 &&
    place.every((each) => Number.isSafeInteger(each) && each >= 0);
  return Array.isArray(value) && value.every((place) => place === null || isPlace(place));
}

/** Asks every partition that has more, and shows what is certain. */
export async function mergedPage<Item extends LogItem>(
  { operations }: OperatorParts,
  cursor: LogCursor | undefined,
  limit: number,
  ask: (partition: number, from: LogPlace | undefined) => Promise<LogPage<Item>>,
): Promise<MergedPage<Item>> {
  const pages = await Promise.all(
    Array.from({ length: operations.partitionCount }, (_, partition): Promise<LogPage<Item>> => {
      const place = cursor?.[partition];
      if (place === null) return Promise.resolve({ items: [], next: null, reachedAt: 0 });
      return ask(partition, place === undefined ? undefined : { position: place[0], index: place[1] });
    }),
  );
  const horizon = Math.max(0, ...pages.map(({ next, reachedAt }) => (next === null ? 0 : reachedAt)));
  const items = pages
    .flatMap((page, partition) => page.items.map((item) => ({ ...item, partition })))
    .filter(({ at }) => at >= horizon)
    .sort((left, right) => right.at - left.at || left.partition - right.partition)
    .slice(0, limit);
  const shown = new Map<number, number>();
  for (const { partition } of items) shown.set(partition, (shown.get(partition) ?? 0) + 1);
  const next = pages.map((page, partition) => placeAfter(page, shown.get(partition) ?? 0));
  return { items, next: next.every((place) => place === null) ? null : next };
}

/** Where a partition goes on when the first `shownCount` of what it found were shown: they are in its order. */
function placeAfter({ items, next }: LogPage<LogItem>, shownCount: number): LogCursor[number] {
  const unshown = items[shownCount];
  if (unshown !== undefined) return [unshown.position, unshown.index + 1];
  return next === null ? null : [next.position, next.index];
}
