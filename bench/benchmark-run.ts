/**
 * One benchmark from beginning to end: a fresh server on a temporary directory (or a running one), the disk's flush
 * time, the load process, readings at both ends of the measured window, the books.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { RedisServer } from '../test/support/redis-server.js';
import type { BenchmarkOptions } from './benchmark-options.js';
import { type DiskFigures, probeDisk } from './disk-probe.js';
import { countFlushes, flushTraceWrapper } from './flush-trace.js';
import { HttpClient } from './http-client.js';
import type { Endpoint } from './http-connection.js';
import { runLoad } from './load-child.js';
import type { LoadProgress, LoadResult } from './load-generator.js';
import type { LoadPhase } from './load-messages.js';
import { type RedisReading, type RedisUse, readRedis, redisUse, serverArguments } from './redis-figures.js';
import type { BooksReport } from './scenarios/scenario.js';
import { readServer, type ServerReading, workingPid } from './server-figures.js';
import { ServerProcess } from './server-process.js';
import { type StoreSize, storeSize } from './store-size.js';

/** Counts of the window, from the server's metrics; `undefined` where it does not export them. */
export interface WindowCounts {
  readonly commands: number | undefined;
  readonly events: number | undefined;
  readonly entries: number | undefined;
  readonly groups: number | undefined;
  readonly tableSlices: number | undefined;
  /** Mean time from sealing a group until it is durable. */
  readonly commitMs: number | undefined;
}

export interface BenchmarkReport {
  readonly options: BenchmarkOptions;
  readonly machine: string;
  readonly durability: string;
  readonly disk: DiskFigures | undefined;
  readonly load: LoadResult;
  readonly books: BooksReport;
  readonly counts: WindowCounts;
  /** Flushes in the window, counted by strace. */
  readonly flushes: number | undefined;
  /** Processor use in the window, 100 % being one core. */
  readonly cpuPercent: {
    readonly gateway: number;
    readonly otherThreads: number;
    readonly generator: number;
  };
  readonly residentBytes: number;
  readonly writtenBytesPerCommand: number;
  /** With a Redis store. */
  readonly redis: RedisUse | undefined;
  /** Before the first account and after the last; undefined for a server that somebody else started. */
  readonly opening: Opening | undefined;
  readonly readyMs: number | undefined;
}

/** What opening the accounts took, and what they take while nobody uses them. */
export interface Opening {
  readonly seconds: number;
  readonly residentBytesBefore: number;
  readonly residentBytes: number;
  /** The part of it that is no page of a file. */
  readonly anonymousBytes: number;
  readonly residentActors: number | undefined;
  readonly store: StoreSize | undefined;
}

export interface BenchmarkListener {
  readonly phase: (phase: LoadPhase | 'starting the server' | 'stopping the server') => void;
  readonly second: (progress: LoadProgress) => void;
}

interface Target {
  readonly endpoint: Endpoint;
  readonly token: string;
  readonly server: ServerProcess | undefined;
  readonly disk: DiskFigures | undefined;
  readonly traceFile: string | undefined;
  readonly durability: string;
  readonly redisUrl: string | undefined;
}

/** Rejects when the run could not be done; books that do not balance are part of the report. */
export async function runBenchmark(
  options: BenchmarkOptions,
  listener: BenchmarkListener,
): Promise<BenchmarkReport> {
  if (options.url !== undefined)
    return await measure(options, listener, foreignServer(options.url, options.token));
  mkdirSync(options.dataParent ?? tmpdir(), { recursive: true });
  const directory = mkdtempSync(path.join(options.dataParent ?? tmpdir(), 'troupe-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  let server: ServerProcess | undefined;
  let redis: RedisServer | undefined;
  try {
    listener.phase('starting the server');
    if (options.store === 'redis')
      redis = await RedisServer.start({ directory: made(directory, 'redis'), args: serverArguments });
    const target = await freshServer({ ...options, store: redis?.url ?? options.store }, directory);
    server = target.server;
    return await measure(options, listener, target);
  } finally {
    listener.phase('stopping the server');
    await server?.stop();
    await redis?.stop();
    remove();
    process.off('exit', remove);
  }
}

function made(parent: string, name: string): string {
  const directory = path.join(parent, name);
  mkdirSync(directory);
  return directory;
}

async function freshServer(options: BenchmarkOptions, directory: string): Promise<Target> {
  const disk = probeDisk(directory);
  const traceFile = options.strace ? path.join(directory, 'flushes.trace') : undefined;
  const args = ['--store', options.store, '--log-level', 'warn'];
  if (options.shards !== undefined) args.push('--shards', String(options.shards));
  const server = await ServerProcess.start({
    dataDirectory: path.join(directory, 'data'),
    args,
    ...(options.profile === undefined
      ? {}
      : { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${options.profile}`] }),
    ...(traceFile === undefined ? {} : { wrapper: flushTraceWrapper(traceFile) }),
  });
  const token = await server.token('bench', 'bench');
  return {
    endpoint: server.endpoint,
    token,
    server,
    disk,
    traceFile,
    durability: 'disk (flushed before every answer)',
    redisUrl: /^rediss?:/.test(options.store) ? options.store : undefined,
  };
}

function foreignServer(url: string, token: string | undefined): Target {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== 'http:') throw new Error('--url must be http://host:port');
  if (token === undefined) throw new Error('--url needs a token of role bench: --token or TROUPE_TOKEN');
  const endpoint = { host: hostname, port: Number(port === '' ? 80 : port) };
  return {
    endpoint,
    token,
    server: undefined,
    disk: undefined,
    traceFile: undefined,
    durability: 'as the server has it',
    redisUrl: undefined,
  };
}

async function measure(
  options: BenchmarkOptions,
  listener: BenchmarkListener,
  target: Target,
): Promise<BenchmarkReport> {
  const { server } = target;
  const client = new HttpClient(target.endpoint, 1);
  const pid = server === undefined ? undefined : workingPid(server.pid);
  const readings = new Map<LoadPhase, { readonly atMs: number; readonly reading: Promise<ServerReading> }>();
  let store: StoreSize | undefined;
  const redis = new Map<LoadPhase, Promise<RedisReading>>();
  try {
    const { result, books } = await runLoad(orderOf(options, target), {
      phase: (phase) => {
        readings.set(phase, { atMs: Date.now(), reading: readServer(client, pid) });
        if (target.redisUrl !== undefined) redis.set(phase, readRedis(target.redisUrl));
        if (phase === 'warm-up' && server !== undefined) store = storeSize(server.dataDirectory);
        listener.phase(phase);
      },
      second: listener.second,
    });
    const [empty, opened] = [readings.get('opening accounts'), readings.get('warm-up')];
    const [first, last] = [readings.get('measuring'), readings.get('draining')];
    if (first === undefined || last === undefined) throw new Error('the run ended before its window began');
    const windowed = { before: await first.reading, after: await last.reading, seconds: options.seconds };
    const opening =
      empty === undefined || opened === undefined || pid === undefined
        ? undefined
        : openingOf(await empty.reading, await opened.reading, (opened.atMs - empty.atMs) / 1_000, store);
    const flushes =
      target.traceFile === undefined ? undefined : countFlushes(target.traceFile, first.atMs, last.atMs);
    const [redisFirst, redisLast] = [await redis.get('measuring'), await redis.get('draining')];
    const redisUsed =
      redisFirst === undefined || redisLast === undefined
        ? undefined
        : redisUse(redisFirst, redisLast, options.seconds);
    return report(options, target, { result, books, flushes, opening, redis: redisUsed, ...windowed });
  } finally {
    client.close();
  }
}

function openingOf(
  before: ServerReading,
  after: ServerReading,
  seconds: number,
  store: StoreSize | undefined,
): Opening {
  return {
    seconds,
    residentBytesBefore: before.residentBytes,
    residentBytes: after.residentBytes,
    anonymousBytes: after.anonymousBytes,
    residentActors: after.metrics.get('troupe_resident_actors'),
    store,
  };
}

function orderOf(options: BenchmarkOptions, target: Target) {
  const { scenario, accounts, hot, keys, connections, seed, warmUpSeconds, seconds, rate, schedule } =
    options;
  const run = Date.now().toString(36);
  return {
    endpoint: target.endpoint,
    scenario: { name: scenario, accounts, hot, keys, connections, token: target.token, seed, run },
    plan: { connections, warmUpSeconds, seconds, schedule, seed, ...(rate === undefined ? {} : { rate }) },
  };
}

interface Measured {
  readonly result: LoadResult;
  readonly books: BooksReport;
  readonly flushes: number | undefined;
  readonly opening: Opening | undefined;
  readonly redis: RedisUse | undefined;
  readonly before: ServerReading;
  readonly after: ServerReading;
  readonly seconds: number;
}

function report(options: BenchmarkOptions, target: Target, measured: Measured): BenchmarkReport {
  const { result, books, flushes, opening, redis, before, after, seconds } = measured;
  const percent = (used: number) => (used / seconds) * 100;
  return {
    options: { ...options, ...(options.token === undefined ? {} : { token: 'hidden' }) },
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`,
    durability: target.durability,
    disk: target.disk,
    load: result,
    books,
    counts: windowCounts(before, after),
    flushes,
    cpuPercent: {
      gateway: percent(after.mainThreadSeconds - before.mainThreadSeconds),
      otherThreads: percent(after.otherThreadsSeconds - before.otherThreadsSeconds),
      generator: percent(result.cpuSeconds),
    },
    residentBytes: after.residentBytes,
    writtenBytesPerCommand: result.done === 0 ? 0 : (after.writtenBytes - before.writtenBytes) / result.done,
    opening,
    redis,
    readyMs: target.server?.startMs,
  };
}

function windowCounts(before: ServerReading, after: ServerReading): WindowCounts {
  const difference = (name: string): number | undefined => {
    const last = after.metrics.get(name);
    return last === undefined ? undefined : last - (before.metrics.get(name) ?? 0);
  };
  const commitSeconds = difference('troupe_commit_latency_seconds_sum');
  const commits = difference('troupe_commit_latency_seconds_count');
  return {
    commitMs: commitSeconds === undefined || !commits ? undefined : (commitSeconds / commits) * 1_000,
    commands: difference('troupe_commands_total'),
    events: difference('troupe_events_total'),
    entries: difference('troupe_entries_total'),
    groups: difference('troupe_groups_total'),
    tableSlices: difference('troupe_table_slices_total'),
  };
}
