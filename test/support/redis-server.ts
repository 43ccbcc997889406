/**
 * A Redis server for tests and benchmarks: a private process in a temporary directory on a port of its own, with every write
 * flushed; ended by its pid. Its append-only file is mended before each start, as a unit file does it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../bench/free-port.js';

export interface RedisServerOptions {
  /** Kept after `stop`; a temporary one that goes with the server when absent. */
  readonly directory?: string;
  /** Beside the defaults, and stronger: `['--appendfsync', 'no']`. */
  readonly args?: readonly string[];
  readonly port?: number;
}

/** For one start only. */
interface Start {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const startTimeoutMs = 20_000;
const pollMs = 5;
const programs = ['redis-server', 'valkey-server'];
let found: string | undefined;

/** The server's program, undefined where none is installed. */
export function redisProgram(): string | undefined {
  found ??= programs.find((program) => spawnSync(program, ['--version']).status === 0);
  return found;
}

export const redisMissing =
  'no redis-server or valkey-server on the PATH; install it with: apt-get install redis-server';

export class RedisServer {
  readonly port: number;
  readonly directory: string;
  readonly #args: readonly string[];
  readonly #isTemporary: boolean;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #output = '';

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.#isTemporary = options.directory === undefined;
    this.directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'troupe-redis-'));
    this.#args = options.args ?? [];
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options.port ?? (await freePort()), options);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  get pid(): number {
    return this.#child?.pid as number;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the running process is gone, whoever ended it. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The end of what the newest process wrote. */
  get output(): string {
    return this.#output;
  }

  /** The same directory and port again, after `kill` or `stop`. Resolves when it has loaded its data. */
  async start(more: Start = {}): Promise<void> {
    await this.launch(more);
    await this.#ready();
  }

  /** As `start`, without waiting until it has loaded. */
  async launch({ args: more = [], env = {} }: Start = {}): Promise<void> {
    const program = redisProgram();
    if (program === undefined) throw new Error(redisMissing);
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    args.push('--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--aof-load-truncated', 'no');
    args.push(...this.#args, ...more);
    mendAppendOnlyFile(program, this.directory);
    this.#output = '';
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        this.#output = (this.#output + text.toString()).slice(-4_000);
      });
    this.#child = child;
    const killWithParent = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', killWithParent);
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        process.off('exit', killWithParent);
        if (this.#child === child) this.#child = undefined;
        resolve();
      });
    });
  }

  /** SIGKILL by default; resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    await this.#ended;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes the temporary directory. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#isTemporary) rmSync(this.directory, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    while (performance.now() < deadline) {
      if (this.#child === undefined) throw new Error(`redis-server ended: ${this.#output}`);
      // The pid, because somebody else's server may answer on that port.
      const facts = await ask(this.port, 'INFO');
      const isReady = facts.includes(`process_id:${this.pid}\r\n`) && facts.includes('loading:0');
      if (isReady || facts.startsWith('-NOAUTH')) return;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    throw new Error(`redis-server was not ready in ${startTimeoutMs} ms: ${this.#output}`);
  }
}

/** Takes away a group that was cut short; see `persistence/redis/server-check.ts`. */
function mendAppendOnlyFile(program: string, directory: string): void {
  const manifest = path.join(directory, 'appendonlydir', 'appendonly.aof.manifest');
  if (!existsSync(manifest)) return;
  const mender = program.replace('-server', '-check-aof');
  const { status, stdout } = spawnSync(mender, ['--fix', manifest], { input: 'y\n', encoding: 'utf8' });
  if (status !== 0) throw new Error(`${mender}: ${stdout}`);
}

/** What the server says to a command; nothing when it says nothing. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(1_000, () => end(''));
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.once('data', (text) => end(text.toString()));
    socket.once('error', () => end(''));
  });
}
