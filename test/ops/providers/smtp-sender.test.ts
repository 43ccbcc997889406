/** The SMTP adapter against a real mail server in this process, on real sockets. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import t, { type Test } from 'tap';
import { isOperatingError } from '../../../actors/model/index.js';
import { type SmtpProvider, smtpAdapter } from '../../../ops/providers/smtp-sender.js';

const mail = { to: 'ann@example.com', subject: 'Transfer', text: '100.00 USD\n.\nsent' };

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

async function mailServer(t: Test, options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        });
        done();
      });
    },
    ...options,
  });
  // What a client does to a connection is the client's to report.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return { port, received };
}

function send(port: number, options: Partial<SmtpProvider> = {}, key = 'saga~1/notify/do'): Promise<unknown> {
  const adapter = smtpAdapter({
    ...{ host: '127.0.0.1', port, isSecure: false, from: 'Bank <bank@example.com>' },
    ...options,
  });
  const call = { idempotencyKey: key, attempt: 0, signal: new AbortController().signal, traceparent: '' };
  return adapter.send(mail, call).catch((error: unknown) => {
    if (!isOperatingError(error)) throw error;
    return [error.code, error.message];
  });
}

/** A status with a text that must not come out anywhere. */
function refusal(status: number): Error {
  return Object.assign(new Error('ann@example.com is a secret'), { responseCode: status });
}

t.test('a mail arrives whole, and every repeat of it has one Message-ID', async (t) => {
  const { port, received } = await mailServer(t);
  const first = await send(port);
  t.match(first, { message_id: /^<[0-9a-f]{32}@example\.com>$/ });
  t.same(await send(port), first);
  t.notSame(await send(port, {}, 'another key'), first);
  t.match(received, [{ from: 'bank@example.com', to: ['ann@example.com'] }, {}, {}]);
  const ids = received.map(({ text }) => /^Message-ID: (.*)\r$/m.exec(text)?.[1]);
  t.equal(ids[0], ids[1]);
  t.not(ids[0], ids[2]);
  t.match(received[0]?.text, /^From: Bank <bank@example\.com>\r$/m);
  t.match(received[0]?.text, /\r\n100\.00 USD\r\n\.\r\nsent\r\n/);
});

t.test('a recipient that the server refuses for good is a rejection', async (t) => {
  const { port } = await mailServer(t, { onRcptTo: (_, __, done) => done(refusal(550)) });
  t.same(await send(port), {
    type: 'rejection',
    code: 'recipient-refused',
    detail: 'The mail server answered 550',
  });
});

t.test('a refusal for now is definite and may be tried again', async (t) => {
  const { port } = await mailServer(t, { onRcptTo: (_, __, done) => done(refusal(451)) });
  t.same(await send(port), ['provider-unavailable', 'the mail server answered 451 to RCPT TO']);
});

t.test('a refusal of sender or content has to be looked at', async (t) => {
  const sender = await mailServer(t, { onMailFrom: (_, __, done) => done(refusal(553)) });
  t.same(await send(sender.port), ['provider-refused', 'the mail server answered 553 to MAIL FROM']);
  const content = await mailServer(t, {
    onData: (stream, _, done) => {
      stream.resume().on('end', () => done(refusal(554)));
    },
  });
  t.same(await send(content.port), ['provider-refused', 'the mail server answered 554 to DATA']);
});

t.test('a password goes over TLS or not at all', async (t) => {
  let logins = 0;
  const login = { user: 'bank', password: 'hunter2' };
  const onAuth: SMTPServerOptions['onAuth'] = (auth, _, done) => {
    logins++;
    if (auth.password === 'hunter2') done(null, { user: 'bank' });
    else done(refusal(535));
  };
  const plain = await mailServer(t, { disabledCommands: ['STARTTLS'], allowInsecureAuth: true, onAuth });
  t.match(await send(plain.port, login), ['provider-refused', 'the mail server answered 500 to STARTTLS']);
  t.equal(logins, 0);
  // Its certificate is made up and nobody trusts it, unless told to.
  const tls = await mailServer(t, { disabledCommands: [], onAuth });
  t.match(await send(tls.port, login), ['provider-unavailable', /no connection to the mail server: .*CERT/]);
  t.equal(logins, 0);
  const trusting = { ...login, verifiesCertificate: false };
  t.match(await send(tls.port, trusting), { message_id: /@example\.com>$/ });
  t.same(await send(tls.port, { ...trusting, password: 'wrong' }), [
    'provider-refused',
    'the mail server answered 535 to AUTH PLAIN',
  ]);
  t.equal(logins, 2);
});

t.test('a mail server that is not there was never asked', async (t) => {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  t.same(await send(port), ['provider-unavailable', 'no connection to the mail server: ECONNREFUSED']);
});

t.test('silence, and an end in the middle, are unknown outcomes', async (t) => {
  const silent = createServer(() => {});
  t.match(await send(await listening(silent, t), { timeoutMs: 50 }), ['outcome-unknown', /no answer/]);

  const lines = ['220 mail', '250 mail', '250 ok', '250 ok', '354 go on'];
  const breaking = createServer((socket) => {
    let next = 0;
    const say = (): void => {
      socket.write(`${lines[next++]}\r\n`);
    };
    say();
    socket.on('data', (chunk) => {
      if (next < lines.length) say();
      else if (chunk.includes('\r\n.\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
  });
  t.match(await send(await listening(breaking, t)), ['outcome-unknown', /no answer/], 'after the last dot');
});

async function listening(server: Server, t?: Test): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t?.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
