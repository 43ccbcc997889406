/**
 * `reliability.md` §3 rows 1–10, 13, 14 and 19: requests that are wrong as HTTP, on a bare socket. Rows 1–5 and 7–9 are
 * answered by uWebSockets.js itself; what is asserted is what this version of it does.
 */
import t from 'tap';
import { HttpConnection, requestBytes } from '../support/http-client.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

const fixture = await GatewayFixture.start();
t.teardown(() => fixture.close());

/** Sends bytes on a fresh connection and says how the server ended it: a status, or `silence` when it just waits. */
async function ending(bytes: string | Buffer, patienceMs = 250): Promise<string> {
  const connection = await fixture.open();
  connection.write(bytes);
  const waited = new Promise<string>((resolve) => setTimeout(() => resolve('silence'), patienceMs));
  const text = await Promise.race([connection.closed(), waited]);
  connection.destroy();
  return text === 'silence' ? text : text.slice(9, 12);
}

const requestsBefore = fixture.actors.requests.length;

t.test('row 1, 2: garbage, a TLS hello, HTTP/1.0 and HTTP/2 are answered 505 and closed', async (t) => {
  t.equal(await ending('garbage and more of it\r\n\r\n'), '505');
  t.equal(await ending(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0xfc, 3, 3, 13, 10, 13, 10])), '505');
  t.equal(await ending('GET / HTTP/1.0\r\nHost: a\r\n\r\n'), '505');
  t.equal(await ending('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), '505');
});

t.test(
  'row 3: without Host the request is never handled, with an empty or a second one it is refused',
  async (t) => {
    t.equal(await ending('GET /health/live HTTP/1.1\r\n\r\n'), 'silence', 'until the server gives up on it');
    t.equal(await ending('GET /health/live HTTP/1.1\r\nHost:\r\n\r\n'), '400');
    t.equal(await ending('GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'), '400');
    t.equal(await ending('GET /health/live HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n'), '400');
  },
);

t.test('row 4: Content-Length beside Transfer-Encoding is refused', async (t) => {
  const head =
    'POST /api/v1/jars/j1/coins HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n';
  t.equal(await ending(`${head}0\r\n\r\n`), '400');
});

t.test('row 5: a Content-Length that is no number is refused', async (t) => {
  for (const length of ['abc', '-1', '+5', '1e3', '0x5', '5,5', '99999999999999999999']) {
    const head = `POST /api/v1/jars/j1/coins HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nhello`;
    t.match(await ending(head), /^4\d\d$/, length);
  }
  const twice =
    'POST /api/v1/jars/j1/coins HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello';
  t.equal(await ending(twice), '400', 'two of them');
});

t.test('row 6: a chunked body is refused with 411 and the connection closed', async (t) => {
  for (const coding of ['chunked', 'gzip, chunked', 'identity']) {
    const connection = await fixture.open();
    connection.write(
      `POST /api/v1/jars/j1/coins HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    );
    const answer = await connection.response();
    t.equal(answer.status, 411);
    t.equal(problemCode(answer), 'length-required');
    t.match(answer.headers.get('x-trace-id'), /^trace-/);
    await connection.closed();
  }
});

t.test('row 7: illegal header fields are never handled', async (t) => {
  const illegal = ['A : b', 'A: b\r\n c', 'A: b\0c', 'A: b\x01c', 'A: b\nB: c', 'A\0: b', 'no colon'];
  for (const field of illegal) {
    t.equal(
      await ending(`GET /health/live HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`, 150),
      'silence',
      JSON.stringify(field),
    );
  }
  t.equal(await ending('GET /health/live HTTP/1.1\nHost: a\n\n'), '505', 'bare line feeds');
});

t.test('row 8, 9: a head over 4 KiB or with too many fields is refused with 431', async (t) => {
  const head = 'GET /health/live HTTP/1.1\r\nHost: a\r\n';
  t.equal(await ending(`${head}A: ${'b'.repeat(5_000)}\r\n\r\n`), '431');
  const fields = Array.from({ length: 110 }, (_, index) => `a${index}: b\r\n`).join('');
  t.equal(await ending(`${head}${fields}\r\n`), '431');
});

t.test(
  'row 10: a request pipelined behind a pending one gets no answer and ends the connection',
  async (t) => {
    const authorization = await fixture.token();
    fixture.actors.isHolding = true;
    const connection = await fixture.open();
    const request = requestBytes({
      method: 'POST',
      path: '/api/v1/jars/pipelined/coins',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(coin),
    });
    connection.write(Buffer.concat([request, request]));
    t.equal(await connection.closed(), '');
    // Its token is new and may still be in verification.
    while (fixture.actors.heldCount === 0) await new Promise((resolve) => setImmediate(resolve));
    fixture.actors.isHolding = false;
    fixture.actors.release();
    t.equal(
      fixture.actors.requests.filter(({ call }) => call.id === 'pipelined').length,
      1,
      'the first one runs',
    );
  },
);

t.test('row 13: a client that leaves mid-body causes no command', async (t) => {
  const authorization = await fixture.token();
  const connection = await fixture.open();
  const whole = requestBytes({
    method: 'POST',
    path: '/api/v1/jars/half/coins',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(coin),
  });
  connection.write(whole.subarray(0, whole.length - 5));
  // The server answers others meanwhile; then half a request has surely been read.
  t.equal((await fixture.send({ path: '/health/live' })).status, 200);
  connection.destroy();
  t.equal((await fixture.send({ path: '/health/live' })).status, 200);
  t.equal(fixture.actors.requests.filter(({ call }) => call.id === 'half').length, 0);
});

t.test(
  'row 14: a client that leaves after its body gets the recorded answer when it comes back',
  async (t) => {
    const authorization = await fixture.token();
    const parts = {
      method: 'POST',
      path: '/api/v1/jars/left/coins',
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': 'left-1' },
      body: JSON.stringify(coin),
    };
    fixture.actors.isHolding = true;
    const connection = await fixture.open();
    connection.write(requestBytes(parts));
    while (fixture.actors.heldCount === 0) await new Promise((resolve) => setImmediate(resolve));
    connection.destroy();
    t.equal((await fixture.send({ path: '/health/live' })).status, 200);
    fixture.actors.isHolding = false;
    fixture.actors.release();
    const again = await fixture.send(parts);
    t.equal(again.status, 201);
    t.equal(again.headers.get('idempotency-replayed'), 'true');
    t.equal(JSON.parse(again.body).coins, 1);
  },
);

t.test('row 19: a body over 64 KiB is refused before it is read', async (t) => {
  const connection = await fixture.open();
  connection.write('POST /api/v1/jars/j1/coins HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n');
  const answer = await connection.response();
  t.equal(answer.status, 413);
  t.equal(problemCode(answer), 'body-too-large');
  await connection.closed();
});

t.test('a body that comes in pieces is put together', async (t) => {
  const authorization = await fixture.token();
  const note = 'n'.repeat(8_000);
  const whole = requestBytes({
    method: 'POST',
    path: '/api/v1/jars/pieces/coins',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ ...coin, note }),
  });
  const connection = await HttpConnection.open(fixture.port);
  for (let at = 0; at < whole.length; at += 1_000) {
    connection.write(whole.subarray(at, at + 1_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(JSON.parse((await connection.response()).body).note, note);
  connection.destroy();
});

t.test('a connection goes on after an ordinary refusal', async (t) => {
  const connection = await fixture.open();
  t.equal((await connection.send({ path: '/nowhere' })).status, 404);
  t.ok(await connection.isUsable());
  connection.destroy();
});

t.test('none of the malformed requests reached an actor or a log', async (t) => {
  const reached = fixture.actors.requests.slice(requestsBefore).map(({ call }) => call.id);
  t.same(new Set(reached), new Set(['pipelined', 'left', 'pieces']));
  t.same(fixture.reported, []);
});
