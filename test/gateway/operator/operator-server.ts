/**
 * A real server with the operator's test modules, and requests to it as an admin.
 */
import { fileURLToPath } from 'node:url';
import type { RequestParts } from '../../../bench/http-request.js';
import type { ServerOptions, ServerProcess } from '../../../bench/server-process.js';
import { connectTo, startServer, type TestScope } from '../../support/server.js';

export const operatorApp = fileURLToPath(new URL('./operator-app.js', import.meta.url));

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test matches against
  readonly body: any;
}

export interface OperatorServer {
  readonly server: ServerProcess;
  /** As an admin. */
  ask(method: RequestParts['method'], path: string, body?: unknown, key?: string): Promise<Answered>;
  /** As a customer. */
  askCustomer(method: RequestParts['method'], path: string, body?: unknown): Promise<Answered>;
  /** Runs a command of a counter. */
  counter(id: string, command: string, payload: unknown): Promise<Answered>;
}

export async function startOperatorServer(
  test: TestScope,
  { partitions = 4, ...options }: Partial<ServerOptions> & { readonly partitions?: number } = {},
): Promise<OperatorServer> {
  const args = ['--app', operatorApp, '--partitions', String(partitions), ...(options.args ?? [])];
  const server = await startServer(test, { ...options, args });
  const client = connectTo(test, server.endpoint, 4);
  const admin = await server.token('olga', 'admin', 'bench');
  const customer = await server.token('carl', 'customer', 'bench');
  const request = async (
    token: string,
    method: RequestParts['method'],
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<Answered> => {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const keyed = key === undefined ? {} : { idempotencyKey: key };
    const reply = await client.ask({ method, path, token, ...text, ...keyed });
    if (reply.type === 'lost') throw new Error(`no answer to ${method} ${path}: ${reply.reason}`);
    return { status: reply.answer.status, body: JSON.parse(reply.answer.body || 'null') };
  };
  return {
    server,
    ask: (method, path, body, key) => request(admin, method, path, body, key),
    askCustomer: (method, path, body) => request(customer, method, path, body),
    counter: (id, command, payload) =>
      request(customer, 'POST', `/api/v1/actors/counter/${id}/${command}`, payload),
  };
}
