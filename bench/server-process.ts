/**
 * One server of ours as a child process in a process group of its own: for benchmarks, crash rounds and end-to-end tests.
 *
 * P1  `start` resolves when `/health/ready` says so, and rejects with the server's output when it ends before.
 * P2  `kill` and `stop` leave no process of the group behind. A parent that exits kills the group; of one that is
 *     killed the server notices that its channel has closed, and stops.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { poolThreads, serverNodeArgs } from '../ops/supervisor.js';
import { freePort } from './free-port.js';
import { HttpClient } from './http-client.js';
import type { Endpoint } from './http-connection.js';

export interface ServerOptions {
  /** Made when missing. */
  readonly dataDirectory: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Further arguments of `troupe start`: `['--shards', '2']`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of `node` itself: `['--cpu-prof']`. */
  readonly nodeArgs?: readonly string[];
  /** A program that runs the server as its child, with its arguments (strace). */
  readonly wrapper?: readonly string[];
  /** Default 30 s. */
  readonly readyTimeoutMs?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const host = '127.0.0.1';
const readyPollMs = 10;
const stopTimeoutMs = 25_000;
/** Of the server's output, for error messages. */
const outputCharsMax = 20_000;
const program = fileURLToPath(new URL('../ops/cli.js', import.meta.url));

export class ServerProcess {
  readonly endpoint: Endpoint;
  readonly dataDirectory: string;
  /** Of the process that was started: the wrapper's, if there is one. It leads its group. */
  readonly pid: number;
  /** From the spawn until it was ready. */
  readonly startMs: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #output: OutputTail;

  /** Use `start`. */
  constructor(parts: {
    endpoint: Endpoint;
    dataDirectory: string;
    child: ChildProcess;
    pid: number;
    ended: Promise<Ended>;
    output: OutputTail;
    startMs: number;
  }) {
    this.endpoint = parts.endpoint;
    this.dataDirectory = parts.dataDirectory;
    this.#child = parts.child;
    this.pid = parts.pid;
    this.ended = parts.ended;
    this.#output = parts.output;
    this.startMs = parts.startMs;
  }

  /** Without the supervising parent, so that a kill is a kill. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const startedAt = performance.now();
    const endpoint = { host, port: options.port ?? (await freePort()) };
    const { child, pid, ended } = launch(options, endpoint);
    const output = new OutputTail(child);
    const timeoutMs = options.readyTimeoutMs ?? 30_000;
    const outcome = await Promise.race([
      untilReady(endpoint, timeoutMs),
      ended.then((end) => `it ended with ${end.signal ?? end.code}`),
    ]);
    if (outcome !== 'ready') {
      killGroup(pid, 'SIGKILL');
      throw new Error(`the server did not become ready: ${outcome}\n${output.text}`);
    }
    const startMs = performance.now() - startedAt;
    return new ServerProcess({
      endpoint,
      dataDirectory: options.dataDirectory,
      child,
      pid,
      ended,
      output,
      startMs,
    });
  }

  /** What it wrote last, both streams. */
  get output(): string {
    return this.#output.text;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGKILL to the whole group; resolves when it is gone. */
  async kill(): Promise<Ended> {
    killGroup(this.pid, 'SIGKILL');
    return await this.ended;
  }

  /** SIGTERM, and SIGKILL to what is left after 25 s. */
  async stop(): Promise<Ended> {
    killGroup(this.pid, 'SIGTERM');
    const timer = setTimeout(() => killGroup(this.pid, 'SIGKILL'), stopTimeoutMs);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** An access token signed with the development key in the data directory. */
  async token(user: string, ...roles: string[]): Promise<string> {
    const args = [program, 'token', '--user', user, '--data', this.dataDirectory];
    for (const role of roles) args.push('--role', role);
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, args, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim());
        else reject(new Error(`troupe token failed: ${stderr}`));
      });
    });
  }
}

function launch(options: ServerOptions, endpoint: Endpoint) {
  const { wrapper = [], nodeArgs = [], args = [], env = {}, dataDirectory } = options;
  const started = [
    'start',
    '--no-supervise',
    '--host',
    host,
    '--port',
    String(endpoint.port),
    '--data',
    dataDirectory,
  ];
  const [file, ...rest] = [
    ...wrapper,
    process.execPath,
    ...serverNodeArgs(),
    ...nodeArgs,
    program,
    ...started,
    ...args,
  ];
  const child = spawn(file as string, rest, {
    detached: true,
    // The channel is what the server's own supervisor would hold.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // As the supervising parent has it, which these servers run without.
    env: { UV_THREADPOOL_SIZE: String(poolThreads), ...process.env, ...env },
  });
  const { pid } = child;
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  if (pid === undefined) throw new Error(`cannot start ${file}`);
  const killWithParent = () => killGroup(pid, 'SIGKILL');
  process.once('exit', killWithParent);
  void ended.then(() => process.off('exit', killWithParent));
  return { child, pid, ended };
}

/** The last characters of a child's output. */
class OutputTail {
  text = '';

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (chunk: string) => {
        this.text = (this.text + chunk).slice(-outputCharsMax);
      });
    }
  }
}

async function untilReady(endpoint: Endpoint, timeoutMs: number): Promise<string> {
  const client = new HttpClient(endpoint, 1);
  const deadline = performance.now() + timeoutMs;
  let last = '';
  try {
    while (performance.now() < deadline) {
      const reply = await client.ask({ method: 'GET', path: '/health/ready' }, 1_000);
      if (reply.type === 'answer' && reply.answer.status === 200) return 'ready';
      last = reply.type === 'answer' ? `${reply.answer.status} ${reply.answer.body}` : reply.reason;
      await new Promise((resolve) => setTimeout(resolve, readyPollMs));
    }
  } finally {
    client.close();
  }
  return `not ready in ${timeoutMs} ms, last answer: ${last}`;
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: the group is gone already, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
