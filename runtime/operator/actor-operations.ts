/**
 * Actors as an operator finds them: those that the tables hold, in the order of their keys; those that are parked; one as
 * it stands.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { TableKey } from '../../persistence/tables.js';
import type { Activation } from '../actor/activation.js';
import { actorOfKey, actorTable, decodeActorRow, isBare } from '../actor/actor-row.js';
import type { Partition } from '../partition.js';
import { type OperationGround, type Operator, recordChange, withActor } from './operation-ground.js';

/** Rows that one operation looks at. */
export const actorRowsScannedMax = 2_000;

export interface ActorName {
  readonly kind: string;
  readonly id: string;
}

export interface ListActors {
  readonly after: TableKey | undefined;
  readonly kind: string | undefined;
  readonly limit: number;
}

/** As of the last sweep. */
export interface StoredActor extends ActorName {
  /** Null for a saga that has ended: its row only says where its history does. */
  readonly version: number | null;
  readonly isOpen: boolean;
}

export interface ActorPage {
  readonly actors: readonly StoredActor[];
  /** Where to go on; null at the end. */
  readonly lookedTo: TableKey | null;
}

export interface ActorFacts extends ActorName {
  readonly version: number;
  readonly isParked: boolean;
  readonly isOpen: boolean;
  /** Failures that count towards parking. */
  readonly strikes: number;
}

export async function listActors(
  { domain }: OperationGround,
  partition: Partition,
  { after, kind, limit }: ListActors,
): Promise<ActorPage> {
  const from = after === undefined ? '' : `${after}\0`;
  const query = { table: actorTable, from, limit: actorRowsScannedMax };
  const rows = await domain.store.tables.range(partition.number, query);
  const actors: StoredActor[] = [];
  for (const { key, value } of rows) {
    if (actors.length === limit) break;
    const { kindSchemaId, id } = actorOfKey(key);
    const name = domain.kinds.numbered(kindSchemaId)?.name;
    if (name !== undefined && (kind === undefined || kind === name)) {
      const row = decodeActorRow(value);
      actors.push({ kind: name, id, version: isBare(row) ? null : row.version, isOpen: row.isOpen });
    }
    after = key;
  }
  const isEnd = rows.length < actorRowsScannedMax && after === rows.at(-1)?.key;
  return { actors, lookedTo: rows.length === 0 || isEnd ? null : (after ?? null) };
}

/** Parked actors that somebody has met since the process began: which others are is known once they are used. */
export function listParked(
  { parked }: OperationGround,
  partition: Partition,
  { limit }: { readonly limit: number },
): readonly ActorFacts[] {
  const found: ActorFacts[] = [];
  for (const activation of parked()) {
    if (found.length === limit) break;
    if (activation.partition === partition) found.push(factsOf(activation));
  }
  return found;
}

export function showActor(
  ground: OperationGround,
  _partition: Partition,
  name: ActorName,
): Promise<ActorFacts> {
  return withActor(ground, kindOf(ground, name), name.id, factsOf);
}

/** Loads a parked actor as if it had never failed, and resolves to what became of it. */
export async function unparkActor(
  ground: OperationGround,
  _partition: Partition,
  { isDryRun, ...name }: ActorName & { readonly isDryRun: boolean },
  operator: Operator,
): Promise<ActorFacts> {
  const kind = kindOf(ground, name);
  const before = await withActor(ground, kind, name.id, (activation) => {
    if (activation.phase !== 'parked') throw new OperatingError('not-found', 'The actor is not parked.');
    const facts = factsOf(activation);
    if (!isDryRun) {
      recordChange(ground, activation, { operator, verb: 'unpark' }, []);
      ground.unpark(activation);
    }
    return facts;
  });
  return isDryRun ? before : withActor(ground, kind, name.id, factsOf);
}

function kindOf({ domain }: OperationGround, { kind }: ActorName) {
  const found = domain.kinds.named(kind);
  if (found === undefined) throw new OperatingError('not-found', 'No module defines this kind.');
  return found;
}

function factsOf({ kind, id, version, phase, state, strikes }: Activation): ActorFacts {
  const isParked = phase === 'parked';
  const isOpen = !isParked && (kind.definition.isOpen?.(state) ?? false);
  return { kind: kind.name, id, version, isParked, isOpen, strikes: strikes.count };
}
