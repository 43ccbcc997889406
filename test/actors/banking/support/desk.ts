/**
 * One actor at a desk: asks an aggregate as the runtime would, without a runtime, and keeps its journal.
 *
 * At every command it proves what every aggregate must keep: a decision changes nothing, events and replies fit their
 * schemas, events come back from their stored form, a snapshot brings the same state back, and folding the journal from
 * nothing does too.
 */
import assert from 'node:assert/strict';
import type { AggregateDefinition, DecideContext, TaggedReply } from '../../../../actors/model/aggregate.js';
import type { RecordedEvent } from '../../../../actors/model/call.js';
import { pack, unpack } from '../../../../actors/model/codec.js';
import type {
  CommandInput,
  CommandName,
  CommandReply,
  Contract,
  QueryInput,
  QueryName,
  QueryReply,
} from '../../../../actors/model/contract.js';
import { compileForm, type Form } from '../../../../actors/model/form.js';
import type { Caller, MessageOrder, Rejection, TimerOrder } from '../../../../actors/model/message.js';
import type { TSchema } from '../../../../actors/model/typebox.js';
import { type Check, compileValidator } from '../../../../actors/model/validation.js';

export const alice: Caller = { principal: 'alice', roles: ['customer'], internal: false };
export const bob: Caller = { principal: 'bob', roles: ['customer'], internal: false };
export const admin: Caller = { principal: 'root', roles: ['admin'], internal: false };
export const service: Caller = { principal: 'shop', roles: ['service'], internal: false };
/** A saga or a timer. */
export const inside: Caller = { principal: 'alice', roles: [], internal: true };

export interface Said {
  readonly type: 'accepted';
  readonly events: readonly { readonly type: string; readonly data: unknown }[];
  readonly messages: readonly MessageOrder[];
  readonly timers: readonly TimerOrder[];
}

/** 2026-11-20T12:00:00Z */
export const noon = Date.UTC(2026, 10, 20, 12);

export class Desk<K extends Contract, State> {
  readonly definition: AggregateDefinition<K, State>;
  readonly id: string;
  now = noon;
  caller: Caller = alice;
  state: State;
  readonly journal: { readonly type: string; readonly data: unknown; readonly at: number }[] = [];
  #commands = 0;
  #proving = true;

  constructor(definition: AggregateDefinition<K, State>, id: string) {
    this.definition = definition;
    this.id = id;
    this.state = definition.initial();
  }

  get version(): number {
    return this.journal.length;
  }

  /** Skips the proofs after each command: a long run calls `prove` at its end instead. */
  quietly(): this {
    this.#proving = false;
    return this;
  }

  /** The reply, or the rejection. */
  ask<N extends CommandName<K>>(command: N, input: CommandInput<K, N>, caller = this.caller) {
    const said = this.tell(command, input, caller);
    return said.type === 'rejection' ? said : said.reply;
  }

  /** Everything that came of the command. */
  tell<N extends CommandName<K>>(
    command: N,
    input: CommandInput<K, N>,
    caller = this.caller,
  ): (Said & { readonly reply: CommandReply<K, N> }) | Rejection {
    this.#commands++;
    const before = this.#proving ? structuredClone(this.state) : undefined;
    const decision = this.definition.decide[command](this.state, input, this.context(caller));
    if (this.#proving) assert.deepEqual(this.state, before, 'a decision changes nothing');
    if ('type' in decision) return decision;
    const said = this.#accept(decision);
    const { reply } = decision;
    // A reply is never a function itself: contracts describe JSON.
    const read = reply as CommandReply<K, N> | ((state: State, version: number) => CommandReply<K, N>);
    const given = read instanceof Function ? read(this.state, this.version) : read;
    // `command` is one of the contract's, by its type.
    assert.equal(
      checkOf(this.definition.contract.commands[command]!.reply)(given),
      undefined,
      'the reply fits',
    );
    return { ...said, reply: given };
  }

  /** The outcome of a message that was sent with a tag comes back. */
  hear(reply: TaggedReply): Said {
    this.#commands++;
    const { onReply } = this.definition;
    assert.ok(onReply !== undefined, 'who sends with a tag hears the reply');
    return this.#accept(onReply(this.state, reply, this.context(inside)));
  }

  #accept({ events = [], messages = [], timers = [] }: Partial<Said>): Said {
    for (const event of events) this.apply(event.type, event.data);
    if (this.#proving) this.prove();
    return { type: 'accepted', events, messages, timers };
  }

  read<N extends QueryName<K>>(
    query: N,
    input: QueryInput<K, N>,
    caller = this.caller,
  ): QueryReply<K, N> | Rejection {
    return this.definition.read[query](this.state, input, this.context(caller));
  }

  /** Types of the events so far. */
  get told(): string[] {
    return this.journal.map((event) => event.type);
  }

  /** The journal as a history answers it. */
  recorded(): RecordedEvent[] {
    return this.journal.map((event, index) => ({
      eventId: `e${index + 1}`,
      type: event.type,
      aggregateId: this.id,
      aggregateType: this.definition.contract.kind,
      streamVersion: index + 1,
      schemaVersion: this.definition.contract.events[event.type]!.version,
      data: event.data,
      correlationId: 'c1',
      causationId: '',
      principal: 'alice',
      at: event.at,
      position: `p${index + 1}`,
    }));
  }

  /** Folds the journal from nothing, the clock of today being `now`: nothing but the events may matter (decision b). */
  replayed(): State {
    let state = this.definition.initial();
    for (const event of this.journal) state = this.#evolve(state, event.type, event.data, event.at);
    return state;
  }

  /** The state as a snapshot in the store would bring it back. */
  restored(): State {
    const { snapshot } = this.definition;
    const empty = this.definition.initial();
    const names = Object.keys(empty as object) as (keyof State)[];
    const encoded = snapshot.encode?.(this.state) ?? names.map((name) => this.state[name]);
    const fields = unpack(pack(encoded)) as readonly unknown[];
    if (snapshot.decode !== undefined) return snapshot.decode(fields);
    return Object.fromEntries(names.map((name, index) => [name, fields[index]])) as State;
  }

  prove(): void {
    assert.deepEqual(this.replayed(), this.state, 'replay');
    assert.deepEqual(this.restored(), this.state, 'snapshot');
  }

  context(caller: Caller): DecideContext {
    return {
      id: this.id,
      now: this.now,
      version: this.version,
      caller,
      trail: { correlationId: 'c1', causationId: '', principal: caller.principal, traceparent: '' },
      commandId: `cmd${this.#commands}`,
    };
  }

  apply(type: string, data: unknown): void {
    const stored = storedFormOf(this.definition.contract, type, data);
    this.journal.push({ type, data: stored, at: this.now });
    this.state = this.#evolve(this.state, type, stored, this.now);
  }

  #evolve(state: State, type: string, data: unknown, at: number): State {
    const evolve = this.definition.evolve as unknown as Readonly<
      Record<string, (state: State, data: unknown, at: number) => State>
    >;
    return evolve[type]!(state, data, at);
  }
}

const checks = new WeakMap<TSchema, Check>();
const forms = new WeakMap<TSchema, Form>();

function checkOf(schema: TSchema): Check {
  let check = checks.get(schema);
  if (check === undefined) {
    check = compileValidator(schema);
    checks.set(schema, check);
  }
  return check;
}

function formOf(schema: TSchema): Form {
  let form = forms.get(schema);
  if (form === undefined) {
    form = compileForm(schema);
    forms.set(schema, form);
  }
  return form;
}

/** The data as it comes back from the journal; throws when it does not fit its schema or changes on the way. */
function storedFormOf(contract: Contract, type: string, data: unknown): unknown {
  const spec = contract.events[type];
  assert.ok(spec !== undefined, `event ${type} is declared`);
  assert.equal(checkOf(spec.schema)(data), undefined, `event ${type} fits its schema`);
  const form = formOf(spec.schema);
  const stored = form.fromFields(unpack(pack(form.toFields(data))) as readonly unknown[]);
  assert.deepEqual(stored, data, `event ${type} comes back from its stored form`);
  return stored;
}
