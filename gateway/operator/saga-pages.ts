/**
 * Pages of sagas over all partitions: those not done by their table, oldest first; all of them by the log, newest first.
 */
import type { Operator } from '../../runtime/operator/operation-ground.js';
import type { ListOpenSagas, SagaName } from '../../runtime/operator/saga-operations.js';
import { isLogCursor, type LogCursor, mergedPage } from './log-pages.js';
import { askAll, cursorText, type OperatorParts } from './operator-parts.js';

export interface SagaPage {
  readonly sagas: readonly SagaName[];
  readonly nextCursor: string | null;
}

export type OpenCursor = readonly ['open', key: string];
export type RecentCursor = readonly ['recent', LogCursor];
export type SagaCursor = OpenCursor | RecentCursor;

export function isSagaCursor(value: unknown): value is SagaCursor {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return value[0] === 'open' ? typeof value[1] === 'string' : value[0] === 'recent' && isLogCursor(value[1]);
}

/** Nothing is shown that a partition that was not looked through might come before. */
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
  { kind, limit }: { readonly kind: string | undefined; readonly limit: number },
  cursor: RecentCursor | undefined,
  operator: Operator,
): Promise<SagaPage> {
  const { items, next } = await mergedPage(parts, cursor?.[1], limit, (partition, from) =>
    parts.operations.ask(partition, 'sagas.recent', { kind, limit, from }, operator),
  );
  return { sagas: items, nextCursor: next === null ? null : cursorText(['recent', next]) };
}
