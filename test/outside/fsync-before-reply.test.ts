import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { inParallel } from '../../bench/http-client.js';
import type { ServerProcess } from '../../bench/server-process.js';
import { connectTo, startServer, temporaryDirectory } from '../support/server.js';
import { findOrderViolations, type TracedCommand } from './reply-order.js';
import { parseTrace, traceWrapper } from './syscall-trace.js';

const canTrace = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true']).status === 0;
const account = 'traced';

type Asserts = Pick<typeof t, 'teardown' | 'equal'>;

if (canTrace || process.env.CI === 'true') {
  t.test(
    'no byte of a reply leaves before the entry of its command is on the disk',
    { timeout: 90_000 },
    async (t) => {
      t.ok(canTrace, 'strace runs here (apt-get install strace; tracing must be permitted)');
      const traceFile = path.join(temporaryDirectory(t), 'server.trace');
      const server = await startServer(t, { wrapper: traceWrapper(traceFile), readyTimeoutMs: 60_000 });
      const token = await server.token('tracer', 'bench');
      await openAccount(t, server, token);

      const oneByOne = await deposit(t, server, { token, count: 20, connections: 1, name: 'single' });
      const atOnce = await deposit(t, server, { token, count: 200, connections: 16, name: 'parallel' });
      await server.stop();

      const calls = parseTrace(readFileSync(traceFile, 'latin1'));
      t.ok(calls.length > 0, `${calls.length} calls traced`);
      t.same(findOrderViolations(calls, oneByOne), [], 'deposits one after another');
      t.same(findOrderViolations(calls, atOnce), [], 'deposits in parallel');
    },
  );
} else {
  t.plan(
    0,
    'strace is missing or may not trace: the order of write, flush and reply is not checked (apt-get install strace)',
  );
}

async function openAccount(test: Asserts, server: ServerProcess, token: string): Promise<void> {
  const body = JSON.stringify({ account_id: account, account_type: 'checking', currency: 'USD' });
  const client = connectTo(test, server.endpoint);
  const answer = await client.insist({
    method: 'POST',
    path: '/api/v1/accounts',
    token,
    idempotencyKey: 'open',
    body,
  });
  test.equal(answer.status, 201, answer.body);
}

interface Deposits {
  readonly token: string;
  readonly count: number;
  readonly connections: number;
  readonly name: string;
}

async function deposit(
  test: Asserts,
  server: ServerProcess,
  { token, count, connections, name }: Deposits,
): Promise<TracedCommand[]> {
  const client = connectTo(test, server.endpoint, connections);
  const commands: TracedCommand[] = [];
  await inParallel(count, connections, async (index) => {
    const command = { requestMark: `key-${name}-${index}-end`, entryMark: `tx-${name}-${index}-end` };
    commands.push(command);
    const answer = await client.insist({
      method: 'POST',
      path: `/api/v1/accounts/${account}/deposits`,
      token,
      idempotencyKey: command.requestMark,
      body: JSON.stringify({ amount: '1.00', currency: 'USD', transaction_id: command.entryMark }),
    });
    test.equal(answer.status, 200, answer.body);
  });
  return commands;
}
