/**
 * Shards on the caller's own thread: single-thread mode, in-process systems, tests and simulations.
 */
import type { Module } from '../actors/model/module.js';
import type { Store } from '../persistence/store.js';
import type { Activities } from './activity/activities.js';
import type { ShardHandle } from './actor-system.js';
import type { Clock, Random, Report } from './clock.js';
import { directLinks, type Link } from './link/link.js';
import type { LinkAnswer, ShardItem } from './link/link-protocol.js';
import { type ShardSetup, ShardThread } from './shard-thread.js';

export interface InThreadOptions {
  readonly modules: readonly Module[];
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly activities?: Activities;
  readonly onFatal: (code: string, cause: unknown) => void;
}

/** For `ActorSystem.start`: opens every shard here, linked to its peers and to the caller. */
export function inThreadShards(
  options: InThreadOptions,
): (setups: readonly ShardSetup[]) => Promise<ShardHandle[]> {
  return async (setups) => {
    const defer = (run: () => void) => options.clock.defer(run);
    const peers = meshOf(setups.length, defer);
    const started = setups.map((setup, index) => {
      const [near, far] = directLinks<ShardItem, LinkAnswer>(defer);
      const thread = new ShardThread({ ...options, setup, gateway: far, peers: peers[index] ?? [] });
      return { thread, link: near };
    });
    await Promise.all(started.map(({ thread }) => thread.open()));
    return started.map(({ thread, link }) => inThreadHandle(thread, link));
  };
}

/** The handle of a shard that runs on its caller's thread. */
export function inThreadHandle(thread: ShardThread, link: ShardHandle['link']): ShardHandle {
  return {
    link,
    get phase() {
      return thread.phase;
    },
    endWaits: () => thread.endWaits(),
    metrics: () => Promise.resolve(thread.metrics()),
    stop: () => thread.stop(),
  };
}

type PeerLink = Link<ShardItem, ShardItem>;

/** `mesh[a][b]` is the end at shard a of the link between a and b. */
function meshOf(count: number, defer: (run: () => void) => void): (PeerLink | undefined)[][] {
  const mesh = Array.from({ length: count }, () => new Array<PeerLink | undefined>(count).fill(undefined));
  for (let left = 0; left < count; left++) {
    for (let right = left + 1; right < count; right++) {
      const [one, other] = directLinks<ShardItem, ShardItem>(defer);
      (mesh[left] as (PeerLink | undefined)[])[right] = one;
      (mesh[right] as (PeerLink | undefined)[])[left] = other;
    }
  }
  return mesh;
}
