/** What requests become which calls, and how answers look. */
import t from 'tap';
import { bankingModule } from '../../../actors/banking/banking.js';
import { waitSecondsMax } from '../../../actors/banking/transfer-routes.js';
import { isActorId, isClientChosenId, placementHash } from '../../../actors/model/address.js';
import type { ActorCall } from '../../../actors/model/call.js';
import type { Caller, Rejection } from '../../../actors/model/message.js';
import type { HttpMethod, Route, RouteAnswer, RouteRequest } from '../../../actors/model/route.js';
import { compileValidator } from '../../../actors/model/validation.js';
import { openAccount, usd } from './support/accounts.js';
import { alice, noon } from './support/desk.js';

const routes = bankingModule().routes ?? [];
const commandId = 'AbCdEfGhIjKlMnOpQrStUv';
const oneAccount = '/api/v1/accounts/{account_id}';
const transferBody = {
  sender_account_id: 'acc-1',
  receiver_account_id: 'acc-2',
  amount: '100',
  currency: 'USD',
};

function route(method: HttpMethod, path: string): Route {
  const found = routes.find((candidate) => candidate.method === method && candidate.path === path);
  if (found === undefined) throw new Error(`no route ${method} ${path}`);
  return found;
}

interface Given {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly caller?: Caller;
}

function request(given: Given): RouteRequest<never> {
  const { params = { account_id: 'acc-1' }, query = {}, body, caller = alice } = given;
  return { params, query, body: body as never, caller, commandId, now: noon };
}

function plan(method: HttpMethod, path: string, given: Given = {}): ActorCall | Rejection {
  return route(method, path).plan(request(given));
}

function answer(method: HttpMethod, path: string, reply: unknown, given: Given = {}): RouteAnswer {
  return route(method, path).answer(reply as never, request(given), 1);
}

t.test('the bank serves exactly these routes', async (t) => {
  t.same(
    routes.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /api/v1/accounts',
      'GET /api/v1/accounts/{account_id}',
      'POST /api/v1/accounts/{account_id}/deposits',
      'POST /api/v1/accounts/{account_id}/withdrawals',
      'POST /api/v1/accounts/{account_id}/freeze',
      'POST /api/v1/accounts/{account_id}/unfreeze',
      'POST /api/v1/accounts/{account_id}/close',
      'PUT /api/v1/accounts/{account_id}/credit-limit',
      'GET /api/v1/accounts/{account_id}/transactions',
      'GET /api/v1/accounts/{account_id}/notices',
      'GET /api/v1/accounts/{account_id}/events',
      'POST /api/v1/transfers',
      'GET /api/v1/transfers/{transfer_id}',
      'POST /api/v1/risk/accounts/{account_id}/flag',
      'POST /api/v1/risk/accounts/{account_id}/unflag',
    ],
  );
});

t.test('every route that is not a read changes state and says so', async (t) => {
  for (const { method, path, mutates } of routes) t.equal(mutates === true, method !== 'GET', path);
});

t.test(
  'decision D28: no route of the bank is public; freezing, limits and flags are for admins',
  async (t) => {
    t.notOk(routes.some(({ access }) => access === 'public'));
    t.same(
      routes.filter(({ access }) => access.includes('admin')).map(({ path }) => path),
      [
        `${oneAccount}/freeze`,
        `${oneAccount}/unfreeze`,
        `${oneAccount}/credit-limit`,
        '/api/v1/risk/accounts/{account_id}/flag',
        '/api/v1/risk/accounts/{account_id}/unflag',
      ],
    );
  },
);

t.test('an account opens for its caller, under an id made from the command id', async (t) => {
  const body = { account_type: 'checking', currency: 'USD' };
  t.same(plan('POST', '/api/v1/accounts', { body }), {
    type: 'command',
    kind: 'account',
    id: `a${commandId}`,
    command: 'open',
    payload: { ...body, owner_id: 'alice' },
  });
  t.ok(isClientChosenId(`a${commandId}`), 'without a placement: accounts spread over all partitions');
});

t.test('a client may choose the id of its account, a valid one without placement', async (t) => {
  const body = { account_type: 'checking', currency: 'USD' };
  const chosen = plan('POST', '/api/v1/accounts', { body: { ...body, account_id: 'my-account' } });
  t.hasStrict(chosen, { id: 'my-account' });
  for (const account_id of ['', "' OR 1=1--", 'a~00000000', 'x'.repeat(129), 'naïve']) {
    const refused = plan('POST', '/api/v1/accounts', { body: { ...body, account_id } });
    t.hasStrict(refused, { type: 'rejection', code: 'id-invalid' }, account_id);
  }
  t.equal(route('POST', '/api/v1/accounts').rejections?.['id-invalid'], 400);
});

t.test('an owner other than the caller is handed on: the account knows who may', async (t) => {
  const body = { account_type: 'checking', currency: 'USD', owner_id: 'bob' };
  t.hasStrict(plan('POST', '/api/v1/accounts', { body }), { payload: { owner_id: 'bob' } });
});

t.test('an opened account answers 201 with its place', async (t) => {
  const view = openAccount().read('get', {});
  t.same(answer('POST', '/api/v1/accounts', view), {
    status: 201,
    body: view,
    headers: { location: '/api/v1/accounts/acc-1' },
  });
});

t.test('row 26 of bad input: unknown fields are refused', async (t) => {
  for (const candidate of routes) {
    if (candidate.body === undefined) continue;
    const check = compileValidator(candidate.body);
    const problem = check({ ...transferBody, balance: '1000000' });
    t.hasStrict(problem, { code: 'field-unknown' }, candidate.path);
  }
});

t.test('row 28 of bad input: money as a JSON number is refused', async (t) => {
  const money: [HttpMethod, string, object][] = [
    ['POST', '/api/v1/accounts', { account_type: 'checking', currency: 'USD', initial_deposit: 100 }],
    ['POST', `${oneAccount}/deposits`, { amount: 100, currency: 'USD' }],
    ['POST', `${oneAccount}/withdrawals`, { amount: 100, currency: 'USD' }],
    ['PUT', `${oneAccount}/credit-limit`, { credit_limit: 100 }],
    ['POST', '/api/v1/transfers', { ...transferBody, amount: 100 }],
  ];
  for (const [method, path, body] of money) {
    const { body: schema } = route(method, path);
    t.hasStrict(compileValidator(schema!)(body), { code: 'money-not-string' }, path);
  }
});

t.test('deposits and withdrawals become commands of the account', async (t) => {
  const body = { ...usd('5'), description: 'x', transaction_id: 'tx' };
  const call = { type: 'command', kind: 'account', id: 'acc-1', payload: body };
  t.same(plan('POST', `${oneAccount}/deposits`, { body }), { ...call, command: 'deposit' });
  t.same(plan('POST', `${oneAccount}/withdrawals`, { body }), { ...call, command: 'withdraw' });
});

t.test('freeze, unfreeze, close and credit limit become commands of the account', async (t) => {
  const call = { type: 'command', kind: 'account', id: 'acc-1' };
  const reason = { reason: 'review' };
  t.same(plan('POST', `${oneAccount}/freeze`, { body: reason }), {
    ...call,
    command: 'freeze',
    payload: reason,
  });
  t.same(plan('POST', `${oneAccount}/unfreeze`), { ...call, command: 'unfreeze', payload: {} });
  t.same(plan('POST', `${oneAccount}/close`), { ...call, command: 'close', payload: {} });
  const limit = { credit_limit: '300' };
  t.same(plan('PUT', `${oneAccount}/credit-limit`, { body: limit }), {
    ...call,
    command: 'setCreditLimit',
    payload: limit,
  });
});

t.test('an account is read now, at a version or at a time', async (t) => {
  const call = { type: 'query', kind: 'account', id: 'acc-1', query: 'get', payload: {} };
  t.same(plan('GET', oneAccount), call);
  t.same(plan('GET', oneAccount, { query: { at_version: '3' } }), { ...call, at: { version: 3 } });
  t.same(plan('GET', oneAccount, { query: { at: '2026-11-20T13:00:00+01:00' } }), {
    ...call,
    at: { time: noon },
  });
  for (const query of [
    { at_version: 'x' },
    { at_version: '-1' },
    { at: 'yesterday' },
    { at_version: '1', at: '2026-11-20T12:00:00Z' },
  ]) {
    const refused = plan('GET', oneAccount, { query });
    t.hasStrict(refused, { type: 'rejection', code: 'query-invalid' }, JSON.stringify(query));
  }
});

t.test('transactions walk the history backwards behind the ownership check', async (t) => {
  const call = {
    type: 'history',
    kind: 'account',
    id: 'acc-1',
    guard: { kind: 'account', id: 'acc-1', query: 'authorise', payload: {} },
    direction: 'backward',
  };
  t.same(plan('GET', `${oneAccount}/transactions`), { ...call, limit: 50 });
  t.same(plan('GET', `${oneAccount}/transactions`, { query: { cursor: '7', limit: '10' } }), {
    ...call,
    limit: 10,
    fromVersion: 7,
  });
});

t.test(
  'notices walk the history of their actor backwards behind the ownership check of the account',
  async (t) => {
    t.same(plan('GET', `${oneAccount}/notices`, { query: { cursor: '7', limit: '10' } }), {
      type: 'history',
      kind: 'notification',
      id: 'acc-1',
      guard: { kind: 'account', id: 'acc-1', query: 'authorise', payload: {} },
      direction: 'backward',
      fromVersion: 7,
      limit: 10,
    });
  },
);

t.test('events walk the history forwards behind the ownership check', async (t) => {
  const query = { after_version: '3', limit: '10' };
  t.same(plan('GET', `${oneAccount}/events`, { query }), {
    type: 'history',
    kind: 'account',
    id: 'acc-1',
    guard: { kind: 'account', id: 'acc-1', query: 'authorise', payload: {} },
    direction: 'forward',
    fromVersion: 3,
    limit: 10,
  });
});

t.test('a cursor that was not given out is refused', async (t) => {
  for (const path of [`${oneAccount}/transactions`, `${oneAccount}/notices`]) {
    const page = plan('GET', path, { query: { cursor: 'x' } });
    t.hasStrict(page, { type: 'rejection', code: 'cursor-invalid' }, path);
  }
  const events = plan('GET', `${oneAccount}/events`, { query: { after_version: '-1' } });
  t.hasStrict(events, { type: 'rejection', code: 'cursor-invalid' });
});

t.test('row 38 of bad input: a limit is 1 to 1,000', async (t) => {
  for (const path of ['transactions', 'notices', 'events'].map((name) => `${oneAccount}/${name}`)) {
    for (const limit of ['-1', '0', '1000000000', 'abc', '1001', '']) {
      const refused = plan('GET', path, { query: { limit } });
      t.hasStrict(refused, { type: 'rejection', code: 'limit-out-of-range' }, limit);
    }
    t.equal(route('GET', path).rejections?.['limit-out-of-range'], 400);
    t.hasStrict(plan('GET', path, { query: { limit: '1000' } }), { limit: 1000 });
  }
});

t.test('a page of transactions and a page of events show the same history differently', async (t) => {
  const desk = openAccount({ initial: '10' });
  desk.ask('deposit', { ...usd('5'), transaction_id: 'd1' });
  const events = desk.recorded();
  t.hasStrict(answer('GET', `${oneAccount}/transactions`, { events: events.toReversed(), next: null }), {
    status: 200,
    body: {
      items: [{ transaction_id: 'd1', balance_after: '15.00' }, { type: 'opening' }],
      next_cursor: null,
    },
  });
  t.hasStrict(answer('GET', `${oneAccount}/events`, { events, next: 2 }), {
    status: 200,
    body: {
      items: [
        { event_type: 'AccountOpened', stream_version: 1 },
        { event_type: 'MoneyDeposited', stream_version: 2 },
      ],
      next_cursor: '2',
    },
  });
});

t.test('decision D6: a transfer starts beside its sender, who must be the caller’s', async (t) => {
  const call = plan('POST', '/api/v1/transfers', { body: transferBody });
  if (call.type !== 'command') throw new Error(call.type);
  t.same(call, {
    type: 'command',
    kind: 'payment_transfer',
    id: call.id,
    command: 'start',
    payload: { ...transferBody, description: '' },
    guard: { kind: 'account', id: 'acc-1', query: 'authorise', payload: {} },
  });
  t.equal(call.id.split('~')[0], `t${commandId}`);
  t.equal(placementHash(call.id), placementHash('acc-1'));
  t.ok(isActorId(call.id));
});

t.test('rows 29–33 of bad input: a transfer that makes no sense asks no actor', async (t) => {
  const bad: [object, string][] = [
    [{ receiver_account_id: 'acc-1' }, 'same-account'],
    [{ amount: '0' }, 'amount-not-positive'],
    [{ amount: '-0' }, 'amount-not-positive'],
    [{ amount: '-1' }, 'amount-not-positive'],
    [{ amount: '1.001' }, 'amount-scale'],
    [{ amount: '9'.repeat(400) }, 'amount-overflow'],
    [{ amount: '1e3' }, 'validation-failed'],
    [{ currency: 'usd' }, 'currency'],
    [{ sender_account_id: '' }, 'id-invalid'],
    [{ receiver_account_id: "' OR 1=1--" }, 'id-invalid'],
  ];
  const { rejections = {} } = route('POST', '/api/v1/transfers');
  for (const [change, code] of bad) {
    const refused = plan('POST', '/api/v1/transfers', { body: { ...transferBody, ...change } });
    t.hasStrict(refused, { type: 'rejection', code }, JSON.stringify(change).slice(0, 60));
    t.equal(rejections[code], code === 'id-invalid' ? 400 : 422, code);
  }
});

const status = {
  saga_id: 't1~0a0b0c0d',
  definition_name: 'payment_transfer',
  state: 'running',
  current_step: 'risk',
  step_results: [{ step: 'reserve', result: { held: true }, timestamp: noon }],
  errors: [],
  started_at: noon,
  completed_at: null,
};
const atNoon = '2026-11-20T12:00:00.000Z';

t.test('a transfer under way answers 202 with its place', async (t) => {
  t.same(answer('POST', '/api/v1/transfers', status), {
    status: 202,
    body: { transfer_id: 't1~0a0b0c0d', saga_id: 't1~0a0b0c0d', state: 'running' },
    headers: { location: '/api/v1/transfers/t1~0a0b0c0d' },
  });
});

t.test('decision D6: a transfer that ended answers 200, compensated ones too', async (t) => {
  for (const state of ['completed', 'compensated', 'failed']) {
    t.hasStrict(answer('POST', '/api/v1/transfers', { ...status, state, completed_at: noon }), {
      status: 200,
      body: { transfer_id: 't1~0a0b0c0d', state, completed_at: atNoon },
    });
  }
});

t.test('a transfer shows its steps with times as text', async (t) => {
  const given = { params: { transfer_id: 't1~0a0b0c0d' } };
  t.same(plan('GET', '/api/v1/transfers/{transfer_id}', given), {
    type: 'query',
    kind: 'payment_transfer',
    id: 't1~0a0b0c0d',
    query: 'status',
    payload: {},
  });
  t.same(answer('GET', '/api/v1/transfers/{transfer_id}', status, given), {
    status: 200,
    body: {
      transfer_id: 't1~0a0b0c0d',
      ...status,
      step_results: [{ step: 'reserve', result: { held: true }, timestamp: atNoon }],
      started_at: atNoon,
    },
  });
});

t.test('a read of a transfer waits as long as asked, within bounds', async (t) => {
  const params = { transfer_id: 't1' };
  const path = '/api/v1/transfers/{transfer_id}';
  t.hasStrict(plan('GET', path, { params, query: { wait: '30' } }), { waitMs: 30_000 });
  const longest = plan('GET', path, { params, query: { wait: String(waitSecondsMax) } });
  t.hasStrict(longest, { waitMs: waitSecondsMax * 1000 });
  for (const wait of [String(waitSecondsMax + 1), '-1', '1.5', '']) {
    t.hasStrict(plan('GET', path, { params, query: { wait } }), { code: 'query-invalid' }, wait);
  }
});

t.test('row 65: flags reach the risk record of an account that exists', async (t) => {
  const guard = { kind: 'account', id: 'acc-1', query: 'authorise', payload: {} };
  const call = { type: 'command', kind: 'risk', id: 'acc-1', guard };
  const reason = { reason: 'suspicious_activity' };
  t.same(plan('POST', '/api/v1/risk/accounts/{account_id}/flag', { body: reason }), {
    ...call,
    command: 'flag',
    payload: reason,
  });
  t.same(plan('POST', '/api/v1/risk/accounts/{account_id}/unflag'), {
    ...call,
    command: 'unflag',
    payload: {},
  });
});
