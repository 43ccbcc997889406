import { createServer } from 'node:http';
import t from 'tap';
import type { HttpAnswer } from '../../bench/http-connection.js';
import { LoadGenerator, type LoadPlan, type Workload } from '../../bench/load-generator.js';

const plan: LoadPlan = { connections: 4, warmUpSeconds: 0, seconds: 1, schedule: 'constant', seed: 1 };
const listener = { measuring: () => {}, measured: () => {}, second: () => {} };

t.test('every command ends answered or lost, and the counts agree', async (t) => {
  const port = await serve(t, (_, respond) => respond());
  const counted = new CountedWorkload();
  const result = await new LoadGenerator({ host: '127.0.0.1', port }, counted, plan, listener).run();
  t.equal(counted.made, counted.answers + counted.losses);
  t.ok(result.done > 0 && result.done <= counted.answers);
  t.same(result.errors, {});
  t.equal(
    result.perSecond.reduce((sum, count) => sum + count, 0),
    result.done,
  );
});

t.test('an open loop charges a stall of the server to the requests that were due in it', async (t) => {
  const stallMs = 400;
  let requests = 0;
  const port = await serve(t, (_, respond) => {
    if (++requests !== 20) return respond();
    const until = performance.now() + stallMs;
    while (performance.now() < until);
    respond();
  });
  const counted = new CountedWorkload();
  const open = { ...plan, rate: 100 };
  const result = await new LoadGenerator({ host: '127.0.0.1', port }, counted, open, listener).run();
  t.ok(result.latency.maxMs >= stallMs, `slowest ${result.latency.maxMs} ms`);
  // 40 of the 100 were due during the stall, evenly: a quarter of all waited at least 100 ms, though most of them were
  // sent only after it. A generator that measures from the send would show a handful.
  t.ok(result.latency.p90Ms >= stallMs / 2, `p90 ${result.latency.p90Ms} ms`);
  t.equal(counted.made, 100);
  t.equal(result.unsent, 0);
});

t.test('an answer that the workload refuses is counted under its word', async (t) => {
  const port = await serve(t, (_, respond) => respond());
  const refusing = new CountedWorkload('409 no');
  const result = await new LoadGenerator({ host: '127.0.0.1', port }, refusing, plan, listener).run();
  t.equal(result.done, 0);
  t.equal(result.errors['409 no'], refusing.answers);
});

t.test('a run whose server is gone ends early and loses what was under way', async (t) => {
  let requests = 0;
  const port = await serve(t, (_, respond, stop) => (++requests === 50 ? stop() : respond()));
  const counted = new CountedWorkload();
  const long = { ...plan, seconds: 60, serverGoneMs: 500 };
  const result = await new LoadGenerator({ host: '127.0.0.1', port }, counted, long, listener).run();
  t.equal(result.aborted, 'the server is gone');
  t.ok(counted.losses > 0);
  t.equal(counted.made, counted.answers + counted.losses);
});

t.test('a request without an answer is given up', async (t) => {
  let requests = 0;
  const port = await serve(t, (_, respond) => (++requests === 50 ? undefined : respond()));
  const counted = new CountedWorkload();
  const hasty = { ...plan, seconds: 2, requestTimeoutMs: 500 };
  const result = await new LoadGenerator({ host: '127.0.0.1', port }, counted, hasty, listener).run();
  t.same(result.errors, { 'lost timeout': 1 });
  t.equal(counted.losses, 1);
  t.equal(result.aborted, undefined);
});

class CountedWorkload implements Workload<number> {
  made = 0;
  answers = 0;
  losses = 0;
  readonly #word: string | undefined;

  constructor(word?: string) {
    this.#word = word;
  }

  next(): number {
    return this.made++;
  }

  encode(): Buffer {
    return Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  }

  answered(_: number, answer: HttpAnswer): string | undefined {
    this.answers++;
    return this.#word ?? (answer.status === 200 ? undefined : String(answer.status));
  }

  lost(): void {
    this.losses++;
  }
}

async function serve(
  test: Pick<typeof t, 'teardown'>,
  handle: (path: string, respond: () => void, stop: () => void) => void,
): Promise<number> {
  const server = createServer((request, response) => {
    const respond = () => response.writeHead(200, { 'content-length': '2' }).end('ok');
    handle(request.url ?? '', respond, stop);
  });
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.teardown(stop);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
