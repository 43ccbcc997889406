/** Faults of whole processes: killed, stopped, frozen, and their power cut. */
import { powerCutEnv, powerCutExitCode, powerCutMissing, powerCutSignal } from '../support/power-cut.js';
import type { Fault } from './chaos-stage.js';

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
  prepare: (dataDirectory) => ({ server: { env: powerCutEnv(dataDirectory) } }),
  inflict: async ({ server, wait }) => {
    process.kill(server.pid, powerCutSignal);
    const end = await Promise.race([server.ended, wait(endMsMax)]);
    if (typeof end !== 'object' || end.code !== powerCutExitCode)
      throw new Error(`the power cut did not end the node: ${JSON.stringify(end)}`);
    return /(\d+ unsynced bytes) lost/.exec(server.output)?.[1];
  },
};

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
  killRedis,
  killBoth,
  freezeRedis,
];
