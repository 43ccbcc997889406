/**
 * A real server for a test: on a temporary directory and a free port, in a process group of its own, without the
 * supervising parent. Killed and cleaned up when the test ends, however it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HttpClient } from '../../bench/http-client.js';
import type { Endpoint } from '../../bench/http-connection.js';
import { type ServerOptions, ServerProcess } from '../../bench/server-process.js';

/** What is needed of a tap test. */
export interface TestScope {
  teardown(run: () => unknown): void;
}

/** Removed when the test ends. */
export function temporaryDirectory(test: TestScope): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-test-'));
  test.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Starts a server that is ready. Without `dataDirectory` it gets a fresh one; to start again on the same data, pass the
 * first one's `server.dataDirectory`.
 */
export async function startServer(
  test: TestScope,
  options: Partial<ServerOptions> = {},
): Promise<ServerProcess> {
  const dataDirectory = options.dataDirectory ?? path.join(temporaryDirectory(test), 'data');
  const server = await ServerProcess.start({
    ...options,
    dataDirectory,
    args: ['--log-level', 'warn', ...(options.args ?? [])],
  });
  test.teardown(() => server.kill());
  return server;
}

/** Closed when the test ends. One request in flight on each connection. */
export function connectTo(test: TestScope, endpoint: Endpoint, connectionCount = 1): HttpClient {
  const client = new HttpClient(endpoint, connectionCount);
  test.teardown(() => client.close());
  return client;
}
