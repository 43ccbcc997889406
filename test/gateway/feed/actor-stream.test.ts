/** `GET …/{id}/events/stream`: one actor's events by version, for whoever may read its history. */
import t from 'tap';
import { bankingModule } from '../../../actors/banking/banking.js';
import { requestOnce } from '../../support/http-client.js';
import { problemCode } from '../gateway-fixture.js';
import { FeedServer } from './feed-server.js';

const path = (id: string): string => `/api/v1/actors/counter/${id}/events/stream`;

t.test('V1 what was and what comes, numbered by versions, without those of others', async (t) => {
  const server = await FeedServer.start(t, { shardCount: 2 });
  await server.counter('a', 'fill', { count: 5, characters: 1 });
  await server.counter('b', 'fill', { count: 5, characters: 1 });
  const whole = await server.stream('?after_version=0', { path: path('a') });
  await whole.until(() => whole.events.length === 5);
  const late = await server.stream('', { path: path('a') });
  await late.until(() => late.messages.length === 1);
  t.match(late.messages, [{ event: 'open', data: { position: '5' } }]);
  await server.counter('b', 'add', { amount: 1 });
  await server.counter('a', 'add', { amount: 1 });
  await Promise.all([
    whole.until(() => whole.events.length === 6),
    late.until(() => late.events.length === 1),
  ]);
  t.same(
    whole.events.map(({ id, data }) => [id, data.stream_version, data.aggregate_id]),
    [1, 2, 3, 4, 5, 6].map((version) => [String(version), version, 'a']),
  );
  t.match(late.events, [{ id: '6', data: { event_type: 'Added' } }]);
  whole.close();
  late.close();
});

t.test(
  'V1 a reader that comes back again and again while the actor goes on sees each version once',
  async (t) => {
    const server = await FeedServer.start(t, { limits: { recentBytesMax: 3_000, tailBytesMax: 1_000 } });
    const authorization = await server.token('olga', 'admin');
    let isDone = false;
    let written = 0;
    let seen = 0;
    const write = async (): Promise<void> => {
      while (!isDone) {
        if (written - seen < 50) {
          await server.counter('a', 'fill', { count: 2, characters: 1 });
          written += 2;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const writing = write();
    let lastEventId = '';
    for (let round = 0; round < 150; round++) {
      const stream = await server.stream('?after_version=0', { path: path('a'), authorization, lastEventId });
      const wanted = round % 9;
      await stream.until(() => stream.events.length >= wanted);
      for (const { data } of stream.events.slice(0, wanted)) {
        seen++;
        if (data.stream_version !== seen) t.fail(`version ${data.stream_version} in the place of ${seen}`);
      }
      if (seen > 0) lastEventId = String(seen);
      stream.close();
    }
    isDone = true;
    await writing;
    const last = await server.stream('?after_version=0', { path: path('a'), authorization, lastEventId });
    await last.until(() => seen + last.events.length === written);
    t.equal(last.events.at(-1)?.id, String(written));
    last.close();
  },
);

t.test('V1 nothing depends on what memory still holds', async (t) => {
  const server = await FeedServer.start(t, { limits: { recentBytesMax: 1, tailBytesMax: 1 } });
  await server.counter('a', 'fill', { count: 3, characters: 1 });
  const stream = await server.stream('?after_version=1', { path: path('a') });
  await stream.until(() => stream.events.length === 2);
  await server.counter('a', 'fill', { count: 3, characters: 1 });
  await stream.until(() => stream.events.length === 5);
  t.same(
    stream.events.map(({ id }) => id),
    ['2', '3', '4', '5', '6'],
  );
  stream.close();
});

t.test(
  'V2 who may not read the history may not follow it, and what is asked wrongly is refused',
  async (t) => {
    const server = await FeedServer.start(t);
    await server.counter('a', 'add', { amount: 1 });
    const customer = await server.token('carl', 'customer');
    const get = (query: string, authorization?: string) =>
      server.get(`${path('a')}${query}`, authorization === undefined ? {} : { authorization });
    t.equal((await get('', 'Bearer x')).status, 401);
    t.equal(
      (await server.stream('', { path: path('a'), authorization: customer })).status,
      200,
      'as its history',
    );
    for (const query of ['?after_version=-1', '?after_version=2', '?after_version=x', '?from=now']) {
      t.equal((await get(query)).status, 400, query);
    }
    const behind = await server.get(path('a'), { 'last-event-id': 'x' });
    t.match([behind.status, problemCode(behind)], [400, 'cursor-invalid']);
    t.equal((await server.get('/api/v1/actors/counter/%20/events/stream')).status, 400);
  },
);

t.test('an account is followed by its owner and by admins, and is not there for others', async (t) => {
  const server = await FeedServer.start(t, { modules: [bankingModule()] });
  const [alice, bob] = [await server.token('alice', 'customer'), await server.token('bob', 'customer')];
  const post = async (place: string, body: unknown): Promise<void> => {
    const answer = await requestOnce(server.port, {
      method: 'POST',
      path: `/api/v1/accounts${place}`,
      headers: { authorization: alice, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    t.ok(answer.status < 300, answer.body);
  };
  await post('', { account_id: 'mine', account_type: 'checking', currency: 'USD', initial_deposit: '100' });
  const account = '/api/v1/accounts/mine/events/stream';
  t.equal((await server.get(account, { authorization: bob })).status, 404);
  const owner = await server.stream('?after_version=0', { path: account, authorization: alice });
  const admin = await server.stream('', { path: account });
  await Promise.all([owner, admin].map((stream) => stream.until(() => stream.messages.length > 0)));
  await post('/mine/withdrawals', { amount: '5.00', currency: 'USD' });
  await owner.until(() => owner.events.length === 2);
  t.match(
    owner.events.map(({ data }) => data.event_type),
    ['AccountOpened', 'MoneyWithdrawn'],
  );
  await admin.until(() => admin.events.length === 1);
  owner.close();
  admin.close();
});
