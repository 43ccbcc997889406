/**
 * A jar of coins: the smallest module that has one of everything an edge can treat differently.
 */
import { defineAggregate } from '../../actors/model/aggregate.js';
import type { HistoryReply } from '../../actors/model/call.js';
import { defineContract } from '../../actors/model/contract.js';
import { reject } from '../../actors/model/message.js';
import { defineModule } from '../../actors/model/module.js';
import { AmountSchema, CurrencySchema } from '../../actors/model/money-schema.js';
import { limitOf, pageRejections } from '../../actors/model/page-query.js';
import { eventPageJson } from '../../actors/model/recorded-event.js';
import { defineRoute } from '../../actors/model/route.js';
import { defineSaga } from '../../actors/model/saga.js';
import { Type } from '../../actors/model/typebox.js';

const PutInput = Type.Object({
  amount: AmountSchema,
  currency: CurrencySchema,
  note: Type.Optional(Type.String()),
  color: Type.Optional(Type.Union([Type.Literal('red'), Type.Literal('blue')])),
});
const View = Type.Object({ coins: Type.Integer(), note: Type.String() });

export const jarContract = defineContract({
  kind: 'jar',
  events: {
    CoinPut: { version: 1, schema: Type.Object({ note: Type.String(), weight: Type.BigInt() }) },
  },
  commands: {
    put: { version: 1, input: PutInput, reply: View },
    smash: { version: 1, input: Type.Object({}), reply: View, roles: ['admin'] },
    audit: { version: 1, input: Type.Object({}), reply: View, internal: true },
    weigh: { version: 1, input: Type.Object({}), reply: Type.BigInt() },
  },
  queries: { get: { input: Type.Object({}), reply: View } },
  rejections: { 'jar-full': 409, 'not-found': 404, 'jar-closed': 409 },
});

interface JarState {
  coins: number;
  note: string;
}

const view = ({ coins, note }: JarState) => ({ coins, note });
export const coinsMax = 3;

export const jar = defineAggregate<typeof jarContract, JarState>(jarContract, {
  initial: () => ({ coins: 0, note: '' }),
  decide: {
    put: (state, { note = '' }) =>
      state.coins >= coinsMax
        ? reject('jar-full', 'The jar is full')
        : { events: [{ type: 'CoinPut', data: { note, weight: 9_007_199_254_740_993n } }], reply: view },
    smash: () => ({ reply: view }),
    audit: () => ({ reply: view }),
    weigh: () => ({ reply: 9_007_199_254_740_993n }),
  },
  evolve: { CoinPut: (state, { note }) => ({ coins: state.coins + 1, note }) },
  read: {
    get: (state, _input, { id, caller }) =>
      id.startsWith('hidden') && caller.principal !== 'owner'
        ? reject('not-found', 'No such jar')
        : view(state),
  },
  snapshot: { version: 1 },
});

/** Only its name matters here: its answers are scripted. */
export const ride = defineSaga({ name: 'ride', version: 1, input: Type.Object({}), steps: [], events: {} });

const one = '/api/v1/jars/{jar_id}';
const jarOf = (params: Readonly<Record<string, string>>) => ({ kind: 'jar', id: params.jar_id! }) as const;

export const jars = defineModule({
  name: 'jars',
  aggregates: [jar],
  sagas: [ride],
  routes: [
    defineRoute<unknown, { coins: number; note: string }>({
      method: 'POST',
      path: `${one}/coins`,
      access: [],
      body: PutInput,
      mutates: true,
      etag: true,
      plan: ({ params, body }) => ({ type: 'command', ...jarOf(params), command: 'put', payload: body }),
      answer: (reply, { params }, version) => ({
        status: 201,
        body: { ...reply, version },
        headers: { Location: `/api/v1/jars/${params.jar_id}` },
      }),
      summary: 'Put a coin',
    }),
    defineRoute<unknown, { coins: number }>({
      method: 'PUT',
      path: `${one}/coins`,
      access: ['service'],
      body: PutInput,
      mutates: true,
      rejectionStatus: 400,
      plan: ({ params, body }) => ({ type: 'command', ...jarOf(params), command: 'put', payload: body }),
      answer: (reply) => ({ status: 200, body: reply }),
      summary: 'Put a coin, refusals as 400',
    }),
    defineRoute<undefined, { coins: number }>({
      method: 'GET',
      path: one,
      access: [],
      etag: true,
      plan: ({ params }) => ({ type: 'query', ...jarOf(params), query: 'get', payload: {} }),
      answer: (reply) => ({ status: 200, body: reply }),
      summary: 'A jar',
    }),
    defineRoute<undefined, { coins: number }>({
      method: 'GET',
      path: `${one}/label`,
      access: 'public',
      plan: ({ params }) => ({ type: 'query', ...jarOf(params), query: 'get', payload: {} }),
      answer: ({ coins }) => ({ status: 200, body: { label: `${coins} coins` } }),
      summary: 'What stands on a jar',
    }),
    defineRoute<undefined, HistoryReply>({
      method: 'GET',
      path: `${one}/events`,
      access: [],
      query: ['limit'],
      rejections: pageRejections,
      plan: ({ params, query }) => {
        const limit = limitOf(query.limit);
        if (typeof limit !== 'number') return limit;
        return { type: 'history', ...jarOf(params), direction: 'forward', limit };
      },
      answer: (reply) => ({ status: 200, body: eventPageJson(reply) }),
      summary: 'Events of a jar',
    }),
    defineRoute<undefined, unknown>({
      method: 'DELETE',
      path: one,
      access: ['admin'],
      mutates: true,
      plan: () => reject('jar-closed', 'Closed for today'),
      answer: (reply) => ({ status: 200, body: reply }),
      rejections: { 'jar-closed': 409 },
      summary: 'Refused before any actor is asked',
    }),
    defineRoute<{ secret: string }, unknown>({
      method: 'POST',
      path: `${one}/faults`,
      access: [],
      body: Type.Object({ secret: Type.String() }),
      plan: ({ body }) => {
        throw new Error(`cannot plan ${body.secret}`);
      },
      answer: () => ({ status: 200, body: null }),
      summary: 'A route with a bug in its plan',
    }),
    defineRoute<undefined, unknown>({
      method: 'GET',
      path: `${one}/faults`,
      access: [],
      plan: ({ params }) => ({ type: 'query', ...jarOf(params), query: 'get', payload: {} }),
      answer: () => {
        throw new Error('cannot answer');
      },
      summary: 'A route with a bug in its answer',
    }),
    defineRoute<undefined, { state: string }>({
      method: 'POST',
      path: '/api/v1/rides/{ride_id}',
      access: [],
      mutates: true,
      plan: ({ params }) => ({
        type: 'command',
        kind: 'ride',
        id: params.ride_id!,
        command: 'start',
        payload: {},
      }),
      answer: (reply) => ({ status: reply.state === 'completed' ? 200 : 202, body: reply }),
      summary: 'Start a ride',
    }),
  ],
});
