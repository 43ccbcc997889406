/**
 * A gateway over the jar module on a real server at 127.0.0.1, with tokens for it and everything it reported.
 */

import type { Module } from '../../actors/model/module.js';
import { mintToken } from '../../gateway/authentication.js';
import { createGateway, type Gateway, type GatewaySettings } from '../../gateway/gateway.js';
import { createUwsTransport } from '../../gateway/uws-server.js';
import { systemClock } from '../../ops/system-clock.js';
import type { Clock } from '../../runtime/clock.js';
import { HttpConnection, type RawResponse, type RequestParts, requestOnce } from '../support/http-client.js';
import { MemoryActors } from '../support/memory-actors.js';
import { jars } from './jar-module.js';

export const tokenSecret = Buffer.alloc(32, 7);

export interface ObservedRequest {
  readonly pattern: string;
  readonly method: string;
  readonly status: number;
}

/** A clock that a test moves; its timers are the machine's. */
export class MovableClock implements Clock {
  /** Of the wall clock. */
  shiftMs = 0;
  /** Of the monotonic one. */
  aheadMs = 0;
  now(): number {
    return systemClock.now() + this.shiftMs;
  }
  monotonic(): number {
    return systemClock.monotonic() + this.aheadMs;
  }
  after(delayMs: number, run: () => void): () => void {
    return systemClock.after(delayMs, run);
  }
  defer(run: () => void): void {
    systemClock.defer(run);
  }
}

export class GatewayFixture {
  readonly gateway: Gateway;
  readonly actors: MemoryActors;
  readonly clock: MovableClock;
  readonly port: number;
  readonly observed: ObservedRequest[];
  /** Everything that reached a log, as text. */
  readonly reported: string[];
  readonly health: { live: boolean; ready: boolean };
  /** What `/metrics` says; a test may replace it. */
  metrics = (): Promise<string> => Promise.resolve('up 1\n');

  private constructor(parts: Omit<GatewayFixture, 'token' | 'send' | 'json' | 'open' | 'close' | 'metrics'>) {
    this.gateway = parts.gateway;
    this.actors = parts.actors;
    this.clock = parts.clock;
    this.port = parts.port;
    this.observed = parts.observed;
    this.reported = parts.reported;
    this.health = parts.health;
  }

  /** Without limits unless the settings have some. */
  static async start(
    settings: Partial<GatewaySettings> = {},
    modules: readonly Module[] = [jars],
  ): Promise<GatewayFixture> {
    const actors = new MemoryActors(modules);
    const clock = new MovableClock();
    const observed: ObservedRequest[] = [];
    const reported: string[] = [];
    const health = { live: true, ready: true };
    const gateway = createGateway({
      modules,
      client: actors,
      transport: await createUwsTransport(),
      settings: {
        production: false,
        tokenKey: { algorithm: 'HS256', key: tokenSecret },
        fingerprintSecret: Buffer.alloc(32, 9),
        rates: false,
        ...settings,
      },
      callbacks: {
        health: () => ({ ...health, details: { retention_hours: 24 } }),
        metricsText: () => fixture.metrics(),
        onRequest: (pattern, method, status) => observed.push({ pattern, method, status }),
      },
      clock,
      report: (level, event, details) => reported.push(JSON.stringify({ level, event, ...details })),
    });
    const port = await gateway.listen('127.0.0.1', 0);
    const fixture = new GatewayFixture({ gateway, actors, clock, port, observed, reported, health });
    return fixture;
  }

  async token(user = 'alice', ...roles: string[]): Promise<string> {
    const order = {
      key: tokenSecret,
      user,
      roles: roles.length === 0 ? ['customer'] : roles,
      lifetimeSeconds: 600,
    };
    return `Bearer ${await mintToken({ ...order, nowMs: this.clock.now() })}`;
  }

  /** A request on a connection of its own. */
  send(parts: RequestParts): Promise<RawResponse> {
    return requestOnce(this.port, parts);
  }

  /** A JSON request by alice, unless the headers say otherwise. */
  async json(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<RawResponse> {
    const content =
      body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const authorization = headers.authorization ?? (await this.token());
    return this.send({ method, path, headers: { ...type, ...headers, authorization }, ...content });
  }

  open(): Promise<HttpConnection> {
    return HttpConnection.open(this.port);
  }

  close(): Promise<void> {
    return this.gateway.close();
  }
}

export const coin = { amount: '1.00', currency: 'USD' };

export function problemCode({ headers, body }: RawResponse): string {
  if (headers.get('content-type') !== 'application/problem+json') return `not a problem: ${body}`;
  // The gateway's own answer.
  return (JSON.parse(body) as { code: string }).code;
}
