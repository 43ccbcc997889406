/** Faults of whole processes: killed, stopped, frozen, and their power cut. */
import {
  lossIn,
  powerCutEnv,
  powerCutExitCode,
  powerCutMissing,
  powerCutSignal,
} from '../support/power-cut.js';
import type { ChaosStage, Fault } from './chaos-stage.js';

const both = ['embedded', 'redis'] as const;
const endMsMax = 15_000;

const killNode: Fault = {
  name: 'kill -9 of the node',
  stores: both,
  inflict: async ({ server }) => {
    await server.kill();
    return undefined;
  },
};

const stopNode: Fault = {
  name: 'SIGTERM to the node',
  stores: both,
  inflict: async ({ server }) => {
    const { code } = await server.stop();
    if (code !== 0) throw new Error(`a node that was told to stop ended with ${code}`);
    return undefined;
  },
};

const freezeNode: Fault = {
  name: 'SIGSTOP of the node',
  stores: both,
  inflict: async ({ server, random, wait }) => {
    process.kill(server.pid, 'SIGSTOP');
    await wait(100 + random() * 3_000);
    process.kill(server.pid, 'SIGCONT');
    return undefined;
  },
};

const powerCut: Fault = {
  name: 'power cut of the node',
  stores: ['embedded'],
  missing: powerCutMissing,
  prepare: ({ dataDirectory }) => ({ server: { env: powerCutEnv(dataDirectory) } }),
  inflict: (stage) => cutNode(stage),
};

const powerCutOfRedis: Fault = {
  name: 'power cut of Redis',
  stores: ['redis'],
  missing: powerCutMissing,
  prepare: ({ redis }) => ({ redis: { env: powerCutEnv(redis?.directory ?? '') } }),
  inflict: async (stage) => {
    const lost = await cutRedis(stage);
    await stage.wait(stage.random() * 1_000);
    await stage.redis?.start();
    return lost;
  },
};

/** Of the machine that both are on. */
const powerCutOfBoth: Fault = {
  name: 'power cut of Redis and the node',
  stores: ['redis'],
  missing: powerCutMissing,
  prepare: ({ dataDirectory, redis }) => ({
    server: { env: powerCutEnv(dataDirectory) },
    redis: { env: powerCutEnv(redis?.directory ?? '') },
  }),
  inflict: async (stage) => {
    const [ofRedis, ofNode] = await Promise.all([cutRedis(stage), cutNode(stage)]);
    await stage.redis?.start();
    return `${ofRedis} of Redis, ${ofNode} of the node`;
  },
};

async function cutNode({ server, wait }: ChaosStage): Promise<string | undefined> {
  process.kill(server.pid, powerCutSignal);
  const end = await Promise.race([server.ended, wait(endMsMax)]);
  if (typeof end !== 'object' || end.code !== powerCutExitCode)
    throw new Error(`the power cut did not end the node: ${JSON.stringify(end)}`);
  return lossIn(server.output);
}

async function cutRedis({ redis, wait }: ChaosStage): Promise<string | undefined> {
  if (redis === undefined) return undefined;
  process.kill(redis.pid, powerCutSignal);
  await Promise.race([redis.ended, wait(endMsMax)]);
  const lost = lossIn(redis.output);
  if (redis.isRunning || lost === undefined)
    throw new Error(`the power cut did not end Redis: ${redis.output}`);
  return lost;
}

const killRedis: Fault = {
  name: 'kill -9 of Redis',
  stores: ['redis'],
  inflict: async ({ redis, wait, random }) => {
    await redis?.kill();
    await wait(random() * 1_000);
    await redis?.start();
    return undefined;
  },
};

const killBoth: Fault = {
  name: 'kill -9 of Redis and the node',
  stores: ['redis'],
  inflict: async ({ redis, server }) => {
    await Promise.all([redis?.kill(), server.kill()]);
    await redis?.start();
    return undefined;
  },
};

const freezeRedis: Fault = {
  name: 'SIGSTOP of Redis',
  stores: ['redis'],
  inflict: async ({ redis, wait, random }) => {
    redis?.pause();
    await wait(100 + random() * 3_000);
    redis?.resume();
    return undefined;
  },
};

export const processFaults: readonly Fault[] = [
  killNode,
  stopNode,
  freezeNode,
  powerCut,
  powerCutOfRedis,
  powerCutOfBoth,
  killRedis,
  killBoth,
  freezeRedis,
];
