/** A node as a process: rules N1–N3 of `ops/start.ts`, P1 and P2 of `ops/serve.ts`, H1, H2 and H4 of `ops/thread-shards.ts`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Reply } from '../../bench/http-client.js';
import type { ServerProcess } from '../../bench/server-process.js';
import { connectTo, startServer, temporaryDirectory } from '../support/server.js';
import { Program, type ProgramEnd } from './support/program.js';

const app = fileURLToPath(new URL('./fixtures/counter-app.js', import.meta.url));

interface Asking {
  readonly id: string;
  readonly command: string;
  readonly payload: unknown;
}

async function asker(
  t: Test,
  server: ServerProcess,
  connectionCount = 1,
): Promise<(asking: Asking) => Promise<Reply>> {
  const client = connectTo(t, server.endpoint, connectionCount);
  const token = await server.token('alice', 'bench');
  return ({ id, command, payload }) =>
    client.ask({
      method: 'POST',
      path: `/api/v1/actors/counter/${id}/${command}`,
      token,
      body: JSON.stringify(payload),
    });
}

/** A start that is expected to end by itself. */
function attempt(t: Test, dataDirectory: string, ...args: string[]): Promise<ProgramEnd> {
  const program = new Program('ops/cli.js', ['start', '--data', dataDirectory, '--port', '0', ...args]);
  t.teardown(() => program.end());
  return program.ended;
}

for (const shards of ['0', '1', '2']) {
  t.test(
    `a module of one's own is served with ${shards} shards and keeps its state over a restart`,
    async (t) => {
      const args = ['--app', app, '--shards', shards];
      const first = await startServer(t, { args });
      const ask = await asker(t, first);
      for (const id of ['a', 'b', 'c', 'd']) {
        t.match(await ask({ id, command: 'add', payload: { amount: 7 } }), { answer: { status: 200 } }, id);
      }
      t.match(await ask({ id: 'a', command: 'add', payload: { amount: 999 } }), { answer: { status: 409 } });
      t.same(await first.stop(), { code: 0, signal: null });
      t.notOk(existsSync(path.join(first.dataDirectory, 'LOCK')), 'the directory is free again');

      const second = await startServer(t, { args, dataDirectory: first.dataDirectory });
      const again = await asker(t, second);
      const reply = await again({ id: 'd', command: 'add', payload: { amount: 1 } });
      t.match(reply, { answer: { status: 200 } });
      t.match(JSON.stringify(reply), /total[^0-9]+8\b/);
    },
  );
}

t.test('P1: a stop answers what is under way, and open connections do not hold it up', async (t) => {
  const server = await startServer(t, { args: ['--app', app] });
  const ask = await asker(t, server, 20);
  const askAll = () =>
    Array.from({ length: 20 }, (_, index) =>
      ask({ id: `c${index}`, command: 'add', payload: { amount: 1 } }),
    );
  // The first round leaves 20 connections open; the second is on its way when the signal comes.
  t.match(
    await Promise.all(askAll()),
    Array.from({ length: 20 }, () => ({ answer: { status: 200 } })),
  );
  const asked = askAll();
  t.same(await server.stop(), { code: 0, signal: null });
  const replies = await Promise.all(asked);
  for (const reply of replies) {
    // A request that was not read before the connection closed is lost: its sender knows nothing of it, as always.
    if (reply.type === 'answer') t.ok([200, 503].includes(reply.answer.status), reply.answer.body);
  }
});

t.test('N2: a port that is taken is refused with code 2 and named', async (t) => {
  const server = await startServer(t, { args: ['--app', app] });
  const end = await attempt(t, temporaryDirectory(t), '--app', app, '--port', String(server.endpoint.port));
  t.equal(end.code, 2, end.stderr);
  t.match(end.stderr, `127.0.0.1:${server.endpoint.port}`);
  t.notMatch(end.stdout, 'server-restarting', 'the supervisor did not try again');
});

t.test('N2: a data directory in use is refused with code 2, and its owner goes on', async (t) => {
  const server = await startServer(t, { args: ['--app', app] });
  const end = await attempt(t, server.dataDirectory, '--app', app);
  t.equal(end.code, 2, end.stderr);
  t.match(end.stderr, `in use by process ${server.pid}`);
  const ask = await asker(t, server);
  t.match(await ask({ id: 'a', command: 'add', payload: { amount: 1 } }), { answer: { status: 200 } });
});

t.test(
  'N2: an app that is missing or broken, and another layout than the stored one, are refused with code 2',
  async (t) => {
    const data = temporaryDirectory(t);
    const broken = path.join(data, 'broken.mjs');
    writeFileSync(broken, 'export default 7;');
    t.match(await attempt(t, data, '--app', path.join(data, 'gone.js')), { code: 2, stderr: /gone\.js/ });
    t.match(await attempt(t, data, '--app', broken), { code: 2, stderr: /must export a module/ });
    const twice = path.join(data, 'twice.mjs');
    writeFileSync(twice, `import one from ${JSON.stringify(app)}; export default [one, one];`);
    t.match(await attempt(t, data, '--app', twice), { code: 2, stderr: /"counter"/ });
    const server = await startServer(t, { args: ['--app', app, '--shards', '1'] });
    await server.stop();
    const other = await attempt(t, server.dataDirectory, '--app', app, '--partitions', '16');
    t.match(other, {
      code: 2,
      stderr: /created with 8 partitions, not 16; the count is fixed; start with --partitions 8/,
    });
    const many = await attempt(t, server.dataDirectory, '--app', app, '--shards', '9');
    t.match(many, { code: 2, stderr: /9 shards are more than the 8 partitions of the store/ });
  },
);

t.test('a new store gets eight partitions per shard, and later starts serve what it has', async (t) => {
  const layout = async (server: ServerProcess): Promise<unknown> => {
    const { body } = await connectTo(t, server.endpoint).insist({ method: 'GET', path: '/health/ready' });
    const { shards, partitions } = JSON.parse(body) as Record<string, unknown>;
    return { shards, partitions };
  };
  const first = await startServer(t, { args: ['--app', app, '--shards', '2'] });
  t.same(await layout(first), { shards: 2, partitions: 16 });
  await first.stop();
  const { dataDirectory } = first;
  const second = await startServer(t, { args: ['--app', app, '--shards', '1'], dataDirectory });
  t.same(await layout(second), { shards: 1, partitions: 16 });
});

t.test('H2: a shard whose turn does not end ends the process at once', async (t) => {
  const server = await startServer(t, { args: ['--app', app, '--log-level', 'error'] });
  const ask = await asker(t, server);
  const asked = ask({ id: 'a', command: 'loop', payload: {} });
  t.same(await server.ended, { code: null, signal: 'SIGKILL' });
  t.match(server.output, 'shard-hung');
  const reply = await asked;
  t.match(reply.type === 'answer' ? reply.answer.body : 'outcome-unknown', 'outcome-unknown');
});

const canTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;
const skip = canTrace || process.env.CI === 'true' ? false : 'needs strace and the right to trace';

t.test(
  'H4: a shard whose disk does not return from a write ends the process, and nobody is blamed',
  { skip },
  async (t) => {
    const server = await startServer(t, { args: ['--app', app, '--shards', '1', '--log-level', 'info'] });
    const ask = await asker(t, server);
    t.match(await ask({ id: 'a', command: 'add', payload: { amount: 1 } }), { answer: { status: 200 } });
    const inject = 'inject=pwritev:delay_enter=8s';
    const tracer = spawn('strace', ['-f', '-o', '/dev/null', '-e', inject, '-p', `${server.pid}`]);
    t.teardown(() => tracer.kill('SIGKILL'));
    await once(tracer.stderr, 'data');
    const asked = ask({ id: 'a', command: 'add', payload: { amount: 1 } });
    t.same(await server.ended, { code: null, signal: 'SIGKILL' });
    t.match(server.output, 'does not return from a write');
    t.notMatch(server.output, 'shard-hung');
    t.notOk(existsSync(path.join(server.dataDirectory, 'strikes.json')));
    const reply = await asked;
    t.match(reply.type === 'answer' ? reply.answer.body : 'outcome-unknown', 'outcome-unknown');
  },
);

t.test(
  'a killed server is started again by its parent, and stops in order when the parent is killed',
  async (t) => {
    const data = path.join(temporaryDirectory(t), 'data');
    const parent = new Program('ops/cli.js', ['start', '--data', data, '--port', '0', '--app', app]);
    t.teardown(() => parent.end());
    const ready = /"pid":(\d+)[^\n]*"address":"http:\/\/127\.0\.0\.1:(\d+)"[^\n]*"event":"ready"/g;
    const [, pid = ''] = await parent.saying(ready);
    const killedAt = performance.now();
    process.kill(Number(pid), 'SIGKILL');
    ready.lastIndex = 0;
    const [, secondPid] = await parent.saying(new RegExp(`"pid":(?!${pid}\\b)(\\d+)[^\\n]*"event":"ready"`));
    t.comment(`ready again after ${Math.round(performance.now() - killedAt)} ms`);
    t.not(secondPid, pid);
    parent.kill('SIGKILL');
    // Ends with the last process that holds the parent's stdout.
    t.match((await parent.ended).stdout, /"event":"stopped"/);
    t.notOk(existsSync(path.join(data, 'LOCK')));
  },
);
