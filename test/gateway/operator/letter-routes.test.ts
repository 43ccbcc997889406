/** Dead letters over HTTP, on a real server that is killed in between. */
import t from 'tap';
import { type Answered, operatorApp, startOperatorServer } from './operator-server.js';

type Ask = Awaited<ReturnType<typeof startOperatorServer>>['ask'];

/** Messages cross partitions after their answer: looks until there are so many. */
async function letters(ask: Ask, count: number, query = ''): Promise<Answered['body']> {
  for (;;) {
    const { body } = await ask('GET', `/api/v1/dead-letters${query}`);
    if (body.total === count) return body;
  }
}

t.test('dead letters are listed, outlive a kill, and are skipped and replayed by id', async (t) => {
  const first = await startOperatorServer(t);
  await first.counter('a', 'tell', { to: 'b', first: -1, count: 3 });
  await first.counter('c', 'tell', { to: 'd', first: -5, count: 1 });
  const { items } = await letters(first.ask, 4);
  t.match(items[0], {
    target: { kind: 'counter', id: 'b' },
    sender: { kind: 'counter', id: 'a' },
    command: 'receive',
    payload: { from: 'a', sequence: -1 },
    code: 'refused',
    principal: 'carl',
  });
  t.same(
    (await letters(first.ask, 4, '?kind=counter&id=d')).items.map(({ payload }: Answered['body']) => payload),
    [{ from: 'c', sequence: -5 }],
  );
  const paged = await letters(first.ask, 4, '?limit=3');
  const rest = await letters(first.ask, 4, `?limit=3&cursor=${paged.next_cursor}`);
  t.same([...paged.items, ...rest.items], items);
  t.equal(rest.next_cursor, null);
  t.equal((await first.askCustomer('GET', '/api/v1/dead-letters')).status, 403);
  await first.server.kill();

  const { ask } = await startOperatorServer(t, {
    dataDirectory: first.server.dataDirectory,
    args: ['--app', operatorApp],
  });
  const path = (index: number, verb: string) => `/api/v1/dead-letters/${items[index].dead_letter_id}/${verb}`;
  t.match(await ask('POST', `${path(0, 'replay')}?dry_run=true`), {
    status: 200,
    body: { count: 3, dry_run: true },
  });
  t.match(await ask('POST', path(1, 'replay')), {
    status: 200,
    body: { count: 0, left: 3, refused: { dead_letter_id: items[0].dead_letter_id, code: 'refused' } },
  });
  t.match(await ask('POST', path(0, 'skip')), { status: 200, body: { skipped: true } });
  t.match(await ask('POST', path(0, 'skip')), { status: 404, body: { code: 'not-found' } });
  t.match(await ask('POST', path(1, 'replay')), { status: 200, body: { count: 2, left: 0, refused: null } });
  t.match(await ask('GET', '/api/v1/actors/counter/b'), { body: { received: ['a:0', 'a:1'] } });
  t.equal((await ask('GET', '/api/v1/dead-letters')).body.total, 1);
  t.match(await ask('POST', '/api/v1/dead-letters/99.0.0.0/skip'), { status: 404 });
  t.match(await ask('POST', '/api/v1/dead-letters/nonsense/skip'), { status: 400 });
});
