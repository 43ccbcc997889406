/**
 * A real child process of a test: what it prints, when it ends, and that it does not outlive the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Program {
  readonly process: ChildProcess;
  readonly ended: Promise<ProgramEnd>;
  #stdout = '';
  #stderr = '';
  #onOutput = (): void => {};

  /** `script` is a path below the compiled root, such as `ops/cli.js`. */
  constructor(
    script: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ) {
    const file = fileURLToPath(new URL(`../../../${script}`, import.meta.url));
    this.process = spawn(process.execPath, [file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...options.env },
      cwd: options.cwd,
    });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString('utf8');
      this.#onOutput();
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString('utf8');
      this.#onOutput();
    });
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
        this.#onOutput();
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves with the match once stdout holds it; rejects when the program ends before. */
  async saying(wanted: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = wanted.exec(this.#stdout);
      if (match !== null) return match;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        await this.ended;
        const late = wanted.exec(this.#stdout);
        if (late !== null) return late;
        throw new Error(`ended without saying ${wanted}:\n${this.#stdout}\n${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.process.kill(signal);
  }

  /** For teardown: ends the program whatever it does. */
  async end(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
