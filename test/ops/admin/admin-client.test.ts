/** The client of the admin commands against a server of its own. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { adminClient } from '../../../ops/admin/admin-client.js';

t.test('each request carries a token of its own: a command may take longer than one lives', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('{"items": []}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  let count = 0;
  const { port } = server.address() as AddressInfo;
  const client = adminClient(`http://127.0.0.1:${port}`, () => Promise.resolve(`t${++count}`));
  await client.ask({ path: '/first' });
  await client.ask({ path: '/second' });
  t.same(seen, ['Bearer t1', 'Bearer t2']);
});
