/**
 * Small numbers for everything a store names: kinds, event, command and reply schemas with their versions. A record
 * says `17` where it means "event MoneyDeposited of kind account, version 1".
 *
 * K1  A number, once given, keeps its meaning for the life of the store; numbers are never reused.
 * K2  A schema whose field list differs from the one stored under the same version is refused at start: whoever
 *     changes a field list must raise the version.
 */
import { OperatingError } from '../actors/model/errors.js';

export type SchemaCategory = 'kind' | 'event' | 'command' | 'reply' | 'snapshot' | 'operation';

export interface SchemaName {
  readonly category: SchemaCategory;
  readonly kind: string;
  /** Event or command name; empty for kinds and snapshots. */
  readonly name: string;
  readonly version: number;
}

export interface SchemaEntry extends SchemaName {
  readonly id: number;
  /** Hash of the field list, nested fields included. */
  readonly fieldsHash: string;
}

type StoredEntry = readonly [
  id: number,
  category: SchemaCategory,
  kind: string,
  name: string,
  version: number,
  hash: string,
];

/** Stands in the place of the catalogue while a journal is being imported. */
export const unfinishedImport = { import: 'unfinished' } as const;

export class SchemaCatalogue {
  readonly #byName = new Map<string, SchemaEntry>();
  readonly #byId: (SchemaEntry | undefined)[] = [];

  /** Reads a stored catalogue; an empty one for `undefined`. Throws `schema-unknown` when an import stopped half-way. */
  static parse(bytes: Uint8Array | undefined): SchemaCatalogue {
    const catalogue = new SchemaCatalogue();
    if (bytes === undefined) return catalogue;
    const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      readonly schemas: readonly StoredEntry[];
    } & Partial<typeof unfinishedImport>;
    if (document.import === unfinishedImport.import) {
      throw new OperatingError(
        'schema-unknown',
        'An import into this store was not finished: empty it and import again.',
      );
    }
    for (const [id, category, kind, name, version, fieldsHash] of document.schemas) {
      catalogue.#add({ id, category, kind, name, version, fieldsHash });
    }
    return catalogue;
  }

  serialise(): Uint8Array {
    const schemas: StoredEntry[] = [];
    for (const entry of this.#byId) {
      if (entry !== undefined) {
        schemas.push([entry.id, entry.category, entry.kind, entry.name, entry.version, entry.fieldsHash]);
      }
    }
    return Buffer.from(JSON.stringify({ schemas }), 'utf8');
  }

  /** The number of a schema, given now if it has none. Throws `schema-changed` (K2). Returns whether it is new. */
  register(schema: SchemaName, fieldsHash: string): { readonly id: number; readonly isNew: boolean } {
    const known = this.#byName.get(keyOf(schema));
    if (known !== undefined) {
      if (known.fieldsHash !== fieldsHash) {
        throw new OperatingError(
          'schema-changed',
          `The fields of ${schema.category} ${schema.kind} ${schema.name} changed under version ${schema.version}: raise its version and add an upcaster.`,
        );
      }
      return { id: known.id, isNew: false };
    }
    const id = Math.max(1, this.#byId.length);
    this.#add({ ...schema, id, fieldsHash });
    return { id, isNew: true };
  }

  /** The meaning of a number. Throws `schema-unknown`: the store was written by newer code. */
  entry(id: number): SchemaEntry {
    const entry = this.#byId[id];
    if (entry === undefined) {
      throw new OperatingError(
        'schema-unknown',
        `The journal names schema ${id}, which its catalogue does not hold.`,
      );
    }
    return entry;
  }

  /** Every version of every event. */
  events(): SchemaEntry[] {
    return [...this.#byName.values()].filter(({ category }) => category === 'event');
  }

  #add(entry: SchemaEntry): void {
    this.#byId[entry.id] = entry;
    this.#byName.set(keyOf(entry), entry);
  }
}

function keyOf(schema: SchemaName): string {
  return `${schema.category} ${schema.kind} ${schema.name} ${schema.version}`;
}
