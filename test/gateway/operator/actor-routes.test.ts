/** Actors for operators over HTTP, on a real server. */
import t from 'tap';
import { startOperatorServer } from './operator-server.js';

const { ask, askCustomer, counter } = await startOperatorServer(t);

t.test('actors are listed once each over all partitions, and one is shown as it stands', async (t) => {
  const ids = Array.from({ length: 20 }, (_, index) => `counter-${index}`);
  for (const id of ids) await counter(id, 'add', { amount: 1 });
  // Until the tables hold them.
  let found: string[] = [];
  while (found.length < ids.length) {
    found = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await ask(
        'GET',
        `/api/v1/actors?kind=counter&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      for (const item of page.body.items) {
        t.match(item, { kind: 'counter', version: 1, is_open: false });
        found.push(item.id);
      }
      cursor = page.body.next_cursor;
    }
  }
  t.same(found.toSorted(), ids.toSorted());
  t.match((await ask('GET', '/api/v1/actors?kind=counter&id=counter-3')).body.items, [
    { kind: 'counter', id: 'counter-3', version: 1, is_parked: false, strikes: 0 },
  ]);
  t.same((await ask('GET', '/api/v1/actors?kind=journey')).body.items, []);
  t.equal((await ask('GET', '/api/v1/actors?kind=nothing&id=x')).status, 404);
  t.equal((await askCustomer('GET', '/api/v1/actors')).status, 403);
});

t.test('operationsPerPage: a page looks at so many partitions, and says where it goes on', async (t) => {
  const wide = await startOperatorServer(t, { partitions: 10 });
  const page = await wide.ask('GET', '/api/v1/actors');
  t.same(page.body.items, []);
  t.type(page.body.next_cursor, 'string', 'two partitions are left');
  t.same((await wide.ask('GET', `/api/v1/actors?cursor=${page.body.next_cursor}`)).body, {
    items: [],
    next_cursor: null,
  });
});

t.test('a parked actor is listed, and works again once it was unparked', async (t) => {
  await counter('cursed', 'add', { amount: 5 });
  for (let count = 0; count < 3; count++) t.equal((await counter('cursed', 'curse', {})).status, 500);
  t.match(await counter('cursed', 'add', { amount: 1 }), { status: 503, body: { code: 'actor-parked' } });
  t.match((await ask('GET', '/api/v1/parked-actors')).body, {
    items: [{ kind: 'counter', id: 'cursed', is_parked: true, strikes: 3 }],
    is_complete: true,
  });
  const path = '/api/v1/parked-actors/counter/cursed/unpark';
  t.match(await ask('POST', `${path}?dry_run=true`), {
    status: 200,
    body: { is_parked: true, dry_run: true },
  });
  t.match(await ask('POST', path), { status: 200, body: { is_parked: false, version: 1, strikes: 0 } });
  t.match(await counter('cursed', 'add', { amount: 1 }), { status: 200, body: { total: 6 } });
  t.match(await ask('POST', path), { status: 404, body: { code: 'not-found' } });
  t.same((await ask('GET', '/api/v1/parked-actors')).body.items, []);
  t.equal((await askCustomer('POST', path)).status, 403);
});
