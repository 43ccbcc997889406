/** Faults of the disk, put into the system calls of a running process with strace; and bytes that changed while nobody looked. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, cpSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { ServerProcess } from '../../bench/server-process.js';
import type { ChaosStage, Fault } from './chaos-stage.js';

const attachMs = 400;
const endMsMax = 20_000;
const restMs = 500;

const straceMissing = (): string | undefined =>
  spawnSync('strace', ['-V']).status === 0 && process.getuid?.() === 0
    ? undefined
    : 'needs root and strace on the PATH';

/** LMDB, behind the write-ahead files, cannot flush. */
const flushFails: Fault = {
  name: 'fdatasync fails in the node',
  stores: ['embedded'],
  missing: straceMissing,
  inflict: (stage) => endsAtOnce(stage, 'fdatasync,fsync:error=EIO:when=3+'),
};

/** Nothing else is written by `pwritev`: LMDB writes its pages by others. */
const synchronousWriteFails: Fault = {
  name: 'a synchronous write fails in the node',
  stores: ['embedded'],
  missing: straceMissing,
  inflict: (stage) => endsAtOnce(stage, 'pwritev:error=EIO:when=3+'),
};

/**
 * The process must end by itself: what a failed flush or write covered can be trusted by nobody who has seen it. And at once: an orderly
 * exit may wait for a lock of LMDB's that a failed write still holds.
 */
async function endsAtOnce({ server, wait }: ChaosStage, what: string): Promise<undefined> {
  const tracer = injected(server.pid, what);
  try {
    const end = await Promise.race([server.ended, wait(endMsMax)]);
    if (typeof end !== 'object') throw new Error('the node went on although its disk fails');
    if (end.signal !== 'SIGKILL')
      throw new Error(`the node ended with ${end.signal ?? end.code}, not at once`);
  } finally {
    await released(tracer);
  }
}

const redisFlushFails: Fault = {
  name: 'fdatasync fails in Redis',
  stores: ['redis'],
  missing: straceMissing,
  inflict: async ({ redis, wait }) => {
    if (redis === undefined) return;
    const tracer = injected(redis.pid, 'fdatasync,fsync:error=EIO:when=3+');
    for (let waited = 0; redis.isRunning && waited < endMsMax; waited += 50) await wait(50);
    await released(tracer);
    if (redis.isRunning) throw new Error('Redis went on although its disk cannot flush');
    await redis.start();
    return undefined;
  },
};

/** Writes fail with ENOSPC for a while; the node refuses, and goes on or ends. */
const noSpace: Fault = {
  name: 'no space left on the disk',
  stores: ['embedded'],
  missing: straceMissing,
  inflict: async ({ server, wait, random }) => {
    const tracer = injected(server.pid, 'pwrite64,pwritev,writev:error=ENOSPC:when=5+');
    await wait(attachMs + random() * 1_500);
    await released(tracer);
    return undefined;
  },
};

const slowDisk: Fault = {
  name: 'a disk that takes its time',
  stores: ['embedded'],
  missing: straceMissing,
  inflict: async ({ server, wait, random }) => {
    const delayUs = Math.round(50_000 + random() * 1_000_000);
    const tracer = injected(server.pid, `fdatasync,fsync,pwritev:delay_exit=${delayUs}`);
    await wait(attachMs + random() * 2_000);
    await released(tracer);
    return undefined;
  },
};

/** A bit of the data changed: whoever starts on it refuses, or ends, or serves exactly what stood there (I20). */
const bitRot: Fault = {
  name: 'a flipped bit in the data',
  stores: ['embedded'],
  inflict: (stage) => rotten(stage, stage.dataDirectory),
};

const bitRotInRedis: Fault = {
  name: 'a flipped bit in the data of Redis',
  stores: ['redis'],
  inflict: (stage) => rotten(stage, stage.redis?.directory ?? ''),
};

async function rotten(stage: ChaosStage, directory: string): Promise<string> {
  const { dataDirectory, redis } = stage;
  // What a node remembers beside Redis has to go with what is in it.
  const directories = redis === undefined ? [dataDirectory] : [dataDirectory, redis.directory];
  const restore = async (): Promise<void> => {
    await redis?.kill();
    for (const each of directories) {
      rmSync(each, { recursive: true });
      cpSync(`${each}.copy`, each, { recursive: true });
    }
  };
  await stage.server.kill();
  const sound = await readAll(stage, atRest);
  if (typeof sound === 'string') throw new Error(`sound data are not served: ${sound}`);
  await redis?.kill();
  for (const each of directories) cpSync(each, `${each}.copy`, { recursive: true });
  const place = flipBit(stage, directory);
  const damaged = await readAll(stage, (server) => stage.readAll(server));
  for (const [index, text] of typeof damaged === 'string' ? [] : damaged.entries()) {
    if (!text.startsWith('5') && text !== sound[index])
      throw new Error(`a flipped bit in ${place} was served: ${text}, sound is ${sound[index]}`);
  }
  // It goes on with the data that are right.
  await restore();
  for (const each of directories) rmSync(`${each}.copy`, { recursive: true });
  await redis?.start();
  return typeof damaged === 'string' ? 'it refused to serve' : 'it served what was right';
}

export const diskFaults: readonly Fault[] = [
  flushFails,
  synchronousWriteFails,
  redisFlushFails,
  noSpace,
  slowDisk,
  bitRot,
  bitRotInRedis,
];

function injected(pid: number, what: string): ChildProcess {
  const [calls = ''] = what.split(':');
  return spawn(
    'strace',
    ['-f', '-q', '-o', '/dev/null', '-p', String(pid), '-e', `trace=${calls}`, '-e', `inject=${what}`],
    {
      stdio: 'ignore',
    },
  );
}

/** SIGINT lets the traced process go on by itself. */
async function released(tracer: ChildProcess): Promise<void> {
  if (tracer.exitCode !== null || tracer.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => tracer.once('exit', () => resolve()));
  tracer.kill('SIGINT');
  await ended;
}

/**
 * Returns where. Not in a write-ahead file: a record with a flipped bit is where such a file ends, as if it had been cut short there, and
 * what was acknowledged behind it is gone.
 */
function flipBit({ random }: ChaosStage, directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(mdb|aof|rdb)$/.test(name) || name.includes('data'))
    .map((name) => path.join(directory, name))
    .filter((name) => statSync(name).isFile() && statSync(name).size > 0);
  const file = files[Math.floor(random() * files.length)];
  if (file === undefined) throw new Error(`no data in ${directory}`);
  const place = Math.floor(random() * statSync(file).size);
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, place);
  byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8));
  writeSync(descriptor, byte, 0, 1, place);
  closeSync(descriptor);
  return `${path.basename(file)} at ${place}`;
}

type Reading = (server: ServerProcess, stage: ChaosStage) => Promise<readonly string[]>;

/** What a server on the data says of every account; why it does not serve, otherwise. */
async function readAll(stage: ChaosStage, read: Reading): Promise<readonly string[] | string> {
  const { dataDirectory, redis, proxy } = stage;
  const store = proxy === undefined ? 'embedded' : `redis://127.0.0.1:${proxy.port}/0`;
  let server: ServerProcess | undefined;
  try {
    if (redis?.isRunning === false) await redis.start();
    server = await ServerProcess.start({ dataDirectory, args: ['--log-level', 'error', '--store', store] });
    return await read(server, stage);
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  } finally {
    await server?.kill();
  }
}

/** Once the transfers that were under way have ended: each start would end them at another time. */
const atRest: Reading = async (server, stage) => {
  let last = '';
  for (;;) {
    const said = await stage.readAll(server);
    if (said.join() === last) {
      await server.stop();
      return said;
    }
    last = said.join();
    await stage.wait(restMs);
  }
};
