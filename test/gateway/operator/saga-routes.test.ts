/** Sagas over HTTP, on a real server that is killed in between. */
import t from 'tap';
import { type Answered, operatorApp, startOperatorServer } from './operator-server.js';

type Ask = Awaited<ReturnType<typeof startOperatorServer>>['ask'];

const first = await startOperatorServer(t);

/** Starts a journey and waits until it has come to where it goes by itself. */
async function start(id: string, legs: { first: number; second: number }): Promise<void> {
  await first.askCustomer('POST', `/api/v1/actors/journey/${id}/start`, legs);
  if (legs.first === 0) return;
  for (;;) {
    const { body } = await first.ask('GET', `/api/v1/sagas/${id}`);
    if (body.ended_at !== null) return;
  }
}

const ids = (page: Answered) => page.body.items.map(({ saga_id }: { saga_id: string }) => saga_id);

/** All pages of a listing. */
async function paged(ask: Ask, query: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await ask('GET', `/api/v1/sagas?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    t.equal(page.status, 200);
    found.push(...ids(page));
    cursor = page.body.next_cursor;
  }
  return found;
}

t.before(async () => {
  await start('done', { first: 1, second: 1 });
  await start('undone', { first: 1, second: -1 });
  await start('waiting', { first: 0, second: 1 });
  await start('done-too', { first: 2, second: 2 });
  await start('waiting-too', { first: 0, second: 1 });
});

const newestFirst = ['waiting-too', 'done-too', 'waiting', 'undone', 'done'];

t.test('sagas are listed newest first, whole or page by page, with rows 123 and D12', async (t) => {
  const page = await first.ask('GET', '/api/v1/sagas');
  t.same(ids(page), newestFirst);
  t.equal(page.body.next_cursor, null);
  t.match(page.body.active_sagas.undone, {
    saga_id: 'undone',
    order_id: null,
    type: 'journey',
    state: 'compensated',
    steps_completed: ['first'],
    errors: ['refused: a negative number'],
    parked_at: null,
  });
  for (const limit of [1, 2, 3])
    t.same(await paged(first.ask, `limit=${limit}`), newestFirst, `limit ${limit}`);
  t.same(await paged(first.ask, 'state=completed&limit=2'), ['done-too', 'done']);
  t.same(await paged(first.ask, 'type=nothing'), []);
});

t.test('running ones come oldest first, from memory and from the table, with age and stuck', async (t) => {
  t.same(await paged(first.ask, 'state=running'), ['waiting', 'waiting-too']);
  t.same(await paged(first.ask, 'state=running&limit=1'), ['waiting', 'waiting-too']);
  t.same(await paged(first.ask, 'state=running&older_than=3600'), []);
  t.same(await paged(first.ask, 'stuck=true'), []);
  t.same(await paged(first.ask, 'parked=true'), []);
});

t.test('one saga shows its timeline and what can be undone', async (t) => {
  const done = await first.ask('GET', '/api/v1/sagas/done');
  t.match(done.body, { state: 'completed', step_results: { length: 2 } });
  t.same(done.body.compensation_steps, ['first'], 'an undo that is undefined is none');
  const { body } = await first.ask('GET', '/api/v1/sagas/undone');
  t.match(body, {
    saga_id: 'undone',
    definition_name: 'journey',
    compensation_steps: ['first'],
    timeline: [
      { step: 'first', direction: 'do', outcome: 'completed', attempts: 1, error: null },
      { step: 'second', direction: 'do', outcome: 'failed', error: 'refused: a negative number' },
      { step: 'first', direction: 'undo', outcome: 'compensated' },
    ],
  });
  t.equal(Date.parse(body.timeout_at) - Date.parse(body.created_at), 300_000);
  const waiting = await first.ask('GET', '/api/v1/sagas/waiting?type=journey');
  t.match(waiting.body.timeline, [
    { step: 'first', outcome: 'under-way', ended_at: null, error: /^internal/ },
  ]);
  t.match(await first.ask('GET', '/api/v1/sagas/nobody'), {
    status: 404,
    body: { detail: 'Saga not found' },
  });
  t.equal((await first.ask('GET', '/api/v1/sagas/done?type=other')).status, 404);
});

t.test('timelineEventsMax: of a saga with more events the first are shown, and that they are', async (t) => {
  t.equal((await first.ask('GET', '/api/v1/sagas/undone')).body.timeline_is_complete, true);
  await first.askCustomer('POST', '/api/v1/actors/tour/long/start', {});
  for (;;) {
    const { body } = await first.ask('GET', '/api/v1/sagas/long');
    if (body.ended_at === null) continue;
    t.equal(body.state, 'completed');
    t.equal(body.steps_completed.length, 4 * 256);
    t.ok(body.timeline.length >= 990 && body.timeline.length < 1_000, `${body.timeline.length} lines`);
    t.same([body.timeline_events, body.timeline_is_complete], [1_000, false]);
    break;
  }
});

t.test('what is asked wrongly is refused, and customers are', async (t) => {
  for (const query of ['state=odd', 'older_than=-1', 'stuck=maybe', 'cursor=odd', 'limit=0', 'colour=red'])
    t.equal((await first.ask('GET', `/api/v1/sagas?${query}`)).status, 400, query);
  const { body } = await first.ask('GET', '/api/v1/sagas?limit=1');
  const foreign = `/api/v1/sagas?stuck=true&cursor=${body.next_cursor}`;
  t.match(await first.ask('GET', foreign), { status: 400, body: { code: 'cursor-invalid' } });
  t.match(await first.askCustomer('GET', '/api/v1/sagas'), {
    status: 403,
    body: { detail: 'Admin access required' },
  });
});

t.test('a dry run of a verb says whether it applies', async (t) => {
  t.match(await first.ask('POST', '/api/v1/sagas/waiting/retry?dry_run=true'), {
    status: 200,
    body: { verb: 'retry', applies: false, dry_run: true, state: 'running' },
  });
  t.equal((await first.ask('POST', '/api/v1/sagas/nobody/retry')).status, 404);
  t.match(await first.ask('POST', '/api/v1/sagas/waiting/retry'), {
    status: 409,
    body: { code: 'not-parked', detail: 'Saga waiting waits for nobody: it is running' },
  });
});

t.test('after a kill everything is listed as before', async (t) => {
  await first.server.kill();
  const { ask } = await startOperatorServer(t, {
    dataDirectory: first.server.dataDirectory,
    args: ['--app', operatorApp],
  });
  t.same(await paged(ask, 'limit=2'), ['long', ...newestFirst]);
  t.same(await paged(ask, 'state=running'), ['waiting', 'waiting-too']);
});
