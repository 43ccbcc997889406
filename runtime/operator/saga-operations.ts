/**
 * Sagas as an operator finds them, without a read model: those not done from their table and from memory, oldest first;
 * all of them from the log, newest first. What is shown of one is always its state as it stands.
 */
import type { SagaState, SagaStatus, SagaSummary } from '../../actors/model/saga.js';
import type { TableKey } from '../../persistence/tables.js';
import type { Activation } from '../actor/activation.js';
import { outcomeReply } from '../commit/outcome.js';
import type { Kind } from '../kind-table.js';
import type { Partition } from '../partition.js';
import {
  decodeOpenSaga,
  isListed,
  openSagaKey,
  openSagaKeyFrom,
  openSagaOf,
  openSagaTable,
} from '../saga/open-saga-row.js';
import type { SagaInstance } from '../saga/saga-instance.js';
import { type LogPlace, walkLog } from './log-walk.js';
import { type OperationGround, withActor } from './operation-ground.js';

/** Rows of open sagas that one operation looks at. */
export const openSagasScannedMax = 5_000;

export interface SagaName {
  readonly kind: string;
  readonly id: string;
}

export interface ListOpenSagas {
  /** Only sagas after this key. */
  readonly after: TableKey | undefined;
  readonly kind: string | undefined;
  /** Any of the states of sagas that are not done. */
  readonly state: SagaState | undefined;
  /** Unix ms: only those that started before. */
  readonly startedBefore: number | undefined;
  /** Only those that wait for a person. */
  readonly isParked: boolean;
  /** Only those that wait for a person or are past their deadline. */
  readonly isStuck: boolean;
  readonly limit: number;
}

export interface OpenSaga extends SagaName {
  readonly key: TableKey;
}

export interface OpenSagaPage {
  readonly sagas: readonly OpenSaga[];
  /** Everything up to this key has been looked at; null: to the end. */
  readonly lookedTo: TableKey | null;
}

export interface ListRecentSagas {
  /** From where to go back; undefined: from the newest. */
  readonly from: LogPlace | undefined;
  readonly kind: string | undefined;
  readonly limit: number;
}

export interface RecentSaga extends SagaName, LogPlace {
  /** Of its start, Unix ms. */
  readonly at: number;
}

export interface RecentSagaPage {
  readonly items: readonly RecentSaga[];
  /** Where to go on; null when the log has no more. */
  readonly next: LogPlace | null;
  /** Unix ms: every saga that started later has been found. */
  readonly reachedAt: number;
}

/** One instance as listings show it; the status says the rest. */
export interface SagaLine extends SagaName {
  readonly summary: SagaSummary;
  readonly status: SagaStatus;
  /** Of the input, where the saga is about an order. */
  readonly orderId: string | null;
  /** Unix ms of its newest event that the status knows of. */
  readonly updatedAt: number;
  /** Unix ms. */
  readonly deadlineAt: number;
}

export interface LookAtSagas {
  readonly sagas: readonly SagaName[];
}

/** Exact for resident instances, as of the last sweep for the others: those have not changed since. */
export async function listOpenSagas(
  ground: OperationGround,
  partition: Partition,
  ask: ListOpenSagas,
): Promise<OpenSagaPage> {
  const { domain } = ground;
  const from = ask.after === undefined ? '' : `${ask.after}\0`;
  const to = ask.startedBefore === undefined ? undefined : openSagaKeyFrom(ask.startedBefore);
  const rows = await domain.store.tables.range(partition.number, {
    table: openSagaTable,
    from,
    limit: openSagasScannedMax,
    ...(to === undefined ? {} : { to }),
  });
  const last = rows.at(-1);
  const isWhole = rows.length < openSagasScannedMax || last === undefined;
  const end = isWhole ? to : last.key;
  const lines = new Map<TableKey, SagaSummary>();
  for (const { key, value } of rows) lines.set(key, decodeOpenSaga(value));
  for (const activation of residentSagas(ground, partition)) {
    const summary = activation.kind.saga?.summary(activation.state);
    if (summary === undefined) continue;
    const key = openSagaKey(summary.started_at, activation.kind.schemaId, activation.id);
    if (key < from || (end !== undefined && key > end)) continue;
    if (isListed(summary)) lines.set(key, summary);
    else lines.delete(key);
  }
  const found: OpenSaga[] = [];
  for (const [key, summary] of [...lines].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const { kindSchemaId, id } = openSagaOf(key);
    const kind = domain.kinds.numbered(kindSchemaId);
    if (kind !== undefined && isWanted(kind, summary, ask, domain.now))
      found.push({ kind: kind.name, id, key });
  }
  const page = found.slice(0, ask.limit);
  const cut = found.length > page.length ? (page.at(-1)?.key ?? null) : null;
  return { sagas: page, lookedTo: cut ?? (isWhole ? null : last.key) };
}

function* residentSagas({ domain, residents }: OperationGround, partition: Partition): Iterable<Activation> {
  for (const kind of domain.kinds.kinds) {
    if (kind.saga === undefined) continue;
    for (const activation of residents(kind)) {
      if (activation.partition === partition && activation.phase === 'ready') yield activation;
    }
  }
}

function isWanted(kind: Kind, summary: SagaSummary, ask: ListOpenSagas, now: number): boolean {
  if (ask.kind !== undefined && kind.name !== ask.kind) return false;
  if (ask.state !== undefined && summary.state !== ask.state) return false;
  if (ask.startedBefore !== undefined && summary.started_at >= ask.startedBefore) return false;
  if (ask.isParked && summary.parked_at === null) return false;
  return !ask.isStuck || isStuck(kind, summary, now);
}

function isStuck({ saga }: Kind, { parked_at, started_at }: SagaSummary, now: number): boolean {
  return parked_at !== null || (saga !== undefined && now > started_at + saga.deadlineMs);
}

/** Sagas by the records that started them, newest first. */
export async function listRecentSagas(
  { domain }: OperationGround,
  partition: Partition,
  { from, kind, limit }: ListRecentSagas,
): Promise<RecentSagaPage> {
  const wanted = new Map<number, string>();
  for (const { name, schemaId, isSaga } of domain.kinds.kinds)
    if (isSaga && (kind === undefined || kind === name)) wanted.set(schemaId, name);
  const items: RecentSaga[] = [];
  if (wanted.size === 0) return { items, next: null, reachedAt: 0 };
  const { next, reachedAt } = await walkLog(domain, partition, from, {
    admits: (schemaId) => wanted.has(schemaId),
    visit: ({ record, position, index, at }) => {
      // The first events of an actor: its start.
      if (record[2] !== 0 || record[8] === 0) return 'on';
      if (items.length === limit) return 'stop';
      items.push({ kind: wanted.get(record[0]) ?? '', id: record[1], position, index, at });
      return 'on';
    },
  });
  return { items, next, reachedAt };
}

/** Each of them as it stands; those that never started are left out. */
export async function lookAtSagas(
  ground: OperationGround,
  _partition: Partition,
  { sagas }: LookAtSagas,
): Promise<readonly SagaLine[]> {
  const lines = await Promise.all(
    sagas.map(({ kind: name, id }) => {
      const kind = ground.domain.kinds.named(name);
      return kind === undefined
        ? undefined
        : withActor(ground, kind, id, (activation) => lineOf(ground, activation));
    }),
  );
  return lines.filter((line) => line !== undefined);
}

/** The saga with that id, whatever its definition; several definitions may have used one id. */
export function findSagas(
  ground: OperationGround,
  partition: Partition,
  { id }: { readonly id: string },
): Promise<readonly SagaLine[]> {
  const sagas = ground.domain.kinds.kinds.flatMap(({ name, isSaga }) => (isSaga ? [{ kind: name, id }] : []));
  return lookAtSagas(ground, partition, { sagas });
}

function lineOf({ executor }: OperationGround, activation: Activation): SagaLine | undefined {
  const { kind, id } = activation;
  const query = kind.queryByName.get('status');
  if (kind.saga === undefined || query === undefined || activation.phase !== 'ready') return undefined;
  if (activation.version === 0) return undefined;
  const outcome = executor.query(activation, query, [], { principal: '', roles: [], internal: true });
  if (outcome[0] !== outcomeReply) return undefined;
  // The status query of every saga replies with a `SagaStatus`.
  const status = query.reply.fromFields(outcome[2]) as SagaStatus;
  // The state of a saga's activation.
  const { order_id } = (activation.state as SagaInstance).input;
  const summary = kind.saga.summary(activation.state);
  const times = status.step_results.map(({ timestamp }) => timestamp);
  return {
    kind: kind.name,
    id,
    summary,
    status,
    orderId: typeof order_id === 'string' ? order_id : null,
    updatedAt: Math.max(status.started_at, summary.parked_at ?? 0, summary.ended_at ?? 0, ...times),
    deadlineAt: status.started_at + kind.saga.deadlineMs,
  };
}
