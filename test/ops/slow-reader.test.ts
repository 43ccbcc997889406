/** A node in this process that stops while a client reads slowly: N3 of `ops/start.ts`. */
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { mintToken } from '../../gateway/authentication.js';
import { resolveConfig } from '../../ops/config.js';
import { readSecret } from '../../ops/secret-file.js';
import { startNode } from '../../ops/start.js';
import { systemClock, systemRandom } from '../../ops/system-clock.js';
import { operatorApp } from '../gateway/operator/operator-server.js';
import { temporaryDirectory } from '../support/server.js';

t.test('a client that does not read its answer does not make a stop a bad one', async (t) => {
  const data = temporaryDirectory(t);
  const resolved = resolveConfig({
    ...{ flags: { app: operatorApp, data, port: '0', shards: '0', 'rate-limits': false }, env: {} },
    ...{ directory: data, machine: { cores: 2 }, readFile: () => undefined },
  });
  if (resolved.type !== 'config') throw new Error(JSON.stringify(resolved));
  const onFatal = (error: unknown): void => {
    t.fail(String(error));
  };
  const node = await startNode({
    ...{ config: resolved.config, clock: systemClock, random: systemRandom, report: () => {}, onFatal },
  });
  const key = await readSecret('signing key', path.join(data, 'development.key'));
  const token = await mintToken({
    ...{ key, user: 'olga', roles: ['admin'], lifetimeSeconds: 600, nowMs: systemClock.now() },
  });
  const { address } = node.facts;
  const fill = JSON.stringify({ count: 10, characters: 16_000 });
  // More than the sockets of both ends take.
  for (let count = 0; count < 100; count++) {
    const { status } = await fetch(`${address}/api/v1/actors/counter/c${count}/fill`, {
      ...{ method: 'POST', body: fill },
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    if (status !== 200) throw new Error(`status ${status}`);
  }
  const { port, hostname } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.write(`GET /api/v1/events?limit=1000 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  t.equal(await node.stop(6_000), true);
  socket.destroy();
});
