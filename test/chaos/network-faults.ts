/** Faults of the way between the node and Redis. */
import type { Fault } from './chaos-stage.js';

const redisOnly = ['redis'] as const;

const reset: Fault = {
  name: 'connections reset',
  stores: redisOnly,
  inflict: async ({ proxy, wait, random }) => {
    proxy?.refuse();
    proxy?.reset();
    await wait(random() * 1_000);
    proxy?.refuse(false);
    return undefined;
  },
};

const cutInTheMiddle: Fault = {
  name: 'reset after byte k',
  stores: redisOnly,
  inflict: async ({ proxy, random, wait }) => {
    for (const connection of proxy?.connections ?? [])
      connection.resetAfter(random() < 0.5 ? 'up' : 'down', Math.floor(random() * 20_000));
    await wait(300);
    return undefined;
  },
};

const replyLost: Fault = {
  name: 'a reply swallowed',
  stores: redisOnly,
  inflict: async ({ proxy, random, wait }) => {
    for (const connection of proxy?.connections ?? [])
      connection.swallowReplyAfter(Math.floor(random() * 20));
    await wait(300);
    return undefined;
  },
};

const blackhole: Fault = {
  name: 'one way goes silent',
  stores: redisOnly,
  inflict: async ({ proxy, random, wait }) => {
    proxy?.blackhole(random() < 0.5 ? 'up' : 'down');
    await wait(500 + random() * 6_000);
    proxy?.reset();
    return undefined;
  },
};

const held: Fault = {
  name: 'bytes held back and delivered late',
  stores: redisOnly,
  inflict: async ({ proxy, random, wait }) => {
    const direction = random() < 0.5 ? 'up' : 'down';
    proxy?.hold(direction);
    await wait(50 + random() * 3_000);
    proxy?.release(direction);
    return undefined;
  },
};

const heldOverKill: Fault = {
  name: 'a write delivered after the node was killed',
  stores: redisOnly,
  inflict: async ({ proxy, server, wait }) => {
    proxy?.hold('up');
    await wait(50);
    await server.kill();
    await wait(50);
    proxy?.release('up');
    return undefined;
  },
};

export const networkFaults: readonly Fault[] = [
  reset,
  cutInTheMiddle,
  replyLost,
  blackhole,
  held,
  heldOverKill,
];
