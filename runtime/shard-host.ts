/** What a shard needs of the thread it runs in: ways out for answers and items, and somebody to tell. */
import type { ShardPhase } from './lifecycle.js';
import type { LinkAnswer, ShardItem } from './link/link-protocol.js';

export interface ShardHost {
  /** Gives answers to the gateway and items to other shards; flushed at the end of each turn. */
  answer(answer: LinkAnswer): void;
  /** −1: to every other shard. */
  sendTo(partition: number, item: ShardItem): void;
  flush(): void;
  /** The process (or thread) must end: its store can only be trusted again by a new one. */
  onFatal(code: string, cause: unknown): void;
  /** Before and after user code runs: which actor has the thread, for the watchdog. */
  onTurn?(isBusy: boolean): void;
  /** Whether the shard serves has changed. */
  onPhase?(phase: ShardPhase): void;
}
