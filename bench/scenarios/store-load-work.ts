/** What `store-load.ts` asks of a thread, and what the thread answers. */
import type { Durability } from '../../persistence/store.js';
import type { SweepOptions } from './store-load-sweep.js';

export interface ThreadWork {
  /** As `openStore` takes it. */
  readonly storeUrl: string;
  readonly durability: Durability;
  readonly partitionCount: number;
  readonly partitions: readonly number[];
  readonly actors: number;
  /** Commands per second of this thread; undefined = as many as are answered. */
  readonly rate: number | undefined;
  readonly inFlight: number;
  readonly groupsMax: number;
  readonly groupCommandsMax: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly sweep: SweepOptions | undefined;
}

export interface ThreadResult {
  readonly commands: number;
  readonly groups: number;
  readonly entries: number;
  /** Commands answered per 10 µs from when they were due. */
  readonly latencies: Uint32Array;
  /** Groups per 10 µs from their sending to their acknowledgement. */
  readonly appendLatencies: Uint32Array;
  readonly rows: number;
  /** Times that the slices then due were written. */
  readonly slices: number;
  readonly sweeps: number;
  readonly latenessMaxMs: number;
  readonly waitingMax: number;
}

/** 10 µs each; the last holds everything above a second. */
export const latencyBuckets = 100_000;
export const bucketMs = 0.01;
