/** Rules I1–I3 of `ops/in-process-client.ts` over a fake of the one interface it stands on, and its types. */
import t from 'tap';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { defineContract } from '../../actors/model/contract.js';
import { reject } from '../../actors/model/message.js';
import { defineModule } from '../../actors/model/module.js';
import { Type } from '../../actors/model/typebox.js';
import { BodyFingerprint, FreshCommandIds } from '../../gateway/idempotency.js';
import { createInProcessClient, type InProcessClient } from '../../ops/in-process-client.js';
import type { ActorAnswer, ActorRequest } from '../../runtime/actor-client.js';

const counterContract = defineContract({
  kind: 'counter',
  events: { Added: { version: 1, schema: Type.Object({ amount: Type.Integer() }) } },
  commands: {
    add: {
      version: 1,
      input: Type.Object({ amount: Type.Integer() }),
      reply: Type.Object({ total: Type.Integer() }),
    },
    audit: { version: 1, input: Type.Object({}), reply: Type.Null(), internal: true },
  },
  queries: { total: { input: Type.Object({}), reply: Type.Integer() } },
  rejections: { 'too-much': 409 },
});

const counter = defineAggregate(counterContract, {
  initial: () => ({ total: 0 }),
  decide: {
    add: (_, { amount }) => {
      if (amount > 9) return reject('too-much', 'More than nine.');
      return { events: [{ type: 'Added', data: { amount } }], reply: (after) => ({ total: after.total }) };
    },
    audit: () => ({ reply: null }),
  },
  evolve: { Added: (state, { amount }) => ({ total: state.total + amount }) },
  read: { total: ({ total }) => total },
  snapshot: { version: 1 },
});

const counters = defineModule({ name: 'counters', aggregates: [counter] });

/** A client over actors that always give the same answer; what they were asked is kept. */
function answering(answer: ActorAnswer): { client: InProcessClient; asked: ActorRequest[] } {
  const asked: ActorRequest[] = [];
  const client = createInProcessClient({
    modules: [counters],
    client: {
      submit: (request, answered) => {
        asked.push(request);
        queueMicrotask(() => answered(answer));
      },
    },
    freshIds: new FreshCommandIds(new Uint8Array(16)),
    fingerprint: new BodyFingerprint(new Uint8Array(32)),
  });
  return { client, asked };
}

const reply: ActorAnswer = { type: 'reply', reply: { total: 3 }, version: 2, replayed: false };

t.test('a reply comes back typed, with the version', async (t) => {
  const { client, asked } = answering(reply);
  const result = await client.call(counterContract, 'c1', 'add', { amount: 3 });
  t.same(result, { ok: true, reply: { total: 3 }, version: 2, replayed: false });
  if (result.ok) {
    const total: number = result.reply.total;
    t.equal(total, 3);
  }
  t.match(asked, [
    {
      call: { type: 'command', kind: 'counter', id: 'c1', command: 'add', payload: { amount: 3 } },
      caller: { principal: 'system', roles: ['admin'], internal: false },
      commandId: /^.{22}$/,
    },
  ]);
});

t.test('I1: a rejection and a failure are values with code, detail and advice', async (t) => {
  const rejected = answering({
    type: 'rejection',
    code: 'too-much',
    detail: 'More than nine.',
    status: 409,
    replayed: false,
  });
  t.same(await rejected.client.call(counterContract, 'c1', 'add', { amount: 10 }), {
    ok: false,
    type: 'rejection',
    code: 'too-much',
    detail: 'More than nine.',
    retry: 'never',
  });
  const failed = answering({ type: 'failure', code: 'overloaded', detail: 'Busy.' });
  t.match(await failed.client.query(counterContract, 'c1', 'total', {}), {
    ok: false,
    type: 'failure',
    retry: 'later',
  });
});

t.test("I1: an unknown kind is the programmer's error", async (t) => {
  const { client } = answering(reply);
  await t.rejects(client.call('nothing', 'c1', 'add', {}), /actor kind "nothing"/);
});

t.test('I2: input that the contract does not admit reaches no actor', async (t) => {
  const { client, asked } = answering(reply);
  t.match(await client.call('counter', 'c1', 'add', { amount: 'three' }), {
    ok: false,
    code: 'validation-failed',
  });
  t.match(await client.call('counter', 'c1', 'add', { amount: 1, more: 2 }), {
    ok: false,
    code: 'field-unknown',
  });
  t.match(await client.call('counter', '../c1', 'add', { amount: 1 }), { ok: false, code: 'id-invalid' });
  t.match(await client.call('counter', 'c1', 'subtract', {}), { ok: false, code: 'command-unknown' });
  t.match(await client.query('counter', 'c1', 'add', {}), { ok: false, code: 'command-unknown' });
  t.equal(asked.length, 0);
});

t.test('I3: an internal command stays closed', async (t) => {
  const { client, asked } = answering({ ...reply, reply: null });
  t.match(await client.call(counterContract, 'c1', 'audit', {}), { ok: false, code: 'command-unknown' });
  t.equal(asked.length, 0);
});

t.test('one key is one command, and another payload has another fingerprint', async (t) => {
  const { client, asked } = answering(reply);
  const add = (amount: number, idempotencyKey?: string) =>
    client.call(
      counterContract,
      'c1',
      'add',
      { amount },
      idempotencyKey === undefined ? {} : { idempotencyKey },
    );
  await add(1, 'k');
  await add(1, 'k');
  await add(2, 'k');
  await add(1, 'other');
  await add(1);
  const [first, same, otherBody, otherKey, without] = asked;
  t.equal(same?.commandId, first?.commandId);
  t.equal(same?.fingerprint, first?.fingerprint);
  t.equal(otherBody?.commandId, first?.commandId);
  t.not(otherBody?.fingerprint, first?.fingerprint);
  t.not(otherKey?.commandId, first?.commandId);
  t.equal(without?.fingerprint, undefined, 'no key, no deduplication');
});

t.test('options travel with the request', async (t) => {
  const { client, asked } = answering(reply);
  await client.call(
    counterContract,
    'c1',
    'add',
    { amount: 1 },
    {
      principal: 'alice',
      roles: ['customer'],
      expectedVersion: 7,
      deadlineMs: 50,
      correlationId: 'because',
    },
  );
  t.match(asked, [
    {
      caller: { principal: 'alice', roles: ['customer'] },
      expectedVersion: 7,
      deadlineMs: 50,
      correlationId: 'because',
    },
  ]);
});

t.test('history asks for a page of events', async (t) => {
  const { client, asked } = answering({ ...reply, reply: { events: [], next: null } });
  const result = await client.history(counterContract, 'c1', { fromVersion: 5, limit: 10 });
  t.match(result, { ok: true, reply: { events: [], next: null } });
  t.match(asked[0]?.call, { type: 'history', direction: 'forward', fromVersion: 5, limit: 10 });
});

t.test('what the contract does not know does not compile', async (t) => {
  const { client } = answering(reply);
  // @ts-expect-error: the payload is an integer
  await client.call(counterContract, 'c1', 'add', { amount: 'three' });
  // @ts-expect-error: no such command
  await client.call(counterContract, 'c1', 'subtract', { amount: 1 });
  const result = await client.call(counterContract, 'c1', 'add', { amount: 1 });
  // @ts-expect-error: not a code of the contract, nor of the registry
  t.equal(!result.ok && result.code === 'too-little', false);
});
