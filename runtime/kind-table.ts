/**
 * The actor kinds of a system, compiled once per thread from its modules: names resolved to entries with stored form,
 * schema number and behaviour, so that the hot path looks nothing up twice.
 *
 * Every thread compiles the same table from the same modules and the same catalogue; kinds and commands are named
 * across threads by their indexes in it.
 */
import type { AggregateDefinition, DecideContext, Decision } from '../actors/model/aggregate.js';
import type { CommandSpec, Contract, EventSpec, QuerySpec } from '../actors/model/contract.js';
import { OperatingError } from '../actors/model/errors.js';
import { compileForm, type Form } from '../actors/model/form.js';
import type { Rejection } from '../actors/model/message.js';
import type { AnyAggregate, Module } from '../actors/model/module.js';
import type { Reaction } from '../actors/model/reaction.js';
import type { SagaSummary } from '../actors/model/saga.js';
import { compileSnapshot, type SnapshotForm } from '../actors/model/snapshot.js';
import { decodeCommand, decodeEvent, decodeReply } from '../actors/model/upcast.js';
import { runtimeModule } from './operator/backfill-actor.js';
import { linkCommands } from './saga/saga-contract.js';
import { type CompiledSaga, compileSaga } from './saga/saga-machine.js';
import type { SchemaCatalogue, SchemaCategory } from './schema-catalogue.js';

export interface CommandEntry {
  readonly name: string;
  readonly index: number;
  readonly spec: CommandSpec;
  readonly schemaId: number;
  readonly replySchemaId: number;
  readonly input: Form;
  readonly reply: Form;
  readonly decide: (
    state: unknown,
    input: unknown,
    ctx: DecideContext,
  ) => Decision<Contract, unknown, unknown>;
  /** See `unrecorded` of the definition. */
  readonly unrecorded: NonNullable<AggregateDefinition['unrecorded']>[string] | undefined;
}

export interface QueryEntry {
  readonly name: string;
  readonly index: number;
  readonly spec: QuerySpec;
  readonly input: Form;
  readonly reply: Form;
  readonly read: (state: unknown, input: unknown, ctx: DecideContext) => unknown | Rejection;
}

export interface EventEntry {
  readonly name: string;
  /** `account/MoneyDeposited`: what counters call it. */
  readonly label: string;
  readonly spec: EventSpec;
  readonly schemaId: number;
  readonly form: Form;
  readonly evolve: (state: unknown, data: unknown, at: number) => unknown;
  readonly reactions: readonly Reaction[];
}

/** What a saga is beside an aggregate. */
export interface SagaFacts {
  /** An instance in one line. */
  readonly summary: (state: unknown) => SagaSummary;
  /** How long one should take. */
  readonly deadlineMs: number;
  /** Versions of its definition that instances can go on under. */
  readonly versions: ReadonlySet<number>;
}

export interface Kind {
  readonly name: string;
  readonly index: number;
  /** Number of the kind in the catalogue: what records and rows say. */
  readonly schemaId: number;
  readonly definition: AggregateDefinition<Contract, unknown>;
  readonly commands: readonly CommandEntry[];
  readonly commandByName: ReadonlyMap<string, CommandEntry>;
  readonly queries: readonly QueryEntry[];
  readonly queryByName: ReadonlyMap<string, QueryEntry>;
  readonly eventByName: ReadonlyMap<string, EventEntry>;
  readonly snapshot: SnapshotForm<unknown>;
  readonly isSaga: boolean;
  readonly saga: SagaFacts | undefined;
}

/** Changes that an operator makes beside the commands of contracts; a record names them where a reply's schema stands. */
export const operationVerbs = ['timer-move', 'timer-cancel', 'letter-skip', 'unpark'] as const;
export type OperationVerb = (typeof operationVerbs)[number];

export class KindTable {
  readonly kinds: readonly Kind[];
  readonly catalogue: SchemaCatalogue;
  readonly #byName = new Map<string, Kind>();
  readonly #bySchemaId = new Map<number, Kind>();
  readonly #events = new Map<number, EventEntry>();
  readonly #commands = new Map<number, CommandEntry>();
  readonly #replies = new Map<number, CommandEntry>();
  readonly #operations: ReadonlyMap<OperationVerb, number>;
  /** Schema numbers of what sagas send each other of their own accord. */
  readonly #links = new Set<number>();

  constructor(
    kinds: readonly Kind[],
    catalogue: SchemaCatalogue,
    operations: ReadonlyMap<OperationVerb, number>,
  ) {
    this.kinds = kinds;
    this.catalogue = catalogue;
    this.#operations = operations;
    for (const kind of kinds) {
      this.#byName.set(kind.name, kind);
      this.#bySchemaId.set(kind.schemaId, kind);
      for (const event of kind.eventByName.values()) this.#events.set(event.schemaId, event);
      for (const command of kind.commands) {
        this.#commands.set(command.schemaId, command);
        this.#replies.set(command.replySchemaId, command);
        if (kind.isSaga && linkCommands.includes(command.name)) this.#links.add(command.schemaId);
      }
    }
  }

  /** True for a command that never waits behind dead letters (E1 of `letter-box.ts`). */
  overtakesLetters(commandSchemaId: number): boolean {
    return this.#links.has(commandSchemaId);
  }

  get events(): Iterable<EventEntry> {
    return this.#events.values();
  }

  named(name: string): Kind | undefined {
    return this.#byName.get(name);
  }

  /** The kind with that catalogue number, if this system still has it. */
  numbered(schemaId: number): Kind | undefined {
    return this.#bySchemaId.get(schemaId);
  }

  /** What a record says in place of a reply's schema when an operator made the change. */
  operationSchema(verb: OperationVerb): number {
    const id = this.#operations.get(verb);
    if (id === undefined) throw new TypeError(`No operation "${verb}" is registered.`);
    return id;
  }

  /** A stored event of that kind as today's data; older versions pass their upcaster. Throws `schema-unknown`. */
  event(
    kind: Kind,
    schemaId: number,
    fields: readonly unknown[],
  ): { readonly entry: EventEntry; readonly data: unknown } {
    const current = this.#events.get(schemaId);
    if (current !== undefined) return { entry: current, data: current.form.fromFields(fields) };
    const { name, version } = this.catalogue.entry(schemaId);
    const entry = kind.eventByName.get(name);
    if (entry === undefined)
      throw new OperatingError('schema-unknown', `Kind ${kind.name} has no event ${name} any more.`);
    return { entry, data: decodeEvent(kind.definition.contract, name, version, fields) };
  }

  /** The command that a stored message or timer names, with its payload in today's fields. Throws `schema-unknown`. */
  command(
    kind: Kind,
    schemaId: number,
    fields: readonly unknown[],
  ): { readonly entry: CommandEntry; readonly fields: readonly unknown[] } {
    const current = this.#commands.get(schemaId);
    if (current !== undefined) return { entry: current, fields };
    const { name, version } = this.catalogue.entry(schemaId);
    const entry = kind.commandByName.get(name);
    if (entry === undefined)
      throw new OperatingError('schema-unknown', `Kind ${kind.name} has no command ${name} any more.`);
    return {
      entry,
      fields: entry.input.toFields(decodeCommand(kind.definition.contract, name, version, fields)),
    };
  }

  /** A stored reply as today's data. Throws `schema-unknown`. */
  reply(schemaId: number, fields: readonly unknown[]): unknown {
    const current = this.#replies.get(schemaId);
    if (current !== undefined) return current.reply.fromFields(fields);
    const { kind: kindName, name, version, fieldsHash } = this.catalogue.entry(schemaId);
    const kind = this.#byName.get(kindName);
    if (kind === undefined)
      throw new OperatingError('schema-unknown', `No module defines kind ${kindName} any more.`);
    // A command and its reply share a version: one that rose for the sake of the command leaves the reply as it was.
    const entry = kind.commandByName.get(name);
    if (entry?.reply.hash === fieldsHash && entry.spec.upcastReply?.[version] === undefined)
      return entry.reply.fromFields(fields);
    return decodeReply(kind.definition.contract, name, version, fields);
  }
}

/**
 * Compiles the modules' kinds, in the order of their names, and registers their schemas. `isNew` is true when the
 * catalogue grew and must be stored before the system serves. Throws on a duplicate kind and on `schema-changed`.
 */
export function compileKinds(
  modules: readonly Module[],
  catalogue: SchemaCatalogue,
): { readonly table: KindTable; readonly isNew: boolean } {
  const sagaNames = new Set<string>();
  const definitions: AnyAggregate[] = [];
  const reactions: Reaction[] = [];
  for (const module of [...modules, runtimeModule]) {
    definitions.push(...module.aggregates);
    for (const saga of module.sagas ?? []) {
      definitions.push(compileSaga(saga));
      sagaNames.add(saga.name);
    }
    reactions.push(...(module.reactions ?? []));
  }
  definitions.sort((left, right) => (left.contract.kind < right.contract.kind ? -1 : 1));
  let isNew = false;
  const register: Register = (category, kind, name, version, fieldsHash) => {
    const registered = catalogue.register({ category, kind, name, version }, fieldsHash);
    if (registered.isNew) isNew = true;
    return registered.id;
  };
  const kinds = definitions.map((definition, index) => {
    const name: string = definition.contract.kind;
    if (index > 0 && definitions[index - 1]?.contract.kind === name) {
      throw new TypeError(`Two modules define the actor kind "${name}".`);
    }
    return compileKind(definition, index, sagaNames.has(name), reactions, register);
  });
  const operations = new Map(
    operationVerbs.map((verb) => [verb, register('operation', '', verb, 1, '')] as const),
  );
  return { table: new KindTable(kinds, catalogue, operations), isNew };
}

type Register = (
  category: SchemaCategory,
  kind: string,
  name: string,
  version: number,
  fieldsHash: string,
) => number;

function compileKind(
  definition: AnyAggregate,
  index: number,
  isSaga: boolean,
  reactions: readonly Reaction[],
  register: Register,
): Kind {
  const contract = definition.contract as Contract;
  const name = contract.kind;
  const commands = Object.entries(contract.commands).map(([command, spec], position): CommandEntry => {
    const input = compileForm(spec.input);
    const reply = compileForm(spec.reply);
    return {
      name: command,
      index: position,
      spec,
      schemaId: register('command', name, command, spec.version, input.hash),
      replySchemaId: register('reply', name, command, spec.version, reply.hash),
      input,
      reply,
      decide: behaviour(definition.decide, name, command),
      unrecorded: definition.unrecorded?.[command],
    };
  });
  const queries = Object.entries(contract.queries).map(
    ([query, spec], position): QueryEntry => ({
      name: query,
      index: position,
      spec,
      input: compileForm(spec.input),
      reply: compileForm(spec.reply),
      read: behaviour(definition.read, name, query),
    }),
  );
  const events = Object.entries(contract.events).map(([event, spec]): EventEntry => {
    const form = compileForm(spec.schema);
    return {
      name: event,
      label: `${name}/${event}`,
      spec,
      schemaId: register('event', name, event, spec.version, form.hash),
      form,
      evolve: behaviour(definition.evolve, name, event),
      reactions: reactions.filter((reaction) => reaction.kind === name && reaction.event === event),
    };
  });
  const snapshot = compileSnapshot(definition.snapshot, definition.initial);
  register('snapshot', name, '', snapshot.version, snapshot.hash);
  return {
    name,
    index,
    schemaId: register('kind', name, '', 1, ''),
    definition,
    commands,
    commandByName: new Map(commands.map((entry) => [entry.name, entry])),
    queries,
    queryByName: new Map(queries.map((entry) => [entry.name, entry])),
    eventByName: new Map(events.map((entry) => [entry.name, entry])),
    snapshot,
    isSaga,
    saga: isSaga ? sagaFacts(definition as CompiledSaga) : undefined,
  };
}

function sagaFacts({ summary, plan, versions }: CompiledSaga): SagaFacts {
  // An activation's state is that of its kind.
  return { summary: summary as SagaFacts['summary'], deadlineMs: plan.deadlineMs, versions };
}

/** The function for one name; a module in plain JavaScript may lack it, which is said at start and not at the first call. */
function behaviour<F>(functions: Readonly<Record<string, F>>, kind: string, name: string): F {
  const found = functions[name];
  if (found === undefined)
    throw new TypeError(`Kind "${kind}" declares "${name}" in its contract and does not define it.`);
  return found;
}
