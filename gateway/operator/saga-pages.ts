/**
 * Pages of sagas over all partitions: those not done by their table, oldest first; all of them by the log, newest first.
 *
 * G1  A saga is shown on one page only and in the order of starts: of what a partition has found nothing is shown that a
 *     saga not yet found by another one would come before.
 * G2  Every page makes progress, also an empty one: each request reads a bounded stretch of the log.
 */
import type { LogPlace } from '../../runtime/operator/log-walk.js';
import type { Operator } from '../../runtime/operator/operation-ground.js';
import type { ListOpenSagas, RecentSagaPage, SagaName } from '../../runtime/operator/saga-operations.js';
import { askAll, cursorText, type OperatorParts } from './operator-parts.js';

export interface SagaPage {
  readonly sagas: readonly SagaName[];
  readonly nextCursor: string | null;
}

export type OpenCursor = readonly ['open', key: string];
/** By partition: where to go on; null where the log has no more. */
export type RecentCursor = readonly [
  'recent',
  ...places: (readonly [position: number, index: number] | null)[],
];
export type SagaCursor = OpenCursor | RecentCursor;

export function isSagaCursor(value: unknown): value is SagaCursor {
  if (!Array.isArray(value)) return false;
  const [type, ...rest] = value as unknown[];
  if (type === 'open') return rest.length === 1 && typeof rest[0] === 'string';
  const isPlace = (place: unknown) =>
    Array.isArray(place) &&
    place.length === 2 &&
    place.every((each) => Number.isSafeInteger(each) && each >= 0);
  return type === 'recent' && rest.every((place) => place === null || isPlace(place));
}

export async function openSagas(
  parts: OperatorParts,
  ask: Omit<ListOpenSagas, 'after'>,
  cursor: OpenCursor | undefined,
  operator: Operator,
): Promise<SagaPage> {
  const pages = await askAll(parts, 'sagas.open', { ...ask, after: cursor?.[1] }, operator);
  const ends = pages.flatMap(({ lookedTo }) => (lookedTo === null ? [] : [lookedTo]));
  const [horizon] = ends.sort();
  const found = pages
    .flatMap(({ sagas }) => sagas)
    .filter(({ key }) => horizon === undefined || key <= horizon)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const sagas = found.slice(0, ask.limit);
  const next = found.length > sagas.length ? sagas.at(-1)?.key : horizon;
  return { sagas, nextCursor: next === undefined ? null : cursorText(['open', next]) };
}

export async function recentSagas(
  parts: OperatorParts,
  ask: { readonly kind: string | undefined; readonly limit: number },
  cursor: RecentCursor | undefined,
  operator: Operator,
): Promise<SagaPage> {
  const { operations } = parts;
  const [, ...places] = cursor ?? ['recent'];
  const pages = await Promise.all(
    Array.from({ length: operations.partitionCount }, (_, partition): Promise<RecentSagaPage> => {
      const place = places[partition];
      if (place === null) return Promise.resolve({ sagas: [], next: null, reachedAt: 0 });
      const from: LogPlace | undefined =
        place === undefined ? undefined : { position: place[0], index: place[1] };
      return operations.ask(partition, 'sagas.recent', { ...ask, from }, operator);
    }),
  );
  const horizon = Math.max(0, ...pages.map(({ next, reachedAt }) => (next === null ? 0 : reachedAt)));
  const found = pages
    .flatMap(({ sagas }, partition) => sagas.map((saga) => ({ ...saga, partition })))
    .filter(({ startedAt }) => startedAt >= horizon)
    .sort((left, right) => right.startedAt - left.startedAt || left.partition - right.partition);
  const sagas = found.slice(0, ask.limit);
  const shown = new Map<number, number>();
  for (const { partition } of sagas) shown.set(partition, (shown.get(partition) ?? 0) + 1);
  const next = pages.map((page, partition) => placeAfter(page, shown.get(partition) ?? 0));
  const isEnd = next.every((place) => place === null);
  return { sagas, nextCursor: isEnd ? null : cursorText(['recent', ...next]) };
}

/** Where a partition goes on when the first `shownCount` of what it found were shown: they are in its order. */
function placeAfter({ sagas, next }: RecentSagaPage, shownCount: number): readonly [number, number] | null {
  const unshown = sagas[shownCount];
  if (unshown !== undefined) return [unshown.position, unshown.index + 1];
  return next === null ? null : [next.position, next.index];
}
