/** What a fault of a chaos run can lay its hands on. */
import type { ServerProcess } from '../../bench/server-process.js';
import type { FaultProxy } from '../support/fault-proxy.js';
import type { RedisServer } from '../support/redis-server.js';

export interface ChaosStage {
  /** The server under load. */
  readonly server: ServerProcess;
  readonly dataDirectory: string;
  readonly redis: RedisServer | undefined;
  /** Between the server and Redis. */
  readonly proxy: FaultProxy | undefined;
  /** In [0, 1), from the seed. */
  readonly random: () => number;
  wait(ms: number): Promise<void>;
  /** What that server says of every account, one text each: status, view and statement. */
  readAll(server: ServerProcess): Promise<readonly string[]>;
}

export type StoreKind = 'embedded' | 'redis';

/** How the server, or Redis, must be started for a fault to be possible. */
export interface Preparation {
  readonly server?: { readonly env?: Readonly<Record<string, string>> };
  readonly redis?: { readonly env?: Readonly<Record<string, string>> };
}

export interface Fault {
  readonly name: string;
  readonly stores: readonly StoreKind[];
  /** Why it is not possible here; undefined when it is. Asked once. */
  readonly missing?: () => string | undefined;
  readonly prepare?: (stage: Pick<ChaosStage, 'dataDirectory' | 'redis'>) => Preparation;
  /** Does it and puts it right again, under load. The server may have ended by then. May give a word on what came of it. */
  inflict(stage: ChaosStage): Promise<string | undefined>;
}
