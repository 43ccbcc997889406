/** A saga that waits for a person, and what a person does with it, on a real server. */
import t from 'tap';
import { startOperatorServer } from './operator-server.js';

const { ask, askCustomer, counter } = await startOperatorServer(t);

/** A saga whose undo was refused by a parked actor. */
async function parkedSaga(id: string): Promise<void> {
  for (let count = 0; count < 3; count++) await counter(`back-${id}`, 'curse', {});
  await askCustomer('POST', `/api/v1/actors/detour/${id}/start`, { back: `back-${id}` });
  for (;;) {
    const { body } = await ask('GET', `/api/v1/sagas/${id}`);
    if (body.parked_at !== null) return;
  }
}

t.test('a parked saga is found by its filters, with the undo that was given up', async (t) => {
  await parkedSaga('a');
  for (const query of ['parked=true', 'stuck=true', 'parked=true&type=detour']) {
    const { body } = await ask('GET', `/api/v1/sagas?${query}`);
    t.match(body.items, [{ saga_id: 'a', state: 'failed', current_step: 'first' }], query);
  }
  const { body } = await ask('GET', '/api/v1/sagas/a');
  t.match(body.timeline.at(-1), {
    step: 'first',
    direction: 'undo',
    outcome: 'given-up',
    error: /^actor-parked/,
  });
  t.same(body.compensation_steps, ['first']);
  t.equal(body.updated_at, body.parked_at, 'what happened to it last');
});

t.test('retry does it again once the cause is mended, and the saga leaves the list', async (t) => {
  await parkedSaga('b');
  t.match(await ask('POST', '/api/v1/sagas/b/retry?dry_run=true'), {
    body: { applies: true, dry_run: true },
  });
  t.match((await ask('POST', '/api/v1/sagas/b/retry')).status, 200);
  for (;;) {
    const { body } = await ask('GET', '/api/v1/sagas/b');
    if (body.parked_at !== null) break;
  }
  t.equal((await ask('POST', '/api/v1/parked-actors/counter/back-b/unpark')).status, 200);
  t.match(await ask('POST', '/api/v1/sagas/b/retry?reason=mended'), { status: 200, body: { verb: 'retry' } });
  for (;;) {
    const { body } = await ask('GET', '/api/v1/sagas/b');
    if (body.ended_at === null) continue;
    t.equal(body.state, 'compensated');
    t.match(body.timeline.at(-1), { direction: 'undo', outcome: 'compensated' });
    break;
  }
  const { body } = await ask('GET', '/api/v1/sagas?parked=true');
  t.same(
    body.items.filter(({ saga_id }: { saga_id: string }) => saga_id === 'b'),
    [],
  );
  t.match(await ask('GET', '/api/v1/actors/counter/back-b'), { body: { received: ['b:2'] } });
});

t.test('skip and abort end one each their way, a verb that does not apply is refused', async (t) => {
  await parkedSaga('c');
  t.equal((await ask('POST', '/api/v1/sagas/c/skip?reason=by+hand')).status, 200);
  for (;;) {
    const { body } = await ask('GET', '/api/v1/sagas/c');
    if (body.ended_at === null) continue;
    t.equal(body.parked_at, null);
    break;
  }
  await parkedSaga('d');
  const long = await ask('POST', `/api/v1/sagas/d/abort?reason=${'r'.repeat(501)}`);
  t.match(long, { status: 400, body: { detail: 'reason has at most 500 characters' } }, 'reasonCharsMax');
  t.match((await ask('GET', '/api/v1/sagas/d')).body.state, 'failed');
  t.match(await ask('POST', `/api/v1/sagas/d/abort?dry_run=true&reason=${'r'.repeat(500)}`), { status: 200 });
  t.match(await ask('POST', '/api/v1/sagas/d/abort'), {
    status: 200,
    body: { state: 'failed', parked_at: null },
  });
  t.match(await ask('POST', '/api/v1/sagas/d/abort'), { status: 409, body: { code: 'not-parked' } });
  const failed = await ask('GET', '/api/v1/sagas?state=failed');
  t.same(
    failed.body.items.map(({ saga_id }: { saga_id: string }) => saga_id),
    ['d', 'a'],
    'given up, and parked',
  );
  const { body } = await ask('GET', '/api/v1/audit?subject=olga');
  t.same(
    body.items.map(({ command }: { command: string }) => command),
    ['abort', 'skip', 'retry', 'unpark', 'retry'],
  );
  t.equal((await askCustomer('POST', '/api/v1/sagas/a/retry')).status, 403);
});

t.test('a verb that is told twice under one key is done once', async (t) => {
  await parkedSaga('e');
  const skip = (key: string, query = '') => ask('POST', `/api/v1/sagas/e/skip${query}`, undefined, key);
  const eventCount = async () => (await ask('GET', '/api/v1/actors/detour/e/events')).body.items.length;
  t.match(await skip('k1'), { status: 200, body: { verb: 'skip' } });
  const once = await eventCount();
  t.match(await skip('k1'), { status: 200, body: { verb: 'skip' } }, 'its answer was lost');
  t.match(await skip('k1', '?reason=other'), { status: 422, body: { code: 'idempotency-key-reused' } });
  t.match(await skip('k2'), { status: 409, body: { code: 'not-parked' } });
  t.match(await skip('k2'), { status: 409, body: { code: 'not-parked' } });
  t.equal(await eventCount(), once);
});
