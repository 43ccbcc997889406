/**
 * A shard: the loop that runs the actors of its partitions, one command at a time, and commits their work in groups.
 *
 *     a batch of items, a timer, an answer of the store ─▸ a turn (`turns.ts`) ─▸ its work (`work-loop.ts`)
 *     ─▸ a group, sent to the store ─▸ durable: what waited for it is let out (`commit/output-gate.ts`)
 *                                   └▸ refused: the domain is reset (`domain-reset.ts`)
 *
 * This file puts the parts together, takes what comes in, and begins and ends their work.
 */
import type { Store } from '../persistence/store.js';
import type { Activities } from './activity/activities.js';
import { ActivityDesk } from './activity/activity-desk.js';
import { ActivationDesk } from './actor/activation-desk.js';
import type { StruckActor } from './actor/strike-book.js';
import { CallDesk } from './call/call-desk.js';
import { CallQueue } from './call/call-queue.js';
import type { Clock, Random, Report } from './clock.js';
import { refusedDetail } from './commit/abandoned-groups.js';
import { DurableGroups } from './commit/durable-groups.js';
import type { Group } from './commit/group.js';
import { OutputGate } from './commit/output-gate.js';
import type { Counters } from './counters.js';
import { FilterGenerations } from './deduplication/filter-generations.js';
import { Sweeper } from './derive/sweeper.js';
import { Domain } from './domain.js';
import { DomainReset } from './domain-reset.js';
import { EntrySource } from './entry-source.js';
import { Executor } from './execution.js';
import { TailDesk } from './feed/tail-desk.js';
import { GroupMail } from './group-mail.js';
import type { KindTable } from './kind-table.js';
import { Lifecycle, type ShardPhase } from './lifecycle.js';
import type { Limits } from './limits.js';
import { ChannelHub } from './link/channel-hub.js';
import {
  answerFailure,
  answerTail,
  type CallItem,
  itemConsumed,
  itemOpened,
  itemOperation,
  itemRemote,
  itemTail,
  type OperationItem,
  type ShardItem,
  type TailItem,
} from './link/link-protocol.js';
import { OutboundRoutes } from './link/outbound-routes.js';
import { PeerMail } from './link/peer-mail.js';
import { MessageDesk } from './message-desk.js';
import { OperationDesk } from './operator/operation-desk.js';
import { OutsidePace } from './outside-pace.js';
import { OwnershipWatch } from './ownership-watch.js';
import { PartitionOpener } from './partition-opener.js';
import { RecordWriter } from './record-writer.js';
import { Refusals } from './refusals.js';
import { refuseMissingVersions } from './saga/saga-versions.js';
import type { ShardHost } from './shard-host.js';
import { SpaceWatch } from './space-watch.js';
import { TimerDesk } from './timer/timer-desk.js';
import { Turns } from './turns.js';
import { WorkLoop } from './work-loop.js';

/** Bytes of entries that histories, activations after a recovery and repeated commands have read. */
const entryCacheBytes = 64 * 1_048_576;

export interface ShardOptions {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Absent: an activity that is ordered fails as `port-unknown`. */
  readonly activities?: Activities;
  readonly host: ShardHost;
  /** Numbers of the partitions this shard owns. */
  readonly partitions: readonly number[];
  /** Strikes given before this start. */
  readonly struck: readonly StruckActor[];
  /** Where the shard notes whose code runs, for who watches it from another thread; see `Domain.enter`. */
  readonly running?: Int32Array;
}

export class Shard {
  readonly #domain: Domain;
  readonly #host: ShardHost;
  readonly #life: Lifecycle;
  readonly #turns: Turns;
  readonly #work: WorkLoop;
  readonly #activations: ActivationDesk;
  readonly #entries: EntrySource;
  readonly #timers = new TimerDesk();
  readonly #hub: ChannelHub;
  readonly #mail: GroupMail;
  readonly #routes: OutboundRoutes;
  readonly #messages: MessageDesk;
  readonly #opener: PartitionOpener;
  readonly #executor: Executor;
  readonly #calls: CallDesk;
  readonly #activities: ActivityDesk;
  readonly #operations: OperationDesk;
  readonly #tail: TailDesk;
  readonly #peers: PeerMail;
  readonly #queued = new CallQueue();
  readonly #gate: OutputGate;
  readonly #durableGroups: DurableGroups;
  #sweeper: Sweeper;
  readonly #space: SpaceWatch;
  readonly #ownership: OwnershipWatch;
  readonly #pace: OutsidePace;
  readonly #reset: DomainReset;

  constructor(options: ShardOptions) {
    this.#domain = new Domain(options);
    this.#host = options.host;
    this.#life = new Lifecycle((phase) => this.#entered(phase));
    this.#turns = new Turns(this.#domain, options.host, {
      work: () => this.#work.run(),
      emptyMail: () => void this.#messages.runMail(),
      send: () => this.#send(),
    });
    this.#entries = new EntrySource(options.store.journal, entryCacheBytes);
    this.#space = new SpaceWatch(options);
    this.#ownership = new OwnershipWatch(
      this.#domain,
      (reason, detail) => void this.#reset.run(reason, detail),
    );
    this.#routes = new OutboundRoutes({
      domain: this.#domain,
      entries: this.#entries,
      send: (destination, item) => this.#host.sendTo(destination, item),
      flush: () => this.#host.flush(),
      onDamaged: (cause) => this.#host.onFatal('journal-damaged', cause),
    });
    this.#gate = new OutputGate({
      domain: this.#domain,
      routes: this.#routes,
      host: options.host,
      events: {
        onDurable: (group, latencyMs) => this.#turns.run(() => this.#durable(group, latencyMs)),
        onDue: () => this.#turns.run(() => undefined),
        onRefused: (reason, detail) => void this.#reset.run(reason, detail),
        onFatal: (cause) => this.#host.onFatal('outcome-unknown', cause),
      },
    });
    this.#hub = new ChannelHub(this.#domain);
    this.#activations = new ActivationDesk(this.#domain, this.#entries, options.struck, {
      turn: (run) => this.#turns.run(run),
      whenDurable: (group, run) => this.#gate.whenDurable(group, run),
      parked: (activation) => this.#calls.changed(activation),
      unparked: (activation) => {
        this.#timers.requeue(activation.partition, activation.kind.schemaId, activation.id);
        this.#activities.beginAgain(activation);
      },
    });
    this.#opener = new PartitionOpener({
      domain: this.#domain,
      owned: options.partitions,
      entries: this.#entries,
      timers: this.#timers,
      filter: new FilterGenerations(options.limits.filterBytes),
      hub: this.#hub,
      sendToOthers: (item) => this.#host.sendTo(-1, item),
    });
    this.#peers = new PeerMail({
      domain: this.#domain,
      hub: this.#hub,
      routes: this.#routes,
      sendTo: (destination, item) => this.#host.sendTo(destination, item),
    });
    this.#mail = new GroupMail(
      this.#domain,
      (kind, id, near) => this.#activations.resident(kind, id, near),
      () => this.#gate.committer.hasRoom,
    );
    const records = new RecordWriter({
      domain: this.#domain,
      committer: () => this.#gate.committer,
      timers: this.#timers,
      deliver: (item) => void this.#hub.deliver(item),
      mail: this.#mail,
      beginActivity: (timer) => this.#activities.begin(timer),
    });
    const refusals = new Refusals(this.#domain, records);
    this.#executor = new Executor({
      domain: this.#domain,
      committer: () => this.#gate.committer,
      records,
      refusals,
      onBroken: (activation) => this.#activations.broken(activation),
      markDirty: (activation) => this.#activations.dirtyRows(activation.partition).mark(activation),
    });
    this.#activities = new ActivityDesk(
      {
        domain: this.#domain,
        executor: this.#executor,
        timers: this.#timers,
        activities: options.activities,
      },
      {
        turn: (run) => {
          if (this.#life.isServing) this.#turns.run(run);
        },
        obtain: (kind, id) => this.#activations.obtain(kind, id),
        changed: (activation) => this.#calls.changed(activation),
      },
    );
    this.#calls = new CallDesk(this.#domain, this.#executor, this.#entries, {
      obtain: (kind, id) => this.#activations.obtain(kind, id),
      runMail: () => void this.#messages.runMail(),
      answer: (answer, group) => this.#gate.answer(answer, group),
      openGroup: () => this.#gate.committer.open.number,
      whenDurable: (group, run, refuse) => this.#gate.whenDurable(group, run, refuse),
      turn: (run) => this.#turns.run(run),
      atRest: (activation, group) => {
        if (activation.kind.isSaga)
          this.#gate.whenDurable(group, () => this.#activations.shed(activation, group));
      },
      refusal: () => this.#refusal(),
    });
    this.#durableGroups = new DurableGroups(this.#domain, this.#calls, options.host);
    this.#messages = new MessageDesk({
      domain: this.#domain,
      executor: this.#executor,
      refusals,
      activations: this.#activations,
      hub: this.#hub,
      mail: this.#mail,
      timers: this.#timers,
      host: {
        turn: (run) => this.#turns.run(run),
        changed: (activation) => this.#calls.changed(activation),
      },
    });
    this.#operations = new OperationDesk(
      {
        domain: this.#domain,
        executor: this.#executor,
        timers: this.#timers,
        parked: () => this.#activations.parked,
        unpark: (activation) => this.#activations.unpark(activation),
        residents: (kind) => this.#activations.residents(kind),
        obtain: (kind, id) => this.#activations.obtain(kind, id),
      },
      {
        answer: (answer) => this.#host.answer(answer),
        openGroup: () => this.#gate.committer.open.number,
        whenDurable: (group, run, refuse) => this.#gate.whenDurable(group, run, refuse),
        turn: (run) => this.#turns.run(run),
      },
    );
    this.#tail = new TailDesk(this.#domain, {
      answer: (answer) => this.#host.answer(answer),
      turn: (run) => this.#turns.run(run),
    });
    this.#pace = new OutsidePace({
      clock: options.clock,
      limits: options.limits,
      lag: () => this.#domain.tableLag,
      resume: () => this.#turns.run(() => undefined),
    });
    this.#work = new WorkLoop({
      domain: this.#domain,
      life: this.#life,
      turns: this.#turns,
      gate: this.#gate,
      messages: this.#messages,
      hub: this.#hub,
      activations: this.#activations,
      calls: this.#calls,
      queued: this.#queued,
      pace: this.#pace,
    });
    this.#reset = new DomainReset({
      domain: this.#domain,
      life: this.#life,
      turns: this.#turns,
      gate: this.#gate,
      opener: this.#opener,
      memory: {
        activations: this.#activations,
        calls: this.#calls,
        queued: this.#queued,
        hub: this.#hub,
        routes: this.#routes,
        messages: this.#messages,
        timers: this.#timers,
        entries: this.#entries,
        tail: this.#tail,
      },
      host: options.host,
      events: {
        stopSweeps: () => this.#sweeper.stop(),
        renewSweeps: () => {
          this.#sweeper = this.#newSweeper();
        },
        opened: () => this.#opened(),
      },
    });
    this.#sweeper = this.#newSweeper();
  }

  get phase(): ShardPhase {
    return this.#life.phase;
  }

  get counters(): Counters {
    const { counters, eventTally, kinds } = this.#domain;
    for (const { label, schemaId } of kinds.events) {
      const count = eventTally[schemaId];
      if (count !== undefined) counters.eventsByType.set(label, count);
    }
    return counters;
  }

  /** What a metrics page shows beside the counters. */
  gauges(): {
    readonly activations: number;
    readonly activationBytes: number;
    readonly timers: number;
    readonly callsQueued: number;
    readonly messagesQueued: number;
    readonly actorsParked: number;
    readonly deadLetters: number;
    readonly tableLagEntries: number;
    readonly phase: ShardPhase;
  } {
    return {
      activations: this.#activations.count,
      activationBytes: this.#activations.bytes,
      timers: this.#timers.count,
      callsQueued: this.#queued.length,
      messagesQueued: this.#hub.depth,
      actorsParked: this.#activations.parked.size,
      deadLetters: this.#domain.deadLetters,
      tableLagEntries: this.#domain.tableLag,
      phase: this.#life.phase,
    };
  }

  /** Takes the partitions and recovers them. Resolves when the shard serves. */
  async open(): Promise<void> {
    await this.#opener.open();
    refuseMissingVersions(this.#domain.kinds, this.#timers.values());
    this.#life.enter('open');
    this.#space.looks.start();
    this.#ownership.looks.startLater();
    this.#turns.run(() => this.#opened());
  }

  #opened(): void {
    this.#peers.beginRoutes();
    this.#activities.beginAll();
    this.#sweeper.wake();
    void this.#opener.coverSegments();
  }

  /** Takes a batch from a link. */
  receive(items: readonly ShardItem[]): void {
    this.#turns.run(() => {
      const receivedAt = this.#domain.clock.monotonic();
      for (const item of items) {
        if (item[0] === itemRemote) this.#peers.message(item);
        else if (item[0] === itemConsumed) this.#peers.consumed(item);
        else if (item[0] === itemOpened) this.#peers.opened(item, this.#life.isServing);
        else if (item[0] === itemOperation) this.#receiveOperation(item);
        else if (item[0] === itemTail) this.#receiveTail(item);
        else this.#receiveCall(item, receivedAt);
      }
    });
  }

  #receiveCall(item: CallItem, receivedAt: number): void {
    if (this.#life.phase !== 'reopening' && this.#life.phase !== 'stopped')
      this.#queued.push({ item, receivedAt });
    else this.#host.answer([item[1], answerFailure, 'storage-unavailable', refusedDetail, false]);
  }

  #receiveTail(item: TailItem): void {
    if (this.#life.isServing) this.#tail.take(item);
    else this.#host.answer([item[1], answerTail, [], []]);
  }

  #receiveOperation(item: OperationItem): void {
    if (this.#life.phase === 'open') this.#operations.take(item);
    else this.#host.answer([item[1], answerFailure, 'storage-unavailable', refusedDetail, false]);
  }

  /** The node is about to stop: whoever waits for an actor to come to rest is told how it stands, now and from here on. */
  endWaits(): void {
    this.#turns.run(() => this.#calls.endAllWaits());
  }

  /**
   * Runs what is queued, commits, writes the tables, releases the partitions. New commands are refused with
   * `shutting-down` meanwhile. Resolves when everything is durable; rejects never.
   */
  async stop(): Promise<void> {
    if (!this.#life.askStop()) return;
    this.#messages.stopTimers();
    do {
      await this.#idle();
      // What is being opened again is not this sweeper's to write: should that fail, the next attempt begins anew.
      if (this.#life.phase === 'stopping') await this.#sweeper.finish();
    } while (this.#life.phase === 'stopping' && !this.#isQuiet);
    this.#sweeper.stop();
    this.#tail.reset();
    this.#life.enter('stopped');
    for (const partition of this.#domain.owned()) {
      await this.#domain.store.ownership.release(partition.number, partition.fence);
    }
  }

  /** Resolves when nothing is queued and nothing in flight, or when the store cannot be opened again. */
  async #idle(): Promise<void> {
    for (;;) {
      this.#turns.run(() => {
        if (this.#life.phase !== 'stopping') return;
        this.#calls.endAllWaits();
      });
      if (this.#life.phase === 'stopping' && this.#isQuiet) return;
      if (this.#life.phase === 'stopped' || (this.#life.phase === 'reopening' && this.#reset.hasFailed))
        return;
      // Whatever happens next happens in a turn.
      await this.#turns.next();
    }
  }

  get #isQuiet(): boolean {
    return (
      this.#gate.committer.isIdle &&
      this.#hub.peek() === undefined &&
      this.#queued.length === 0 &&
      !this.#activations.isAwaited &&
      this.#calls.isQuiet &&
      this.#operations.isQuiet
    );
  }

  #entered(phase: ShardPhase): void {
    if (phase === 'stopped') {
      this.#space.looks.stop();
      this.#ownership.looks.stop();
    }
    this.#host.onPhase?.(phase);
  }

  /** The end of a turn: what it has made goes to the store and to the links. */
  #send(): void {
    this.#activations.endTurn();
    this.#gate.committer.sendInPace();
    if (this.#life.phase === 'open') this.#messages.armTimer();
    this.#host.flush();
  }

  /** Runs in a turn, in the order of the groups. */
  #durable(group: Group, latencyMs: number): void {
    this.#durableGroups.note(group, latencyMs);
    this.#pace.look();
    this.#gate.release(group);
    this.#tail.durable(group.entries);
    this.#sweeper.wake();
  }

  #newSweeper(): Sweeper {
    return new Sweeper(this.#domain, this.#timers, {
      whenDurable: (group, run) => this.#gate.whenDurable(group, run, run),
      openGroup: () => this.#gate.committer.open.number,
      dirtyRows: (partition) => this.#activations.dirtyRows(partition),
      rowsWritten: (activations) => this.#activations.rowsWritten(activations),
      loadUnswept: (partition, done) => this.#activations.loadUnswept(partition, done),
      onRefused: (_partition, reason, detail) => void this.#reset.run(reason, detail),
      onFatal: (cause) => this.#host.onFatal('outcome-unknown', cause),
    });
  }

  #refusal(): { readonly code: string; readonly detail: string } | undefined {
    if (this.#life.phase === 'stopping') return { code: 'shutting-down', detail: 'The node is stopping.' };
    if (!this.#space.acceptsWrites)
      return { code: 'storage-unavailable', detail: 'The store is nearly full.' };
    if (this.#pace.refuses()) {
      return { code: 'storage-behind', detail: 'The tables are too far behind the log.' };
    }
    return undefined;
  }
}
