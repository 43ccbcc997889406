/**
 * How many sagas are not done, by definition, state, step and age: counted off their table when somebody asks, because a
 * count kept at every change would cost each of them, and an age changes by itself.
 *
 * As of the last sweep. Counts a bounded number of rows, a page at a time, with other work in between. Whoever asks again
 * and again is to leave it rest (`ops/open-sagas.ts`).
 */
import type { SagaState } from '../../actors/model/saga.js';
import type { Domain } from '../domain.js';
import type { Partition } from '../partition.js';
import { decodeOpenSaga, openSagaOf, openSagaTable } from '../saga/open-saga-row.js';
import type { OperationGround } from './operation-ground.js';

const rowsPerPage = 1_000;

/** Upper bounds of the ages, ms; what is above the last is `older`. */
const ages = [
  ['1m', 60_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
] as const;

export interface SagaCount {
  readonly kind: string;
  readonly state: SagaState;
  readonly step: string;
  /** `1m`: at most that old, and older than the bound before; `older`. */
  readonly age: string;
  readonly isParked: boolean;
  readonly count: number;
}

export async function countSagas(
  { domain }: OperationGround,
  partition: Partition,
): Promise<readonly SagaCount[]> {
  const counts = new Map<string, { -readonly [Field in keyof SagaCount]: SagaCount[Field] }>();
  const { censusRowsMax } = domain.limits;
  let from = '';
  for (let left = censusRowsMax; ; ) {
    const limit = Math.min(rowsPerPage, left);
    const query = { table: openSagaTable, from, limit };
    const rows = await domain.store.tables.range(partition.number, query);
    for (const { key, value } of rows) {
      const { startedAt, kindSchemaId } = openSagaOf(key);
      const { state, step, parked_at } = decodeOpenSaga(value);
      const kind = nameOf(domain, kindSchemaId);
      const line = { kind, state, step, age: ageOf(domain.now - startedAt), isParked: parked_at !== null };
      const label = JSON.stringify(line);
      const known = counts.get(label);
      if (known === undefined) counts.set(label, { ...line, count: 1 });
      else known.count++;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) break;
    left -= rows.length;
    if (left <= 0) {
      domain.report('warn', 'saga-census-cut', { partition: partition.number, counted: censusRowsMax });
      break;
    }
    from = `${last.key}\0`;
    await new Promise<void>((resolve) => domain.clock.defer(resolve));
  }
  return [...counts.values()];
}

function ageOf(milliseconds: number): string {
  for (const [name, bound] of ages) if (milliseconds <= bound) return name;
  return 'older';
}

function nameOf({ kinds }: Domain, schemaId: number): string {
  return kinds.numbered(schemaId)?.name ?? kinds.catalogue.entry(schemaId).kind;
}
