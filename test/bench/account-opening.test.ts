/** Opening accounts: what is lost or refused is asked again under the same key. */
import { createServer } from 'node:http';
import t from 'tap';
import { openAccounts } from '../../bench/account-opening.js';
import { runBenchmark } from '../../bench/benchmark-run.js';
import { HttpClient } from '../../bench/http-client.js';

t.test('every account is opened once, though answers are lost and the server is busy', async (t) => {
  const askedBy = new Map<string, number>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    request.on('end', () => {
      const key = String(request.headers['idempotency-key']);
      const times = (askedBy.get(key) ?? 0) + 1;
      askedBy.set(key, times);
      const number = Number(key.slice(-3));
      if (times === 1 && number % 10 === 3) request.socket.destroy();
      else if (times === 1 && number % 10 === 7) response.writeHead(503, { 'content-length': 2 }).end('{}');
      else {
        const { account_id: id } = JSON.parse(body) as { account_id: string };
        if (`open-${id}` !== key) t.fail(`${id} asked for under ${key}`);
        const text = `{"balance":"0.00","held":"0.00","available":"0.00","version":${number + 1}}`;
        response.writeHead(201, { 'content-length': text.length }).end(text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = new HttpClient({ host: '127.0.0.1', port }, 8);
  t.teardown(() => client.close());
  const versions = await openAccounts(client, { count: 300, prefix: 'a-', token: 'none' }, '0.00');
  t.same(
    [...versions],
    Array.from({ length: 300 }, (_, index) => index + 1),
  );
  t.equal(askedBy.size, 300);
});

t.test('an idle run says what the accounts take, and its books are exact', async (t) => {
  const report = await runBenchmark(
    {
      scenario: 'idle',
      connections: 4,
      seconds: 1,
      warmUpSeconds: 0,
      schedule: 'poisson',
      accounts: 300,
      hot: false,
      keys: true,
      seed: 1,
      store: 'embedded',
      strace: false,
    },
    { phase: () => {}, second: () => {} },
  );
  t.match(report.books, { balanced: true, accounts: 300 });
  t.match(report.opening, { residentActors: 300, store: { logBytes: Number, tablesBytes: Number } });
  t.ok((report.opening?.anonymousBytes ?? 0) > 0);
  t.ok(report.load.done > 0);
});
