/** `reliability.md` §3 rows 11 and 12: who sends too slowly is cut off by the server's own timers. */
import t from 'tap';
import { coin, GatewayFixture } from './gateway-fixture.js';

/** uWebSockets.js looks at its timers every 4 s and gives a request 10 s. */
const cutOffMsMax = 10_000 + 4_000 + 2_000;

t.test('slow heads and slow bodies are cut off and cause no command', { timeout: 40_000 }, async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const authorization = await fixture.token();
  const body = JSON.stringify(coin);
  const head = `POST /api/v1/jars/slow/coins HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`;

  /** Sends a beginning, then a byte a second; resolves with what came back and after how long. */
  const drip = async (beginning: string, rest: string): Promise<{ text: string; elapsedMs: number }> => {
    const connection = await fixture.open();
    const startedAt = performance.now();
    connection.write(beginning);
    let at = 0;
    const timer = setInterval(() => connection.write(rest.charAt(at++)), 1_000);
    const text = await connection.closed();
    clearInterval(timer);
    return { text, elapsedMs: performance.now() - startedAt };
  };
  const [slowHead, slowBody, noHead] = await Promise.all([
    drip(head.slice(0, 40), head.slice(40)),
    drip(`${head}Content-Length: ${body.length}\r\n\r\n`, body),
    drip('', ''),
  ]);
  for (const { text, elapsedMs } of [slowHead, slowBody, noHead]) {
    t.equal(text, '');
    t.ok(elapsedMs < cutOffMsMax, `after ${Math.round(elapsedMs)} ms`);
  }
  t.equal(fixture.actors.requests.length, 0);
});
