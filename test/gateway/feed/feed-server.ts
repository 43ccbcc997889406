/**
 * A gateway on a real socket over a real system in this process: counters, in memory, with the bounds a test needs.
 */
import type { ActorCall } from '../../../actors/model/call.js';
import type { Module } from '../../../actors/model/module.js';
import { mintToken } from '../../../gateway/authentication.js';
import { createGateway, type Gateway, type GatewaySettings } from '../../../gateway/gateway.js';
import { createUwsTransport } from '../../../gateway/uws-server.js';
import { systemClock, systemRandom } from '../../../ops/system-clock.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import type { Store } from '../../../persistence/store.js';
import type { ActorAnswer } from '../../../runtime/actor-client.js';
import { ActorSystem } from '../../../runtime/actor-system.js';
import { inThreadShards } from '../../../runtime/in-thread-shards.js';
import type { Limits } from '../../../runtime/limits.js';
import { counterModule } from '../../support/counter-module.js';
import { EventStreamClient } from '../../support/event-stream-client.js';
import { type RawResponse, type RequestParts, requestOnce } from '../../support/http-client.js';
import type { TestScope } from '../../support/server.js';
import { somebody } from '../../support/test-system.js';

const tokenKey = Buffer.alloc(32, 7);

export interface FeedServerOptions {
  /** Default: counters. */
  readonly modules?: readonly Module[];
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<GatewaySettings>;
  readonly shardCount?: number;
}

export class FeedServer {
  readonly system: ActorSystem;
  readonly store: Store;
  readonly gateway: Gateway;
  readonly port: number;
  readonly reported: readonly string[];
  #commandCount = 0;

  private constructor(parts: Pick<FeedServer, 'system' | 'store' | 'gateway' | 'port' | 'reported'>) {
    this.system = parts.system;
    this.store = parts.store;
    this.gateway = parts.gateway;
    this.port = parts.port;
    this.reported = parts.reported;
  }

  /** Closed when the test ends. */
  static async start(test: TestScope, options: FeedServerOptions = {}): Promise<FeedServer> {
    const modules = options.modules ?? [counterModule()];
    const store = createMemoryStore({ partitionCount: 4 });
    const reported: string[] = [];
    const report = (level: string, event: string): void => {
      reported.push(`${level} ${event}`);
    };
    const shared = { modules, store, clock: systemClock, random: systemRandom, report };
    const system = await ActorSystem.start({
      ...shared,
      shardCount: options.shardCount ?? 1,
      limits: { filterBytes: 65_536, ...options.limits },
      startShards: inThreadShards({ ...shared, onFatal: (code) => reported.push(`fatal ${code}`) }),
    });
    const gateway = createGateway({
      modules,
      client: system,
      feed: system.feed,
      transport: await createUwsTransport(),
      settings: {
        production: false,
        tokenKey: { algorithm: 'HS256', key: tokenKey },
        fingerprintSecret: Buffer.alloc(32, 9),
        rates: false,
        ...options.settings,
      },
      callbacks: {
        health: () => ({ live: true, ready: true, details: {} }),
        metricsText: () => Promise.resolve(''),
        onRequest: () => {},
      },
      clock: systemClock,
      report,
    });
    const port = await gateway.listen('127.0.0.1', 0);
    test.teardown(async () => {
      await gateway.close();
      await system.stop();
      await store.close();
    });
    return new FeedServer({ system, store, gateway, port, reported });
  }

  async token(user: string, role: string, lifetimeSeconds = 600): Promise<string> {
    const order = { key: tokenKey, user, roles: [role], lifetimeSeconds, nowMs: systemClock.now() };
    return `Bearer ${await mintToken(order)}`;
  }

  /** A GET, as an admin unless the headers say otherwise. */
  async get(path: string, headers: Record<string, string> = {}): Promise<RawResponse> {
    const authorization = headers.authorization ?? (await this.token('olga', 'admin'));
    const parts: RequestParts = { method: 'GET', path, headers: { ...headers, authorization } };
    return requestOnce(this.port, parts);
  }

  /** A stream, as an admin unless it says otherwise. */
  async stream(
    query: string,
    parts: { readonly authorization?: string; readonly lastEventId?: string; readonly path?: string } = {},
  ): Promise<EventStreamClient> {
    const authorization = parts.authorization ?? (await this.token('olga', 'admin'));
    const path = `${parts.path ?? '/api/v1/events/stream'}${query}`;
    return EventStreamClient.open({ port: this.port, ...parts, path, authorization });
  }

  /** Runs a command of a counter. Rejects unless it is done. */
  counter(id: string, command: string, payload: unknown): Promise<void> {
    return this.run({ type: 'command', kind: 'counter', id, command, payload });
  }

  async run(call: ActorCall): Promise<void> {
    const commandId = `c${String(++this.#commandCount).padStart(21, '0')}`;
    const answer = await new Promise<ActorAnswer>((resolve) => {
      this.system.submit({ call, caller: somebody, commandId }, resolve);
    });
    if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
  }
}
