/** Timers over HTTP, on a real server. */
import t from 'tap';
import { startOperatorServer } from './operator-server.js';

const { ask, askCustomer, counter } = await startOperatorServer(t);
const farAway = Date.UTC(2100, 0, 1);

t.test('timers are listed over all partitions in their order, page by page, for admins only', async (t) => {
  for (const [index, id] of ['a', 'b', 'c', 'd', 'e'].entries()) {
    const dueAt = farAway + ((index * 3) % 5) * 1_000;
    t.equal((await counter(id, 'schedule', { name: 'late', dueAt })).status, 200);
  }
  const whole = await ask('GET', '/api/v1/timers');
  t.equal(whole.status, 200);
  t.same(
    whole.body.items.map(({ id }: { id: string }) => id),
    ['a', 'c', 'e', 'b', 'd'],
  );
  t.match(whole.body.items[0], {
    kind: 'counter',
    id: 'a',
    name: 'late',
    command: 'ring',
    due_at: '2100-01-01T00:00:00.000Z',
  });
  t.equal(whole.body.next_cursor, null);

  const paged: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await ask('GET', `/api/v1/timers?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    for (const { id } of page.body.items) paged.push(id);
    cursor = page.body.next_cursor;
  }
  t.same(paged, ['a', 'c', 'e', 'b', 'd']);
  t.match(await askCustomer('GET', '/api/v1/timers'), { status: 403, body: { code: 'scope-missing' } });
  t.match(await ask('GET', '/api/v1/timers?cursor=nonsense'), {
    status: 400,
    body: { code: 'cursor-invalid' },
  });
  t.match(await ask('GET', '/api/v1/timers?limit=0'), { status: 400, body: { code: 'limit-out-of-range' } });
});

t.test('a timer is moved and cancelled by its id; a dry run only shows it', async (t) => {
  await counter('x', 'schedule', { name: 'a name / with all: in it', dueAt: farAway });
  const { body } = await ask('GET', '/api/v1/timers');
  const { timer_id } = body.items.find(({ id }: { id: string }) => id === 'x');
  const path = `/api/v1/timers/${timer_id}`;
  t.match(await ask('DELETE', `${path}?dry_run=true`), {
    status: 200,
    body: { cancelled: false, dry_run: true },
  });
  t.match(await ask('PUT', path, { due_at: '2101-01-01T00:00:00Z' }), {
    status: 200,
    body: { due_at: '2100-01-01T00:00:00.000Z', moved_to: '2101-01-01T00:00:00.000Z' },
  });
  t.match((await ask('GET', '/api/v1/timers')).body.items.at(-1), {
    id: 'x',
    due_at: '2101-01-01T00:00:00.000Z',
  });
  t.match(await ask('PUT', path, { due_at: 'tomorrow' }), { status: 400, body: { code: 'query-invalid' } });
  t.match(await ask('DELETE', path), { status: 200, body: { cancelled: true } });
  t.match(await ask('DELETE', path), { status: 404, body: { code: 'not-found' } });
  t.match(await ask('DELETE', '/api/v1/timers/nonsense'), { status: 400, body: { code: 'id-invalid' } });
});

t.test("a saga's own timer is shown and left to the saga", async (t) => {
  const { body: started } = await askCustomer('POST', '/api/v1/actors/journey/j1/start', {
    first: 0,
    second: 1,
  });
  t.equal(started.state, 'running');
  const { body } = await ask('GET', '/api/v1/timers?kind=journey');
  t.match(body.items, [{ id: 'j1', name: 'wake' }]);
  const refused = await ask('DELETE', `/api/v1/timers/${body.items[0].timer_id}`);
  t.match(refused, { status: 409, body: { code: 'timer-of-saga' } });
});
