/**
 * What the main thread and a shard's thread say to each other beside the links: orders, and news. Plain data, rare.
 */
import type { MessagePort } from 'node:worker_threads';
import type { RedisOptions } from '../persistence/open-store.js';
import type { Durability } from '../persistence/store.js';
import type { Report } from '../runtime/clock.js';
import type { ShardPhase } from '../runtime/lifecycle.js';
import type { ShardMetrics, ShardSetup } from '../runtime/shard-thread.js';
import type { VitalsMemory } from './shard-vitals.js';

/** What a shard's thread is born with. */
export interface ShardThreadData {
  readonly setup: ShardSetup;
  readonly moduleUrl: string;
  readonly store: {
    readonly url: string;
    readonly partitionCount: number;
    readonly durability: Durability;
    readonly redis: RedisOptions;
    readonly archive?: string;
  };
  readonly gateway: MessagePort;
  /** To the adapters; see activity-port.ts. */
  readonly activities: MessagePort;
  /** By shard index; the own one is undefined. */
  readonly peers: readonly (MessagePort | undefined)[];
  /** Shared with the main thread's watchdog. */
  readonly vitals: VitalsMemory;
}

export type ShardOrder =
  | { readonly type: 'metrics'; readonly requestId: number }
  | { readonly type: 'end-waits' }
  | { readonly type: 'stop' };

/** Errors cross as what a log line needs of them: classes do not survive a thread. */
export interface ErrorFacts {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
}

export type ShardNews =
  | { readonly type: 'opened' }
  | { readonly type: 'open-failed'; readonly error: ErrorFacts }
  | { readonly type: 'metrics'; readonly requestId: number; readonly metrics: ShardMetrics }
  | { readonly type: 'phase'; readonly phase: ShardPhase }
  | { readonly type: 'stopped' }
  | { readonly type: 'fatal'; readonly code: string; readonly error: ErrorFacts }
  | {
      readonly type: 'report';
      readonly level: Parameters<Report>[0];
      readonly event: string;
      readonly details: Readonly<Record<string, unknown>> | undefined;
    };

export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, code: undefined };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error.message, stack: error.stack, code };
}
