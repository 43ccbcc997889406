/**
 * The reset of a domain: a group was refused, or a partition has another owner, and what is in memory counts no more.
 *
 *     refused ─▸ everything in memory goes ─▸ opened again (`reopener.ts`), as often as it takes
 *     fenced  ─▸ everything in memory goes ─▸ what was in flight is looked for ─▸ the process ends
 *
 * Z2  A refused group resets the whole domain: activations, channels, timers and the open group go; callers get a
 *     definite refusal; the partitions are opened again from the store.
 * Z3  After a reset a group that was in flight is settled by looking, after the epoch was raised.
 */
import type { ActivationDesk } from './actor/activation-desk.js';
import type { CallDesk } from './call/call-desk.js';
import type { CallQueue } from './call/call-queue.js';
import { AbandonedGroups, refusedDetail } from './commit/abandoned-groups.js';
import type { RefusalReason } from './commit/committer.js';
import type { Group } from './commit/group.js';
import type { OutputGate } from './commit/output-gate.js';
import type { Domain } from './domain.js';
import type { EntrySource } from './entry-source.js';
import type { TailDesk } from './feed/tail-desk.js';
import type { Lifecycle } from './lifecycle.js';
import type { ChannelHub } from './link/channel-hub.js';
import { answerFailure } from './link/link-protocol.js';
import type { OutboundRoutes } from './link/outbound-routes.js';
import type { MessageDesk } from './message-desk.js';
import type { PartitionOpener } from './partition-opener.js';
import { Reopener } from './reopener.js';
import type { ShardHost } from './shard-host.js';
import type { TimerDesk } from './timer/timer-desk.js';
import type { Turns } from './turns.js';

/** How long a fenced owner looks for what was in flight. */
const farewellMs = 1_000;

/** Everything that a shard holds in memory of its partitions. */
export interface ShardMemory {
  readonly activations: ActivationDesk;
  readonly calls: CallDesk;
  readonly queued: CallQueue;
  readonly hub: ChannelHub;
  readonly routes: OutboundRoutes;
  readonly messages: MessageDesk;
  readonly timers: TimerDesk;
  readonly entries: EntrySource;
  readonly tail: TailDesk;
}

/** The sweeps and the beginning of work are the shard's. */
export interface ResetEvents {
  /** No row is written from here on. */
  stopSweeps(): void;
  /** Rows go into new sweeps from here on. */
  renewSweeps(): void;
  /** The partitions are open again; runs in a turn. */
  opened(): void;
}

export class DomainReset {
  readonly #domain: Domain;
  readonly #life: Lifecycle;
  readonly #turns: Turns;
  readonly #gate: OutputGate;
  readonly #memory: ShardMemory;
  readonly #host: ShardHost;
  readonly #events: ResetEvents;
  readonly #abandoned: AbandonedGroups;
  readonly #reopener: Reopener;

  constructor(parts: {
    readonly domain: Domain;
    readonly life: Lifecycle;
    readonly turns: Turns;
    readonly gate: OutputGate;
    readonly opener: PartitionOpener;
    readonly memory: ShardMemory;
    readonly host: ShardHost;
    readonly events: ResetEvents;
  }) {
    const { domain, life, gate, host } = parts;
    this.#domain = domain;
    this.#life = life;
    this.#turns = parts.turns;
    this.#gate = gate;
    this.#memory = parts.memory;
    this.#host = host;
    this.#events = parts.events;
    this.#abandoned = new AbandonedGroups(domain.store.journal, {
      answer: (answer) => host.answer(answer),
      release: (group) => gate.release(group),
    });
    this.#reopener = new Reopener({
      domain,
      opener: parts.opener,
      abandoned: this.#abandoned,
      host: {
        isReopening: () => life.phase === 'reopening',
        renew: (firstGroup) => {
          gate.renew(firstGroup);
          this.#events.renewSweeps();
        },
        flush: () => host.flush(),
        reopened: () => this.#reopened(),
        failed: () => this.#forgetPartitions(),
        giveUp: (code, cause) => this.#giveUp(code, cause),
      },
    });
  }

  /** The newest attempt to open the partitions again has failed. */
  get hasFailed(): boolean {
    return this.#reopener.hasFailed;
  }

  /** Z2. Everything in memory goes; the store decides what was. */
  async run(reason: RefusalReason, detail: string): Promise<void> {
    if (this.#life.phase === 'reopening' || this.#life.phase === 'stopped') return;
    const { counters, report } = this.#domain;
    counters.resets++;
    if (reason === 'fenced') counters.fencedAppends++;
    report('error', 'domain-reset', { reason, detail });
    this.#life.enter(reason === 'fenced' ? 'stopped' : 'reopening');
    this.#events.stopSweeps();
    const { inFlight, open } = this.#gate.committer.abandon();
    this.#refuseAll(open);
    if (reason === 'fenced') await this.#yieldTo(detail, inFlight);
    else await this.#reopener.run({ reason, inFlight: [...inFlight], nextGroup: open.number + 1 });
  }

  /**
   * Another owner has a partition: this shard serves no more, not even reads, which the other one may have made old. It
   * may still look, to answer its callers, for as long as `farewellMs`.
   */
  async #yieldTo(detail: string, inFlight: readonly Group[]): Promise<void> {
    await Promise.race([
      this.#abandoned.settleForGood(inFlight),
      new Promise<void>((resolve) => this.#domain.clock.after(farewellMs, resolve)),
    ]);
    this.#host.flush();
    this.#host.onFatal('fenced', new Error(detail));
  }

  #refuseAll(open: Group): void {
    const { activations, calls, queued, hub, routes, messages, timers, entries, tail } = this.#memory;
    this.#abandoned.refuse(open);
    for (const activation of activations.values()) for (const work of activation.waiting) work.refuse();
    calls.reset();
    for (const { item } of queued.drain())
      this.#host.answer([item[1], answerFailure, 'storage-unavailable', refusedDetail, false]);
    activations.clear();
    hub.clear();
    routes.clear();
    messages.stopTimers();
    timers.clear();
    entries.clear();
    tail.reset();
    this.#domain.partitions.fill(undefined);
    this.#host.flush();
  }

  #reopened(): void {
    this.#life.reopened();
    this.#domain.report('warn', 'domain-reopened');
    this.#turns.run(() => this.#events.opened());
  }

  /** An attempt has failed: what it has read goes, and whoever waits for a turn looks at where the shard stands. */
  #forgetPartitions(): void {
    this.#domain.partitions.fill(undefined);
    this.#memory.timers.clear();
    this.#memory.hub.clear();
    this.#memory.entries.clear();
    this.#turns.endWaits();
  }

  #giveUp(code: string, cause: unknown): void {
    this.#life.enter('stopped');
    this.#turns.endWaits();
    this.#host.onFatal(code, cause);
  }
}
