/** Who did what over HTTP, on the bank of a real server. */
import t from 'tap';
import type { RequestParts } from '../../../bench/http-request.js';
import { connectTo, startServer } from '../../support/server.js';
import type { Answered } from './operator-server.js';

const server = await startServer(t, { args: ['--partitions', '4'] });
const client = connectTo(t, server.endpoint, 2);
const tokens = {
  alice: await server.token('alice', 'customer'),
  bob: await server.token('bob', 'customer'),
  olga: await server.token('olga', 'admin'),
};

async function ask(
  who: keyof typeof tokens,
  method: RequestParts['method'],
  path: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<Answered> {
  await nextMillisecond();
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  const reply = await client.ask({ method, path: `/api/v1${path}`, token: tokens[who], ...text, ...key });
  if (reply.type === 'lost') throw new Error(reply.reason);
  return { status: reply.answer.status, body: JSON.parse(reply.answer.body) };
}

/** All pages of an audit. */
async function audit(query = ''): Promise<Answered['body'][]> {
  const found: Answered['body'][] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await ask(
      'olga',
      'GET',
      `/audit?limit=2${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    t.equal(page.status, 200);
    found.push(...page.body.items);
    cursor = page.body.next_cursor;
  }
  return found;
}

/** Times are in ms: what follows is later than what came before. */
async function nextMillisecond(): Promise<void> {
  const before = Date.now();
  while (Date.now() <= before + 1) await new Promise((resolve) => setImmediate(resolve));
}

const told = (lines: readonly Answered['body'][]) =>
  lines.map(({ principal, command, actor, outcome }) => `${principal} ${command} ${actor.id} ${outcome}`);

t.test(
  'what each did is listed newest first, a rejection with its command, by person, actor and time',
  async (t) => {
    const account = (account_id: string) => ({ account_id, account_type: 'checking', currency: 'USD' });
    await ask('alice', 'POST', '/accounts', account('alice-1'));
    await ask('bob', 'POST', '/accounts', account('bob-1'));
    await ask('alice', 'POST', '/accounts/alice-1/deposits', { amount: '100.00', currency: 'USD' });
    const refused = { amount: '4000.00', currency: 'USD' };
    t.equal((await ask('alice', 'POST', '/accounts/alice-1/withdrawals', refused, 'key-1')).status, 409);
    await ask('olga', 'POST', '/accounts/bob-1/freeze', { reason: 'a look' });

    t.same(told(await audit()), [
      'olga freeze bob-1 accepted',
      'alice withdraw alice-1 rejected',
      'alice deposit alice-1 accepted',
      'bob open bob-1 accepted',
      'alice open alice-1 accepted',
    ]);
    t.same(told(await audit('&subject=bob-1')), ['olga freeze bob-1 accepted', 'bob open bob-1 accepted']);
    t.same(told(await audit('&subject=olga')), ['olga freeze bob-1 accepted']);
    const [, rejected, deposit] = await audit();
    t.match(rejected, { code: 'insufficient-funds', actor: { kind: 'account', id: 'alice-1' } });
    t.same(told(await audit(`&subject=account/alice-1&from=${deposit.at}&to=${deposit.at}`)), [
      'alice deposit alice-1 accepted',
    ]);
    t.same(told(await audit(`&to=${deposit.at}`)).slice(0, 1), ['alice deposit alice-1 accepted']);
    t.equal((await ask('alice', 'GET', '/audit')).status, 403);
    t.equal((await ask('olga', 'GET', '/audit?from=yesterday')).status, 400);
    t.equal((await ask('olga', 'GET', '/audit?cursor=odd')).status, 400);
  },
);
