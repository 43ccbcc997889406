/**
 * Sagas that wait on their timers, then all fall due at once: what they cost while they wait, and what commands notice of
 * them when a restart finds them due.
 *
 *     start them ──> (idle) ──> kill -9 ──> all due ──> start again ──> (commands at a steady rate) ──> the same, calm
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUpWidth } from './bank-accounts.js';
import { HttpClient, inParallel } from './http-client.js';
import type { HttpAnswer } from './http-connection.js';
import { requestText } from './http-request.js';
import { LoadGenerator, type LoadResult, type Workload } from './load-generator.js';
import { readMetrics, threadSeconds, workingPid } from './server-figures.js';
import { ServerProcess } from './server-process.js';
import { sleeper } from './timer-app.js';

export interface TimerStormOptions {
  readonly sagas: number;
  /** Without a request, to see what waiting costs. */
  readonly idleSeconds: number;
  /** Of each of the two loads. */
  readonly seconds: number;
  /** Commands per second. */
  readonly rate: number;
  /** Where the temporary directory is made. */
  readonly dataParent?: string;
}

export interface TimerStormReport {
  readonly sagas: number;
  readonly timersWaiting: number;
  /** Processor use while they wait, 100 % being one core. */
  readonly idlePercent: { readonly gateway: number; readonly otherThreads: number };
  readonly readyMs: number;
  /** When the first load is over. */
  readonly completed: number;
  readonly storm: LoadResult;
  readonly calm: LoadResult;
}

const app = fileURLToPath(new URL('./timer-app.js', import.meta.url));
/** The sagas are told beforehand until when to sleep: long enough for all to be started by then. */
const startsPerSecond = 4_000;
const marginMs = 5_000;
const sweptPollMs = 100;
const bells = 64;
const connections = 32;

/** Rejects when the run could not be done; sagas that are not through are part of the report. */
export async function runTimerStorm(
  options: TimerStormOptions,
  phase: (name: string) => void,
): Promise<TimerStormReport> {
  const directory = mkdtempSync(path.join(options.dataParent ?? tmpdir(), 'troupe-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const start = { dataDirectory: path.join(directory, 'data'), args: ['--app', app, '--log-level', 'warn'] };
  let server = await ServerProcess.start(start);
  try {
    const token = await server.token('bench', 'bench');
    const startedMs = marginMs + (options.sagas / startsPerSecond) * 1_000;
    const until = Math.ceil(Date.now() + startedMs + options.idleSeconds * 1_000);
    phase('starting the sagas');
    const waiting = await startAndWait(server, token, options, until);
    await server.kill();
    await pause(until - Date.now());
    phase('starting again, all of them due');
    server = await ServerProcess.start(start);
    const storm = await load(server, token, options);
    const client = new HttpClient(server.endpoint, 1);
    const completed = (await readMetrics(client)).get('sagas_total') ?? 0;
    client.close();
    phase('the same without them');
    const calm = await load(server, token, options);
    return { sagas: options.sagas, ...waiting, readyMs: server.startMs, completed, storm, calm };
  } finally {
    await server.stop();
    remove();
    process.off('exit', remove);
  }
}

/** What they cost while nothing else happens. */
async function startAndWait(
  server: ServerProcess,
  token: string,
  { sagas, idleSeconds }: TimerStormOptions,
  until: number,
): Promise<Pick<TimerStormReport, 'timersWaiting' | 'idlePercent'>> {
  const client = new HttpClient(server.endpoint, setUpWidth);
  try {
    await inParallel(sagas, setUpWidth, async (index) => {
      const address = `/api/v1/actors/${sleeper.name}/s${index}/start`;
      const body = JSON.stringify({ until });
      const parts = { method: 'POST', path: address, token, body, idempotencyKey: `s${index}` } as const;
      const answer = await client.insist(parts);
      if (answer.status >= 300) throw new Error(`starting a saga: ${answer.status} ${answer.body}`);
    });
    let metrics = await readMetrics(client);
    while ((metrics.get('troupe_table_lag_entries') ?? 0) > 0) {
      await pause(sweptPollMs);
      metrics = await readMetrics(client);
    }
    // Reading the metrics counts the open sagas, which is no idling: only the processor is looked at from here on.
    const pid = workingPid(server.pid);
    const first = threadSeconds(pid);
    await pause(idleSeconds * 1_000);
    const last = threadSeconds(pid);
    if (Date.now() > until) throw new Error('the first fell due before all were started: start fewer');
    const percent = (seconds: number) => (seconds / idleSeconds) * 100;
    return {
      timersWaiting: metrics.get('troupe_timers') ?? 0,
      idlePercent: {
        gateway: percent(last.main - first.main),
        otherThreads: percent(last.others - first.others),
      },
    };
  } finally {
    client.close();
  }
}

export function timerStormText(report: TimerStormReport): string {
  const { sagas, timersWaiting, idlePercent, readyMs, completed, storm, calm } = report;
  const { gateway, otherThreads } = idlePercent;
  return [
    `waiting      ${timersWaiting} timers: gateway ${gateway.toFixed(1)} %, shards and store ${otherThreads.toFixed(1)} % of one core`,
    `restart      ready after ${readyMs.toFixed(0)} ms; ${completed} of ${sagas} sagas through`,
    `meanwhile    ${loadText(storm)}`,
    `afterwards   ${loadText(calm)}`,
  ].join('\n');
}

function loadText({ done, rate, latency, errorCount }: LoadResult): string {
  const [p50, p99, p999, max] = [latency.p50Ms, latency.p99Ms, latency.p999Ms, latency.maxMs].map((ms) =>
    ms.toFixed(1),
  );
  return `${done} commands at ${rate.toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms, max ${max} ms, ${errorCount} errors`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

function load(
  server: ServerProcess,
  token: string,
  { rate, seconds }: TimerStormOptions,
): Promise<LoadResult> {
  const plan = { connections, warmUpSeconds: 0, seconds, rate, schedule: 'poisson', seed: 1 } as const;
  const listener = { measuring: () => undefined, measured: () => undefined, second: () => undefined };
  const requests = Array.from({ length: bells }, (_, index) =>
    Buffer.from(
      requestText(server.endpoint, {
        method: 'POST',
        path: `/api/v1/actors/bell/b${index}/ring`,
        token,
        body: '{}',
      }),
    ),
  );
  return new LoadGenerator(server.endpoint, new Rings(requests), plan, listener).run();
}

class Rings implements Workload<number> {
  readonly #requests: readonly Buffer[];
  #next = 0;

  constructor(requests: readonly Buffer[]) {
    this.#requests = requests;
  }

  next(): number {
    return this.#next++ % this.#requests.length;
  }

  encode(bell: number): Buffer {
    return this.#requests[bell] as Buffer;
  }

  answered(_bell: number, { status }: HttpAnswer): string | undefined {
    return status === 200 ? undefined : String(status);
  }

  lost(): void {}
}
