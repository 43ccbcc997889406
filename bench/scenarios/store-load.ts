/**
 * `node dist/bench/scenarios/store-load.js`: a synthetic load on a store, without gateway and actors. Prints commands per
 * second, latencies, bytes written per command and flushes. The load runs in worker threads of a process of its own, under
 * strace where it is installed, which counts the flushes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { partitionsWhenCreated } from '../../ops/shard-count.js';
import { systemClock } from '../../ops/system-clock.js';
import { openStore } from '../../persistence/open-store.js';
import { RedisServer } from '../../test/support/redis-server.js';
import { probeDisk } from '../disk-probe.js';
import { countFlushes, flushTraceWrapper } from '../flush-trace.js';
import { type RedisUse, readRedis, redisUse, serverArguments } from '../redis-figures.js';
import { bucketMs, latencyBuckets, type ThreadResult, type ThreadWork } from './store-load-work.js';

const usage = `node dist/bench/scenarios/store-load.js [options]
  --seconds N      measured after the warm-up (10)      --warm-up N     seconds before that (3)
  --partitions N   of the store (8 per thread)          --threads N     that share them (1)
  --rate N         commands/s in all, open loop         --in-flight N   commands under way per thread, closed loop (256)
  --groups N       groups in flight per thread (2)      --group N       commands of a group at most (4096)
  --actors N       (100000)
  --tables         sweep the tables beside it           --buckets N     per sweep (64)   --period N  ms of a sweep (1000)
  --slice N        rows of a slice (500)                --phases N      of the partitions' slices (4)
  --no-sync        no flushes                           --no-trace      do not count flushes
  --data DIR       where the temporary directory is made
  --store S        embedded (the default), redis (a server of its own) or redis://host:port/db`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '3' },
    partitions: { type: 'string' },
    threads: { type: 'string', default: '1' },
    rate: { type: 'string' },
    'in-flight': { type: 'string', default: '256' },
    groups: { type: 'string', default: '2' },
    group: { type: 'string', default: '4096' },
    actors: { type: 'string', default: '100000' },
    tables: { type: 'boolean', default: false },
    buckets: { type: 'string', default: '64' },
    period: { type: 'string', default: '1000' },
    slice: { type: 'string', default: '500' },
    phases: { type: 'string', default: '4' },
    'no-sync': { type: 'boolean', default: false },
    'no-trace': { type: 'boolean', default: false },
    data: { type: 'string', default: tmpdir() },
    store: { type: 'string', default: 'embedded' },
    child: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface RunFigures {
  readonly threads: readonly Omit<ThreadResult, 'latencies' | 'appendLatencies'>[];
  readonly commandMs: readonly number[];
  readonly appendMs: readonly number[];
  readonly commands: number;
  readonly groups: number;
  readonly entries: number;
  readonly seconds: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly writtenBytes: number;
  readonly cpuPercent: number;
  readonly redis: Pick<RedisUse, 'cpuPercent' | 'cpuSeconds' | 'grownBytes'> | undefined;
}

const percentiles = [0.5, 0.99, 0.999, 1];

if (values.help) console.log(usage);
else if (values.child === undefined) await main();
else await measure(values.child);

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(values.data, 'troupe-store-load-'));
  let redis: RedisServer | undefined;
  try {
    const disk = probeDisk(directory);
    if (values.store === 'redis') {
      const place = path.join(directory, 'redis');
      mkdirSync(place);
      const sync = values['no-sync'] ? ['--appendfsync', 'no'] : [];
      redis = await RedisServer.start({ directory: place, args: [...serverArguments, ...sync] });
    }
    const trace = path.join(directory, 'flushes');
    const isTraced = !values['no-trace'] && spawnSync('strace', ['-V']).status === 0;
    const command = [...(isTraced ? flushTraceWrapper(trace) : []), process.execPath];
    const self = fileURLToPath(import.meta.url);
    const child = spawn(
      command[0] as string,
      [
        ...command.slice(1),
        self,
        ...process.argv.slice(2),
        ...(redis === undefined ? [] : ['--store', redis.url]),
        '--child',
        directory,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const figures = await output(child);
    const flushes = isTraced ? countFlushes(trace, figures.fromMs, figures.toMs) : undefined;
    print(figures, flushes, `fsync p50 ${disk.fsyncP50Ms.toFixed(2)} ms on ${disk.fileSystem}`);
  } finally {
    await redis?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function output(child: ChildProcess): Promise<RunFigures> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the load ended with ${code}`);
  // Printed by `measure` below.
  return JSON.parse(text) as RunFigures;
}

/** In the child: runs the threads and prints what they saw. */
async function measure(directory: string): Promise<void> {
  const [seconds, warmUp] = [Number(values.seconds), Number(values['warm-up'])];
  const partitionCount = partitionsAsked();
  const durability = values['no-sync'] ? 'none' : 'disk';
  const isRedis = /^rediss?:/.test(values.store);
  const storeUrl = isRedis ? values.store : `embedded:${path.join(directory, 'store')}`;
  const store = await openStore(storeUrl, { partitionCount, durability, clock: systemClock });
  const threads = await Promise.all(works(storeUrl).map(openThread));
  const running = threads.map(runThread);
  await delay(warmUp * 1_000);
  const redisBefore = isRedis ? await readRedis(storeUrl) : undefined;
  const before = { atMs: Date.now(), written: writtenBytes(), cpu: process.cpuUsage() };
  await delay(seconds * 1_000);
  const cpu = process.cpuUsage(before.cpu);
  const [toMs, written] = [Date.now(), writtenBytes()];
  const redis = redisBefore && redisUse(redisBefore, await readRedis(storeUrl), seconds);
  const results = await Promise.all(running);
  await store.close();
  const figures: RunFigures = {
    threads: results.map(({ latencies: _, appendLatencies: __, ...rest }) => rest),
    commandMs: summarise(results.map(({ latencies }) => latencies)),
    appendMs: summarise(results.map(({ appendLatencies }) => appendLatencies)),
    commands: sum(results.map(({ commands }) => commands)),
    groups: sum(results.map(({ groups }) => groups)),
    entries: sum(results.map(({ entries }) => entries)),
    seconds,
    fromMs: before.atMs,
    toMs,
    writtenBytes: written - before.written,
    redis: redis && {
      cpuPercent: redis.cpuPercent,
      cpuSeconds: redis.cpuSeconds,
      grownBytes: redis.grownBytes,
    },
    cpuPercent: (cpu.user + cpu.system) / 10_000 / ((toMs - before.atMs) / 1_000),
  };
  console.log(JSON.stringify(figures));
}

function partitionsAsked(): number {
  const { partitions, threads } = values;
  return partitions === undefined ? partitionsWhenCreated(Number(threads)) : Number(partitions);
}

function works(storeUrl: string): ThreadWork[] {
  const threadCount = Number(values.threads);
  const partitionCount = partitionsAsked();
  const all = Array.from({ length: partitionCount }, (_, partition) => partition);
  return Array.from({ length: threadCount }, (_, thread) => ({
    storeUrl,
    durability: values['no-sync'] ? 'none' : 'disk',
    partitionCount,
    partitions: all.filter((partition) => partition % threadCount === thread),
    actors: Math.floor(Number(values.actors) / threadCount),
    rate: values.rate === undefined ? undefined : Number(values.rate) / threadCount,
    inFlight: Number(values['in-flight']),
    groupsMax: Number(values.groups),
    groupCommandsMax: Number(values.group),
    warmUpMs: Number(values['warm-up']) * 1_000,
    measureMs: Number(values.seconds) * 1_000,
    sweep: values.tables
      ? {
          buckets: Number(values.buckets),
          periodMs: Number(values.period),
          slicePutsMax: Number(values.slice),
          phases: Number(values.phases),
        }
      : undefined,
  }));
}

function openThread(work: ThreadWork): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./store-load-thread.js', import.meta.url), {
      workerData: work,
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    });
    worker.once('message', () => resolve(worker));
    worker.once('error', reject);
  });
}

function runThread(worker: Worker): Promise<ThreadResult> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.postMessage('run');
  });
}

/**
 * What this process handed to the kernel in write calls; LMDB writes whole pages. Not `write_bytes`: where the page cache uses large
 * folios the kernel counts the whole folio for each page (Linux 6.18, ext4: 15.5 KB per command where the disk saw 3.2).
 */
function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
}

/** The percentiles, each the upper edge of its bucket. */
function summarise(latencies: readonly Uint32Array[]): number[] {
  return percentiles.map((share) => percentile(latencies, share));
}

function percentile(latencies: readonly Uint32Array[], share: number): number {
  const total = sum(latencies.map((counts) => counts.reduce((all, count) => all + count, 0)));
  let seen = 0;
  for (let bucket = 0; bucket < latencyBuckets; bucket++) {
    for (const counts of latencies) seen += counts[bucket] ?? 0;
    if (seen >= total * share && seen > 0) return (bucket + 1) * bucketMs;
  }
  return 0;
}

function print(figures: RunFigures, flushes: number | undefined, disk: string): void {
  const { commands, groups, entries, seconds } = figures;
  const text = (ms: readonly number[]): string => {
    const [p50, p99, p999, max] = ms.map((value) => value.toFixed(2));
    return `p50 ${p50}  p99 ${p99}  p99.9 ${p999}  max ${max} ms`;
  };
  const per = (count: number, of: number): string => (of === 0 ? '-' : (count / of).toFixed(1));
  console.log(
    `machine      ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, ${disk}`,
  );
  console.log(
    `commands     ${Math.round(commands / seconds)} /s, ${per(commands, groups)} per group, ${per(entries, groups)} entries per group`,
  );
  console.log(`command      ${text(figures.commandMs)}, from when it was due`);
  console.log(`append       ${text(figures.appendMs)}, of a group`);
  console.log(`written      ${Math.round(figures.writtenBytes / commands)} bytes per command`);
  console.log(
    `flushes      ${flushes === undefined ? 'not counted' : `${flushes}, ${per(flushes, groups)} per group`}`,
  );
  console.log(`processor    ${figures.cpuPercent.toFixed(0)} % of one core`);
  const waiting = Math.max(...figures.threads.map(({ waitingMax }) => waitingMax));
  console.log(`waiting      ${waiting} commands at most`);
  if (figures.redis !== undefined) {
    const { cpuPercent, cpuSeconds, grownBytes } = figures.redis;
    const cpu = ((cpuSeconds / commands) * 1e6).toFixed(2);
    console.log(
      `redis        ${cpuPercent.toFixed(0)} % of one core, ${cpu} µs and ${Math.round(grownBytes / commands)} bytes of memory per command`,
    );
  }
  if (!values.tables) return;
  const lateness = Math.max(...figures.threads.map(({ latenessMaxMs }) => latenessMaxMs));
  const rows = sum(figures.threads.map((thread) => thread.rows));
  const sweeps = sum(figures.threads.map((thread) => thread.sweeps));
  console.log(
    `tables       ${Math.round(rows / seconds)} rows/s, ${sweeps} sweeps of a partition, ${lateness.toFixed(1)} ms late at most`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
