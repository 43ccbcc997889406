/** The gateway of a simulated node: the product's own, on the node's first thread, with callers who say who they are. */
import type { Caller } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import type { CallerSource } from '../../gateway/authentication.js';
import { createGateway, type Gateway } from '../../gateway/gateway.js';
import type { ActorSystem } from '../../runtime/actor-system.js';
import type { Report } from '../../runtime/clock.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedTransport } from './simulated-transport.js';
import type { ThreadClock } from './thread-clock.js';

export interface SimulatedGatewayParts {
  readonly modules: readonly Module[];
  readonly system: ActorSystem;
  readonly transport: SimulatedTransport;
  readonly clock: ThreadClock;
  readonly random: SeededRandom;
  readonly report: Report;
}

const secret = new Uint8Array(32);
/** Short, so that both come within a run. */
const streamTimes = { heartbeatMs: 150, stallMs: 500 };
const lifetimeMs = 3_000;

export async function simulatedGateway(parts: SimulatedGatewayParts): Promise<Gateway> {
  const { modules, system, transport, clock, random, report } = parts;
  const gateway = createGateway({
    modules,
    client: system,
    operations: system.operations,
    feed: system.feed,
    transport,
    settings: {
      production: false,
      tokenKey: { algorithm: 'HS256', key: secret },
      fingerprintSecret: secret,
      rates: false,
      streamTimes,
      streamsPerPrincipalMax: 1_000,
    },
    callbacks: {
      health: () => ({ live: true, ready: true, details: {} }),
      metricsText: async () => '',
      onRequest: () => undefined,
    },
    clock,
    random,
    report,
    callers,
  });
  await gateway.listen('simulated', 80);
  return gateway;
}

/** Tokens are verified by the platform, in its own time: here the field itself says who calls. */
const callers: CallerSource = {
  known: (authorization, nowMs) => ({
    caller: JSON.parse(authorization) as Caller,
    expiresAtMs: nowMs + lifetimeMs,
  }),
  verify: (_authorization, _nowMs, done) => done('token-invalid'),
};
