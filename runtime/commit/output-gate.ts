/**
 * The gate of a shard: what was computed from a group waits here until that group is durable.
 *
 * O1  Nothing computed from a group leaves before it is durable: not answers, not messages to other shards, not work.
 * O2  What no pending group has touched leaves at once.
 * O3  After a reset a new committer follows, and its groups are numbered on from the old one's.
 */
import { partitionOf } from '../../actors/model/address.js';
import type { Domain } from '../domain.js';
import type { LinkAnswer } from '../link/link-protocol.js';
import type { OutboundRoutes } from '../link/outbound-routes.js';
import { Committer, type CommitterEvents } from './committer.js';
import type { Group } from './group.js';

export interface OutputGateHost {
  answer(answer: LinkAnswer): void;
}

export class OutputGate {
  readonly #domain: Domain;
  readonly #routes: OutboundRoutes;
  readonly #host: OutputGateHost;
  readonly #events: CommitterEvents;
  /** Where work is committed now; replaced by `renew` alone. */
  committer: Committer;

  constructor(parts: {
    readonly domain: Domain;
    readonly routes: OutboundRoutes;
    readonly host: OutputGateHost;
    readonly events: CommitterEvents;
  }) {
    this.#domain = parts.domain;
    this.#routes = parts.routes;
    this.#host = parts.host;
    this.#events = parts.events;
    this.committer = this.#newCommitter(1);
  }

  /** Work goes into new groups from this number on (O3). */
  renew(firstGroup: number): void {
    this.committer = this.#newCommitter(firstGroup);
  }

  answer(answer: LinkAnswer, group: number): void {
    const pending = this.committer.pending(group);
    if (pending === undefined) this.#host.answer(answer);
    else pending.gate.push(answer);
  }

  /** Runs once the group is durable; an open group without work will never be sent and counts as the one before it. */
  whenDurable(group: number, run: () => void, refuse: () => void = () => undefined): void {
    const { open } = this.committer;
    const pending = this.committer.pending(group === open.number && open.isEmpty ? group - 1 : group);
    if (pending === undefined) run();
    else pending.afterDurable.push({ run, refuse });
  }

  /** Lets out what waited for a durable group. */
  release(group: Group): void {
    for (const answer of group.gate) this.#host.answer(answer);
    for (const message of group.remote) {
      this.#routes.sendDurable(partitionOf(message[8], this.#domain.partitionCount), message);
    }
    for (const { run } of group.afterDurable) run();
  }

  #newCommitter(firstGroup: number): Committer {
    const { store, clock, limits } = this.#domain;
    return new Committer({
      journal: store.journal,
      clock,
      limits: {
        ...limits,
        groupsInFlightMax: Math.min(limits.groupsInFlightMax, store.groupsInFlightMax),
        groupPaceMs: Math.min(limits.groupPaceMs, store.groupPaceMs),
      },
      failsWithProcess: store.failsWithProcess,
      firstGroup,
      events: this.#events,
    });
  }
}
