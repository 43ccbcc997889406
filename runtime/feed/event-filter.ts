/**
 * Which events a reader of the feed wants, compiled to the numbers that records hold, so that most records are passed
 * over without making an event of them.
 */
import { type Address, partitionOf } from '../../actors/model/address.js';
import { OperatingError } from '../../actors/model/errors.js';
import { causeId, type StoredRecord } from '../commit/record.js';
import type { KindTable } from '../kind-table.js';
import type { SchemaEntry } from '../schema-catalogue.js';

/** Every condition that is given must hold. */
export interface EventSelection {
  /** `MoneyDeposited`, of whatever kind, or `account/MoneyDeposited`. */
  readonly types?: readonly string[];
  readonly kinds?: readonly string[];
  readonly correlationId?: string;
  readonly actor?: Address;
}

export class EventFilter {
  /** The only partition that can hold such events; undefined: any. */
  readonly partition: number | undefined;
  /** Numbers of kinds in the catalogue. */
  readonly #kinds: ReadonlySet<number>;
  /** Numbers of event schemas, older versions included; events that no module knows any more are in none. */
  readonly #events: ReadonlySet<number>;
  readonly correlationId: string | undefined;
  /** Most events are not wanted, as far as types and correlation can tell. */
  readonly isSelective: boolean;
  readonly #id: string | undefined;

  /** Throws `query-invalid` for a name that no module knows: a misspelt filter would wait for ever. */
  constructor(kinds: KindTable, partitionCount: number, selection: EventSelection) {
    const { types, kinds: names, correlationId, actor } = selection;
    const wanted = actor === undefined ? names : [actor.kind];
    for (const name of wanted ?? []) {
      if (kinds.named(name) === undefined) throw unknownName('kind', name);
    }
    this.#kinds = new Set(
      kinds.kinds.filter(({ name }) => wanted?.includes(name) ?? true).map(({ schemaId }) => schemaId),
    );
    const known = knownEvents(kinds);
    const events = types === undefined ? known : types.flatMap((type) => eventsNamed(known, type));
    this.#events = new Set(events.map(({ id }) => id));
    this.correlationId = correlationId;
    this.isSelective = types !== undefined || correlationId !== undefined;
    this.#id = actor?.id;
    this.partition = actor === undefined ? undefined : partitionOf(actor.id, partitionCount);
  }

  /** False: no event of the record is wanted. */
  takesRecord(record: StoredRecord): boolean {
    if (record[8] === 0 || !this.#kinds.has(record[0])) return false;
    if (this.#id !== undefined && record[1] !== this.#id) return false;
    return this.correlationId === undefined || correlationOf(record) === this.correlationId;
  }

  /** Whether an event of a record that was taken is wanted. */
  takesEvent(schemaId: number): boolean {
    return this.#events.has(schemaId);
  }
}

export function correlationOf(record: StoredRecord): string {
  const correlationId = record[6][0];
  return correlationId === 0 ? causeId(record) : correlationId;
}

function knownEvents({ kinds, catalogue }: KindTable): SchemaEntry[] {
  const names = new Map(kinds.map((kind) => [kind.name, kind.eventByName]));
  return catalogue.events().filter(({ kind, name }) => names.get(kind)?.has(name) ?? false);
}

function eventsNamed(known: readonly SchemaEntry[], type: string): SchemaEntry[] {
  const named = known.filter(({ kind, name }) => name === type || `${kind}/${name}` === type);
  if (named.length === 0) throw unknownName('event type', type);
  return named;
}

function unknownName(what: string, name: string): OperatingError {
  return new OperatingError('query-invalid', `No module of this system has the ${what} "${name}".`);
}
