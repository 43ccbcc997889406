/** `GET …/accounts/{id}/notices`: what an account's owner was told of transfers, over a real system. */
import t, { type Test } from 'tap';
import { bankingModule } from '../../actors/banking/banking.js';
import { notificationContract } from '../../actors/banking/notification-contract.js';
import { commandCall } from '../../actors/model/call.js';
import { type RawResponse, requestOnce } from '../support/http-client.js';
import { until } from '../support/until.js';
import { FeedServer } from './feed/feed-server.js';
import { problemCode } from './gateway-fixture.js';

const path = (id: string): string => `/api/v1/accounts/${id}/notices`;

interface Page {
  readonly items: readonly { readonly transfer_id: string }[];
  readonly next_cursor: string | null;
}

/** A bank in which ann has the accounts `a1` and `a2`. */
async function bank(t: Test) {
  const server = await FeedServer.start(t, { modules: [bankingModule()], shardCount: 2 });
  const ann = { authorization: await server.token('ann', 'customer') };
  const post = (path: string, body: object): Promise<RawResponse> => {
    const headers = { ...ann, 'content-type': 'application/json' };
    return requestOnce(server.port, { method: 'POST', path, headers, body: JSON.stringify(body) });
  };
  for (const account_id of ['a1', 'a2']) {
    const account = { account_id, account_type: 'checking', currency: 'USD', initial_deposit: '100' };
    t.equal((await post('/api/v1/accounts', account)).status, 201);
  }
  const ask = (id: string, query = ''): Promise<RawResponse> => server.get(`${path(id)}${query}`, ann);
  const page = async (id: string, query = ''): Promise<Page> => {
    // What the route answers.
    return JSON.parse((await ask(id, query)).body) as Page;
  };
  const notify = (transfer_id: string) =>
    server.run(
      commandCall(notificationContract, 'a1', 'notify', {
        ...{ transfer_id, template: 'transfer_completed', counterparty: 'a2' },
        ...{ amount: '1', currency: 'USD' },
      }),
    );
  return { server, post, ask, page, notify };
}

t.test('an owner reads the notice of a finished transfer', async (t) => {
  const { server, post, page } = await bank(t);
  t.same(await page('a1'), { items: [], next_cursor: null }, 'none so far');
  const order = { sender_account_id: 'a1', receiver_account_id: 'a2', amount: '12.5', currency: 'USD' };
  const { headers } = await post('/api/v1/transfers', order);
  const place = headers.get('location') ?? '';
  const transfer = await server.get(`${place}?wait=30`);
  t.match(JSON.parse(transfer.body), { state: 'completed' });
  await until(async () => (await page('a1')).items.length > 0);
  t.match(await page('a1'), {
    items: [
      {
        ...{ type: 'notice', transfer_id: place.split('/').at(-1), template: 'transfer_completed' },
        ...{ counterparty: 'a2', amount: '12.50', currency: 'USD', at: /^\d{4}-\d\d-\d\dT.*Z$/ },
      },
    ],
    next_cursor: null,
  });
  t.same((await page('a2')).items, [], 'it goes to the sender');
});

t.test('notices are paged, newest first, without a gap or a repeat', async (t) => {
  const { page, notify } = await bank(t);
  const ids = Array.from({ length: 7 }, (_, index) => `t${index}`);
  for (const id of ids) await notify(id);
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let pages = 1; cursor !== null; pages++) {
    const { items, next_cursor }: Page = await page('a1', `?limit=3${cursor && `&cursor=${cursor}`}`);
    t.equal(items.length, pages === 3 ? 1 : 3);
    seen.push(...items.map(({ transfer_id }) => transfer_id));
    cursor = next_cursor;
  }
  t.same(seen, ids.toReversed());
});

t.test('notices are read by whom the account is open to', async (t) => {
  const { server, ask, notify } = await bank(t);
  await notify('t1');
  const as = async (user: string, role: string, id = 'a1'): Promise<string> => {
    const answer = await server.get(path(id), { authorization: await server.token(user, role) });
    return answer.status === 200 ? '200' : `${answer.status} ${problemCode(answer)}`;
  };
  t.equal(await as('ann', 'customer'), '200');
  t.equal(await as('olga', 'admin'), '200');
  t.equal(await as('bob', 'customer'), '404 not-found', 'as good as absent for a stranger');
  t.equal(await as('shop', 'service'), '404 not-found');
  t.equal(await as('ann', 'customer', 'a3'), '404 not-found');
  t.equal(await as('olga', 'admin', 'a3'), '404 not-found', 'and absent for all when it is');
  const without = await requestOnce(server.port, { method: 'GET', path: path('a1') });
  t.equal(without.status, 401);
  for (const [query, problem] of [
    ['?cursor=x', '400 cursor-invalid'],
    ['?cursor=-1', '400 cursor-invalid'],
    ['?limit=0', '400 limit-out-of-range'],
    ['?limit=1001', '400 limit-out-of-range'],
  ] as const) {
    const answer = await ask('a1', query);
    t.equal(`${answer.status} ${problemCode(answer)}`, problem, query);
  }
});
