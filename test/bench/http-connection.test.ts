import { createServer, type Server, type Socket } from 'node:net';
import t from 'tap';
import { HttpClient } from '../../bench/http-client.js';
import { parseAnswer } from '../../bench/http-connection.js';
import { RequestTemplate, requestText } from '../../bench/http-request.js';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello';

t.test('an answer is taken apart into status, head and body', async (t) => {
  t.same(parseAnswer(answer), {
    status: 200,
    head: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b',
    body: 'hello',
  });
});

t.test('an answer cut anywhere is incomplete, never malformed', async (t) => {
  for (let length = 0; length < answer.length; length++)
    t.equal(parseAnswer(answer.slice(0, length)), 'incomplete', `${length} bytes`);
});

t.test('what cannot be delimited is malformed', async (t) => {
  t.equal(parseAnswer(`${answer}!`), 'malformed', 'bytes after the answer');
  t.equal(parseAnswer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), 'malformed', 'chunked');
  t.equal(parseAnswer('HTTP/1.1 100 Continue\r\n\r\n'), 'malformed', 'interim answer');
  t.equal(parseAnswer('SSH-2.0-OpenSSH\r\n\r\n'), 'malformed', 'another protocol');
});

t.test('a template changes only the digits it was told to', async (t) => {
  const text = requestText(
    { host: 'h', port: 1 },
    { method: 'POST', path: '/accounts/a-0000/x', idempotencyKey: 'k-000', body: '{}' },
  );
  const template = new RequestTemplate(text, [
    { marker: '/accounts/a-0000', width: 4 },
    { marker: 'Idempotency-Key: k-000', width: 3 },
  ]);
  template.set(0, 12);
  template.set(1, 987);
  t.equal(template.bytes.toString('latin1'), text.replace('a-0000', 'a-0012').replace('k-000', 'k-987'));
  t.throws(() => new RequestTemplate(text, [{ marker: 'absent', width: 1 }]));
});

t.test('an answer that arrives byte by byte is one answer', async (t) => {
  const port = await serve(t, (socket) => {
    const writeFrom = (index: number): void => {
      if (index < answer.length) socket.write(answer[index] as string, () => writeFrom(index + 1));
    };
    socket.once('data', () => writeFrom(0));
  });
  const client = clientOf(t, port);
  const reply = await client.ask({ method: 'GET', path: '/' });
  t.match(reply, { type: 'answer', answer: { status: 200, body: 'hello' } });
});

t.test('a connection that closes on a request loses it and dials again', async (t) => {
  let served = 0;
  const port = await serve(t, (socket) => {
    socket.once('data', () => (served++ === 0 ? socket.destroy() : socket.end(answer)));
  });
  const client = clientOf(t, port);
  t.match(await client.ask({ method: 'GET', path: '/' }), { type: 'lost' });
  t.match(await client.ask({ method: 'GET', path: '/' }), { type: 'answer', answer: { body: 'hello' } });
});

t.test('insist repeats the same bytes until the answer is definite', async (t) => {
  const asked: string[] = [];
  const problem = '{"code":"outcome-unknown"}';
  const busy = `HTTP/1.1 503 Service Unavailable\r\nContent-Length: ${problem.length}\r\n\r\n${problem}`;
  const port = await serve(t, (socket) => {
    socket.on('data', (bytes) => {
      asked.push(bytes.toString('latin1'));
      if (asked.length === 1) socket.destroy();
      else socket.write(asked.length === 2 ? busy : answer);
    });
  });
  const client = clientOf(t, port);
  const reply = await client.insist({ method: 'POST', path: '/', idempotencyKey: 'k', body: '{}' });
  t.equal(reply.status, 200);
  t.equal(asked.length, 3);
  t.equal(new Set(asked).size, 1);
});

t.test('a request without an answer is lost after its timeout', async (t) => {
  const port = await serve(t, (socket) => socket.on('data', () => {}));
  const client = clientOf(t, port);
  t.same(await client.ask({ method: 'GET', path: '/' }, 30), { type: 'lost', reason: 'timeout' });
});

function clientOf(test: Pick<typeof t, 'teardown'>, port: number): HttpClient {
  const client = new HttpClient({ host: '127.0.0.1', port }, 1);
  test.teardown(() => client.close());
  return client;
}

/** A bare TCP server; resolves to its port. */
async function serve(test: Pick<typeof t, 'teardown'>, handle: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
