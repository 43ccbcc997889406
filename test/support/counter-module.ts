/**
 * A small actor that can be made to do everything the runtime must cope with: say no, throw, grow, send, wait.
 *
 * `mended` says whether `evolve` understands the event that the broken program throws on: a test writes with one program
 * and reopens with the other.
 */
import { defineAggregate } from '../../actors/model/aggregate.js';
import { defineContract, send } from '../../actors/model/contract.js';
import { reject } from '../../actors/model/message.js';
import { defineModule, type Module } from '../../actors/model/module.js';
import { defineReaction } from '../../actors/model/reaction.js';
import { Type } from '../../actors/model/typebox.js';

/** A `receive` of this number is accepted and changes nothing. */
export const idleNumber = 1_000_000;

const Nothing = Type.Object({});
const Total = Type.Object({ total: Type.Integer() });

export const counterContract = defineContract({
  kind: 'counter',
  events: {
    Added: { version: 1, schema: Type.Object({ amount: Type.Integer() }) },
    Filled: { version: 1, schema: Type.Object({ text: Type.String() }) },
    Cursed: { version: 1, schema: Nothing },
    Received: { version: 1, schema: Type.Object({ from: Type.String(), sequence: Type.Integer() }) },
    Heard: { version: 1, schema: Type.Object({ tag: Type.String(), outcome: Type.String() }) },
    Rang: { version: 1, schema: Type.Object({ name: Type.String(), at: Type.Integer() }) },
    Opened: { version: 1, schema: Nothing },
    Closed: { version: 1, schema: Nothing },
    Listed: { version: 1, schema: Type.Object({ items: Type.Array(Type.String()) }) },
    ListedMore: { version: 1, schema: Type.Object({ item: Type.String() }) },
    Held: { version: 1, schema: Type.Object({ value: Type.Unknown() }) },
    Echoed: { version: 1, schema: Type.Object({ to: Type.String(), count: Type.Integer() }) },
  },
  commands: {
    add: { version: 1, input: Type.Object({ amount: Type.Integer() }), reply: Total },
    refuse: { version: 1, input: Nothing, reply: Type.Null() },
    throwInDecide: { version: 1, input: Nothing, reply: Type.Null() },
    /** Its event makes `evolve` throw half way through a change. */
    curse: { version: 1, input: Nothing, reply: Type.Null() },
    /** As many events of so many characters each. */
    fill: {
      version: 1,
      input: Type.Object({ count: Type.Integer(), characters: Type.Integer() }),
      reply: Type.Null(),
    },
    schedule: {
      version: 1,
      input: Type.Object({ name: Type.String(), dueAt: Type.Integer() }),
      reply: Type.Null(),
    },
    unschedule: { version: 1, input: Type.Object({ name: Type.String() }), reply: Type.Null() },
    ring: { version: 1, input: Type.Object({ name: Type.String() }), reply: Type.Null(), internal: true },
    /** Sends `count` numbered messages; with a tag, answers come back. */
    tell: {
      version: 1,
      input: Type.Object({
        to: Type.String(),
        first: Type.Integer(),
        count: Type.Integer(),
        tag: Type.Optional(Type.String()),
      }),
      reply: Type.Null(),
    },
    receive: {
      version: 1,
      input: Type.Object({ from: Type.String(), sequence: Type.Integer() }),
      reply: Type.Null(),
      internal: true,
    },
    /** Sends itself on to `to`, which sends it back, for ever. */
    bounce: { version: 1, input: Type.Object({ to: Type.String() }), reply: Type.Null() },
    /** One event that a reaction answers with as many events as messages. */
    echo: {
      version: 1,
      input: Type.Object({ to: Type.String(), count: Type.Integer() }),
      reply: Type.Null(),
    },
    open: { version: 1, input: Nothing, reply: Type.Null() },
    close: { version: 1, input: Nothing, reply: Type.Null() },
    /** Two events in one command: the second changes what the first brought into the state. */
    list: {
      version: 1,
      input: Type.Object({ item: Type.String(), more: Type.String() }),
      reply: Type.Null(),
    },
    listMore: { version: 1, input: Type.Object({ item: Type.String() }), reply: Type.Null() },
    /** An event, a reply, a message or a timer that holds something without a stored form. */
    hold: { version: 1, input: Type.Object({ where: Type.String() }), reply: Type.Unknown() },
  },
  queries: {
    get: {
      input: Nothing,
      reply: Type.Object({
        total: Type.Integer(),
        filled: Type.Integer(),
        received: Type.Array(Type.String()),
        heard: Type.Array(Type.String()),
        rang: Type.Array(Type.String()),
        items: Type.Array(Type.String()),
      }),
    },
    status: { input: Nothing, reply: Type.Object({ isOpen: Type.Boolean() }) },
    /** Says no while the total is zero: the guard of guarded calls. */
    authorise: { input: Nothing, reply: Type.Null() },
    broken: { input: Nothing, reply: Type.Null() },
  },
  rejections: { refused: 409, 'not-found': 404 },
});

interface CounterState {
  total: number;
  filled: string;
  received: string[];
  heard: string[];
  rang: string[];
  items: string[];
  held: unknown;
  open: boolean;
}

export interface CounterOptions {
  /** False: `evolve` throws on `Cursed`. */
  readonly mended?: boolean;
  /** True: `evolve` throws on `Heard`. */
  readonly deaf?: boolean;
  readonly snapshotVersion?: number;
  /** True: `evolve` puts something into the state that no row can hold. */
  readonly unstorableState?: boolean;
}

export function counterModule(options: CounterOptions = {}): Module {
  const counter = defineAggregate(counterContract, {
    initial: (): CounterState => ({
      total: 0,
      filled: '',
      received: [],
      heard: [],
      rang: [],
      items: [],
      held: null,
      open: false,
    }),
    decide: {
      add: (state, { amount }) => ({
        events: [{ type: 'Added', data: { amount } }],
        reply: { total: state.total + amount },
      }),
      refuse: (state) => reject('refused', `at ${state.total}`),
      throwInDecide: () => {
        throw new Error('decide was told to throw');
      },
      curse: () => ({
        events: [
          { type: 'Added', data: { amount: 1_000 } },
          { type: 'Cursed', data: {} },
        ],
        reply: null,
      }),
      fill: (_state, { count, characters }) => ({
        events: Array.from({ length: count }, () => ({
          type: 'Filled' as const,
          data: { text: 'x'.repeat(characters) },
        })),
        reply: null,
      }),
      schedule: (_state, { name, dueAt }) => ({
        timers: [{ type: 'set', name, dueAt, command: 'ring', payload: { name } }],
        reply: null,
      }),
      unschedule: (_state, { name }) => ({ timers: [{ type: 'cancel', name }], reply: null }),
      ring: (_state, { name }, ctx) => ({
        events: [{ type: 'Rang', data: { name, at: ctx.now } }],
        reply: null,
      }),
      tell: (_state, { to, first, count, tag }, ctx) => ({
        messages: Array.from({ length: count }, (_, index) => ({
          ...send(counterContract, to, 'receive', { from: ctx.id, sequence: first + index }),
          ...(tag === undefined ? {} : { tag: `${tag}${first + index}` }),
        })),
        reply: null,
      }),
      receive: (_state, { from, sequence }) => {
        if (sequence < 0) return reject('refused', 'a negative number');
        if (sequence === idleNumber) return { reply: null };
        return { events: [{ type: 'Received', data: { from, sequence } }], reply: null };
      },
      bounce: (_state, { to }, ctx) => ({
        messages: [send(counterContract, to, 'bounce', { to: ctx.id })],
        reply: null,
      }),
      echo: (_state, { to, count }) => ({
        events: Array.from({ length: count }, () => ({ type: 'Echoed' as const, data: { to, count } })),
        reply: null,
      }),
      open: () => ({ events: [{ type: 'Opened', data: {} }], reply: null }),
      close: () => ({ events: [{ type: 'Closed', data: {} }], reply: null }),
      list: (_state, { item, more }) => ({
        events: [
          { type: 'Listed', data: { items: [item] } },
          { type: 'ListedMore', data: { item: more } },
        ],
        reply: null,
      }),
      listMore: (_state, { item }) => ({ events: [{ type: 'ListedMore', data: { item } }], reply: null }),
      hold: (_state, { where }, ctx) => ({
        events: [
          { type: 'Added', data: { amount: 1 } },
          ...(where === 'event' ? [{ type: 'Held' as const, data: { value: unstorable } }] : []),
        ],
        messages:
          where === 'message'
            ? [{ kind: 'counter', id: ctx.id, command: 'hold', payload: { where: unstorable } }]
            : [],
        timers:
          where === 'timer'
            ? [
                {
                  type: 'set' as const,
                  name: 'held',
                  dueAt: ctx.now,
                  command: 'hold',
                  payload: { where: unstorable },
                },
              ]
            : [],
        reply: where === 'reply' ? unstorable : null,
      }),
    },
    evolve: {
      Added: (state, { amount }) => {
        state.total += amount;
        if (options.unstorableState === true) state.held = unstorable;
        return state;
      },
      Filled: (state, { text }) => {
        state.filled += text;
        return state;
      },
      Cursed: (state) => {
        if (options.mended !== true) throw new Error('evolve does not know this event');
        return state;
      },
      Received: (state, { from, sequence }) => {
        state.received.push(`${from}:${sequence}`);
        return state;
      },
      Heard: (state, { tag, outcome }) => {
        if (options.deaf === true) throw new Error('evolve was told to throw');
        state.heard.push(`${tag}=${outcome}`);
        return state;
      },
      Rang: (state, { name, at }) => {
        state.rang.push(`${name}@${at}`);
        return state;
      },
      Opened: (state) => {
        state.open = true;
        return state;
      },
      Closed: (state) => {
        state.open = false;
        return state;
      },
      Listed: (state, { items }) => {
        state.items = items;
        return state;
      },
      ListedMore: (state, { item }) => {
        state.items.push(item);
        return state;
      },
      Held: (state, { value }) => {
        state.held = value;
        return state;
      },
      Echoed: (state) => state,
    },
    read: {
      get: ({ total, filled, received, heard, rang, items }) => ({
        total,
        filled: filled.length,
        received,
        heard,
        rang,
        items,
      }),
      status: ({ open }) => ({ isOpen: open }),
      authorise: ({ total }) => (total === 0 ? reject('not-found', 'nobody here') : null),
      broken: () => {
        throw new Error('read was told to throw');
      },
    },
    onReply: (_state, { tag, outcome }) => ({
      events: [
        {
          type: 'Heard',
          data: { tag, outcome: outcome.type === 'reply' ? 'reply' : outcome.code },
        },
      ],
      reply: undefined,
    }),
    snapshot: { version: options.snapshotVersion ?? 1 },
    isOpen: ({ open }) => open,
  });
  return defineModule({
    name: 'counters',
    aggregates: [counter],
    reactions: [
      defineReaction(counterContract, 'Echoed', 'echo', ({ to }, ctx) =>
        send(counterContract, to, 'receive', { from: ctx.id, sequence: 0 }),
      ),
    ],
  });
}

/** A value that no codec can store. */
const unstorable = new Set([1]) as never;
