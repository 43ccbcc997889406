/**
 * Calls from outside: commands with their deduplication, queries, history, and waits for an actor to come to rest.
 *
 * L1  An answer waits for the group that last touched whatever it was computed from.
 * L2  Of several commands with one id one runs; the others attach to it or get the recorded outcome.
 * L3  Every call taken is answered once, by its outcome or by a refusal; after a reset nothing of it stays behind.
 */
import { unpack } from '../actors/model/codec.js';
import { isOperatingError } from '../actors/model/errors.js';
import type { Caller } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import { failureOutcome, outcomeRejection, outcomeReply, type StoredOutcome } from './commit/outcome.js';
import { causeCommand, eventCount, type StoredRecord } from './commit/record.js';
import type { Domain } from './domain.js';
import type { EntrySource } from './entry-source.js';
import type { Executed, Executor } from './execution.js';
import { foldedAt, historyPage, wholeHistory } from './history-page.js';
import { HistorySignposts } from './history-signposts.js';
import type { CommandEntry, Kind, QueryEntry } from './kind-table.js';
import {
  answerFailure,
  answerHistory,
  answerRejection,
  answerReply,
  answerStatus,
  type CallItem,
  type CommandItem,
  type GuardItem,
  type HistoryItem,
  itemCommand,
  itemQuery,
  type LinkAnswer,
  type QueryItem,
} from './link/link-protocol.js';
import type { Partition } from './partition.js';

/** What the desk needs of its shard. */
export interface CallDeskHost {
  /** The activation of an address, loading if it was not resident; undefined when another shard owns it. */
  obtain(kind: Kind, id: string): Activation | undefined;
  /** Gives an answer out once that group is durable. */
  answer(answer: LinkAnswer, group: number): void;
  /** Number of the open group. */
  openGroup(): number;
  /** Runs one of the two, as a turn of the shard: `run` once the group is durable, `refuse` when it never will be. */
  whenDurable(group: number, run: () => void, refuse: () => void): void;
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
  /** Why new commands are refused now, if they are. */
  refusal(): { readonly code: string; readonly detail: string } | undefined;
}

/** A command with a key that is under way: from its arrival until its group is durable. */
interface Running {
  readonly fingerprint: string;
  /** The first caller; those who repeated the command meanwhile are `attached`. */
  readonly requestId: number;
  readonly attached: { readonly requestId: number; readonly waitMs: number }[];
  executed: Executed | undefined;
  group: number;
}

export class CallDesk {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #entries: EntrySource;
  readonly #host: CallDeskHost;
  readonly #running = new Map<string, Running>();
  readonly #signposts = new HistorySignposts();
  #readingCount = 0;
  #holdsWaits = true;

  constructor(domain: Domain, executor: Executor, entries: EntrySource, host: CallDeskHost) {
    this.#domain = domain;
    this.#executor = executor;
    this.#entries = entries;
    this.#host = host;
  }

  /** Takes one call; `receivedAt` is the monotonic ms of its arrival. */
  take(item: CallItem, receivedAt: number): void {
    const kind = this.#domain.kinds.kinds[item[2]];
    const deadlineMs = item[0] === itemCommand ? item[13] : item[0] === itemQuery ? item[8] : item[6];
    if (kind === undefined) return this.#refuse(item[1], 'internal', 'Unknown kind.');
    // A caller whose deadline has passed has its answer already; running the command would only surprise it.
    if (this.#domain.clock.monotonic() - receivedAt > deadlineMs) {
      return this.#host.answer(toAnswer(item[1], tooLate, 0, false), 0);
    }
    const deadlineAt = receivedAt + deadlineMs;
    if (item[0] === itemCommand) this.#command(kind, item, deadlineAt);
    else if (item[0] === itemQuery) this.#query(kind, item, deadlineAt);
    else this.#history(kind, item, deadlineAt);
  }

  /** True when no call is being looked up or read from the journal. */
  get isQuiet(): boolean {
    for (const running of this.#running.values()) if (running.executed === undefined) return false;
    return this.#readingCount === 0;
  }

  /** A group with recorded outcomes is durable: its command ids are answered from the log from now on. */
  settled(commandId: string): void {
    this.#running.delete(commandId);
  }

  /** The activation's state changed: whoever waits for it to come to rest may be answered. */
  changed(activation: Activation): void {
    if (activation.watchers === undefined) return;
    // Half changed by an `evolve` that threw: its waits go on once it was folded again.
    if (activation.phase === 'loading') return;
    if (activation.phase === 'ready' && this.#isOpen(activation)) return;
    this.endWaits(activation);
  }

  /** Answers all who wait for an activation with its status as it is. */
  endWaits(activation: Activation): void {
    const watchers = activation.watchers ?? [];
    activation.watchers = undefined;
    for (const watcher of watchers) {
      watcher.cancelTimer();
      this.#answerStatus(activation, watcher.requestId, watcher.isReplay);
    }
  }

  /** No call waits from here on. */
  endAllWaits(activations: Iterable<Activation>): void {
    this.#holdsWaits = false;
    for (const activation of activations) this.endWaits(activation);
  }

  /**
   * The domain was reset. Those in a group's gate are settled with it, those who waited for an actor were refused by it;
   * left are commands that were being looked up, with whoever attached to them, and waits.
   */
  reset(activations: Iterable<Activation>): void {
    for (const running of this.#running.values()) {
      if (running.executed !== undefined) continue;
      for (const requestId of [running.requestId, ...running.attached.map((caller) => caller.requestId)])
        this.#host.answer(toAnswer(requestId, resetOutcome, 0, false), 0);
    }
    this.#running.clear();
    for (const activation of activations) {
      for (const watcher of activation.watchers ?? []) {
        watcher.cancelTimer();
        this.#refuse(watcher.requestId, 'outcome-unknown', 'The shard was reset while the call waited.');
      }
      activation.watchers = undefined;
    }
  }

  #command(kind: Kind, item: CommandItem, deadlineAt: number): void {
    const refusal = this.#host.refusal();
    if (refusal !== undefined) return this.#refuse(item[1], refusal.code, refusal.detail);
    const command = kind.commands[item[4]];
    const partition = this.#domain.partitionFor(item[3]);
    if (command === undefined || partition === undefined) {
      return this.#refuse(
        item[1],
        command === undefined ? 'internal' : 'moved',
        'The shard does not have this actor.',
      );
    }
    const commandId = item[6];
    const fingerprint = item[7];
    const run = () =>
      this.#guarded(kind, item, item[15], deadlineAt, (activation, guardGroup) =>
        this.#execute(activation, command, item, guardGroup),
      );
    if (fingerprint === 0) return run();
    const earlier = this.#running.get(commandId);
    if (earlier !== undefined) return this.#attach(kind, earlier, item);
    const running: Running = {
      fingerprint,
      requestId: item[1],
      attached: [],
      executed: undefined,
      group: 0,
    };
    this.#running.set(commandId, running);
    if (!partition.ledger.mayHold(commandId)) return run();
    // After a reset the command was refused already, and the id may stand for a repeat of it.
    const still = (then: () => void) =>
      this.#host.turn(() => {
        if (this.#running.get(commandId) === running) then();
      });
    this.#findRecorded(partition, commandId).then(
      (found) =>
        still(() => {
          if (found === undefined) run();
          else this.#replay(kind, command, item, found);
        }),
      (cause: unknown) => still(() => this.#end(item, this.#failure(cause))),
    );
  }

  #attach(kind: Kind, running: Running, item: CommandItem): void {
    if (running.fingerprint !== item[7]) {
      return this.#refuse(item[1], 'idempotency-key-reused', 'The key was used with another request.');
    }
    this.#domain.counters.deduplicated++;
    if (running.executed === undefined) running.attached.push({ requestId: item[1], waitMs: item[14] });
    else {
      // It ran on this actor, which cannot be passivated before its group is durable.
      const activation = this.#host.obtain(kind, item[3]);
      if (activation !== undefined)
        this.#give(activation, item[1], item[14], running.executed, running.group, true);
    }
  }

  /** The record of an earlier command with this id, found through the ledger and compared in full. */
  async #findRecorded(partition: Partition, commandId: string): Promise<StoredRecord | undefined> {
    for (const position of await partition.ledger.candidates(commandId)) {
      const reader = await this.#entries.read(partition.number, position);
      for (let index = 0; index < reader.recordCount; index++) {
        const record = unpack(reader.record(index)) as StoredRecord;
        if (record[5][0] === causeCommand && record[5][1] === commandId) return record;
      }
    }
    return undefined;
  }

  #replay(kind: Kind, command: CommandEntry, item: CommandItem, record: StoredRecord): void {
    const running = this.#running.get(item[6]);
    this.#running.delete(item[6]);
    this.#domain.counters.deduplicated++;
    const cause = record[5];
    const isSame = cause[0] === causeCommand && cause[2] === item[7];
    const outcome: StoredOutcome = isSame
      ? this.#recordedOutcome(command, record)
      : failureOutcome('idempotency-key-reused', 'The key was used with another request.');
    const executed: Executed = { outcome, recorded: true, version: record[2] + eventCount(record) };
    const callers = [{ requestId: item[1], waitMs: item[14] }, ...(running?.attached ?? [])];
    // Only a wait looks at the actor itself.
    const isWaiting = outcome[0] === outcomeReply && callers.some(({ waitMs }) => waitMs >= 0);
    const activation = isWaiting ? this.#host.obtain(kind, item[3]) : undefined;
    const giveAll = () => {
      for (const { requestId, waitMs } of callers) {
        if (activation !== undefined) this.#give(activation, requestId, waitMs, executed, 0, true);
        else this.#host.answer(toAnswer(requestId, outcome, executed.version, true), 0);
      }
    };
    if (activation?.phase === 'loading') activation.waiting.push({ run: giveAll, refuse: giveAll });
    else giveAll();
  }

  /** The outcome in a record, its reply in today's fields. */
  #recordedOutcome(command: CommandEntry, record: StoredRecord): StoredOutcome {
    const outcome = record[7];
    if (outcome === 0) return [outcomeReply, command.replySchemaId, []];
    if (outcome[0] !== outcomeReply || outcome[1] === command.replySchemaId) return outcome;
    const reply = this.#domain.kinds.reply(outcome[1], outcome[2]);
    return [outcomeReply, command.replySchemaId, command.reply.toFields(reply)];
  }

  #execute(activation: Activation, command: CommandEntry, item: CommandItem, guardGroup: number): void {
    if (activation.phase === 'parked') return this.#end(item, parked);
    if (item[12] >= 0 && item[12] !== activation.version) {
      const conflict = failureOutcome('version-conflict', `The actor is at version ${activation.version}.`);
      return this.#end(item, conflict, Math.max(activation.touchedGroup, guardGroup));
    }
    this.#domain.counters.commands++;
    const executed = this.#executor.command(activation, command, item[5], {
      cause: [causeCommand, item[6], item[7]],
      time: 0,
      caller: callerOf(item),
      trail: [item[10], 0, item[8], item[11]],
      commandId: item[6],
      mustRecord: item[7] !== 0,
    });
    const group = executed.recorded ? this.#host.openGroup() : Math.max(activation.touchedGroup, guardGroup);
    this.#give(activation, item[1], item[14], executed, group, false);
    this.changed(activation);
    const running = item[7] === 0 ? undefined : this.#running.get(item[6]);
    if (running === undefined) return;
    running.executed = executed;
    running.group = group;
    for (const { requestId, waitMs } of running.attached)
      this.#give(activation, requestId, waitMs, executed, group, true);
    running.attached.length = 0;
    // No group will settle what none records.
    if (!executed.recorded) this.#running.delete(item[6]);
  }

  /** Ends a command with an outcome that nothing records; a repeat will run anew. */
  #end(item: CommandItem, outcome: StoredOutcome, group = 0): void {
    const running = this.#running.get(item[6]);
    this.#running.delete(item[6]);
    this.#host.answer(toAnswer(item[1], outcome, 0, false), group);
    for (const { requestId } of running?.attached ?? [])
      this.#host.answer(toAnswer(requestId, outcome, 0, false), group);
  }

  #give(
    activation: Activation,
    requestId: number,
    waitMs: number,
    executed: Executed,
    group: number,
    isReplay: boolean,
  ): void {
    const { outcome } = executed;
    if (waitMs >= 0 && outcome[0] === outcomeReply && activation.phase === 'ready') {
      this.#watch(activation, requestId, waitMs, isReplay);
    } else {
      this.#host.answer(toAnswer(requestId, outcome, executed.version, isReplay), group);
    }
  }

  #query(kind: Kind, item: QueryItem, deadlineAt: number): void {
    const query = kind.queries[item[4]];
    if (query === undefined) return this.#refuse(item[1], 'internal', 'The kind has no such query.');
    this.#domain.counters.queries++;
    this.#guarded(kind, item, item[10], deadlineAt, (activation, guardGroup) => {
      if (activation.phase === 'parked') return this.#host.answer(toAnswer(item[1], parked, 0, false), 0);
      const group = Math.max(activation.touchedGroup, guardGroup);
      if (item[11] !== 0) return this.#queryPast(activation, query, item, item[11], group);
      const outcome = this.#executor.query(activation, query, item[5], callerOf(item));
      if (item[9] >= 0 && outcome[0] === outcomeReply && this.#isOpen(activation)) {
        return this.#watch(activation, item[1], item[9], false);
      }
      this.#host.answer(toAnswer(item[1], outcome, activation.version, false), group);
    });
  }

  /** Answers from the journal, folded up to a version or a time. */
  #queryPast(
    activation: Activation,
    query: QueryEntry,
    item: QueryItem,
    at: readonly [0 | 1, number],
    group: number,
  ): void {
    this.#afterDurable(group, item[1], async () => {
      const history = await wholeHistory(this.#domain, this.#entries, activation);
      return () => {
        const past = foldedAt(this.#domain, activation, history, at);
        const outcome = this.#executor.query(past, query, item[5], callerOf(item));
        return toAnswer(item[1], outcome, past.version, false);
      };
    });
  }

  #history(kind: Kind, item: HistoryItem, deadlineAt: number): void {
    this.#domain.counters.queries++;
    const source = { entries: this.#entries, signposts: this.#signposts };
    this.#guarded(kind, item, item[7], deadlineAt, (activation, guardGroup) => {
      this.#afterDurable(Math.max(activation.touchedGroup, guardGroup), item[1], async () => {
        const page = await historyPage(this.#domain, source, activation, {
          isBackward: item[8],
          fromVersion: item[9],
          limit: item[10],
        });
        return () => [item[1], answerHistory, page.events, page.next];
      });
    });
  }

  /**
   * Reads the journal for an answer once everything that the call has looked at is in it; what the reading resolves to
   * makes the answer, in a turn of the shard.
   */
  #afterDurable(group: number, requestId: number, read: () => Promise<() => LinkAnswer>): void {
    this.#host.whenDurable(
      group,
      () => {
        this.#readingCount++;
        const failed = (cause: unknown) => toAnswer(requestId, this.#failure(cause), 0, false);
        const end = (make: () => LinkAnswer) =>
          this.#host.turn(() => {
            this.#readingCount--;
            this.#host.answer(orElse(make, failed), 0);
          });
        read().then(end, (cause: unknown) => end(() => failed(cause)));
      },
      () => this.#host.answer(toAnswer(requestId, resetOutcome, 0, false), 0),
    );
  }

  /**
   * Runs `then` with the activation at rest and the guard's consent; `guardGroup` is the group that last touched what
   * the guard has seen. Activations are obtained when they are used: one kept over a wait may have been passivated.
   */
  #guarded(
    kind: Kind,
    item: CallItem,
    guard: GuardItem | 0,
    deadlineAt: number,
    then: (activation: Activation, guardGroup: number) => void,
  ): void {
    if (guard === 0) {
      return this.#atRest(kind, item[3], item, deadlineAt, (activation) => then(activation, 0));
    }
    const guardKind = this.#domain.kinds.kinds[guard[0]];
    const query = guardKind?.queries[guard[2]];
    if (guardKind === undefined || query === undefined) {
      return this.#endCall(item, failureOutcome('internal', 'The guard is not known.'), 0);
    }
    this.#atRest(guardKind, guard[1], item, deadlineAt, (neighbour) => {
      if (neighbour.phase === 'parked') return this.#endCall(item, parked, 0);
      const { touchedGroup } = neighbour;
      const outcome = this.#executor.query(neighbour, query, guard[3], callerOf(item));
      if (outcome[0] !== outcomeReply) return this.#endCall(item, outcome, touchedGroup);
      this.#atRest(kind, item[3], item, deadlineAt, (activation) => then(activation, touchedGroup));
    });
  }

  /** Runs with the activation loaded; calls that arrive while it loads keep their order. */
  #atRest(
    kind: Kind,
    id: string,
    item: CallItem,
    deadlineAt: number,
    run: (activation: Activation) => void,
  ): void {
    const activation = this.#host.obtain(kind, id);
    if (activation === undefined) {
      return this.#endCall(item, failureOutcome('moved', 'The shard does not have this actor.'), 0);
    }
    // Work that waited for the load goes first.
    if (activation.phase !== 'loading' && activation.waiting.length === 0) return run(activation);
    const mailboxMax = kind.definition.mailboxMax ?? this.#domain.limits.mailboxMax;
    if (activation.waiting.length >= mailboxMax) {
      return this.#endCall(item, failureOutcome('mailbox-full', 'Too many commands wait for this actor.'), 0);
    }
    activation.waiting.push({
      run: () => {
        if (this.#domain.clock.monotonic() > deadlineAt) this.#endCall(item, tooLate, 0);
        else run(activation);
      },
      refuse: () => this.#endCall(item, resetOutcome, 0),
    });
  }

  #endCall(item: CallItem, outcome: StoredOutcome, group: number): void {
    if (item[0] === itemCommand) this.#end(item, outcome, group);
    else this.#host.answer(toAnswer(item[1], outcome, 0, false), group);
  }

  /** Holds a call until the actor is at rest or the wait is over; then answers its `status`. */
  #watch(activation: Activation, requestId: number, waitMs: number, isReplay: boolean): void {
    if (!this.#holdsWaits || waitMs === 0 || !this.#isOpen(activation))
      return this.#answerStatus(activation, requestId, isReplay);
    const watcher = {
      requestId,
      isReplay,
      cancelTimer: this.#domain.clock.after(waitMs, () =>
        this.#host.turn(() => {
          const left = activation.watchers?.filter((other) => other !== watcher) ?? [];
          activation.watchers = left.length === 0 ? undefined : left;
          this.#answerStatus(activation, requestId, isReplay);
        }),
      ),
    };
    if (activation.watchers === undefined) activation.watchers = [watcher];
    else activation.watchers.push(watcher);
  }

  #answerStatus(activation: Activation, requestId: number, isReplay: boolean): void {
    if (activation.phase === 'loading')
      return this.#refuse(requestId, 'outcome-unknown', 'The actor is being loaded again.');
    if (activation.phase === 'parked') return this.#host.answer(toAnswer(requestId, parked, 0, false), 0);
    const status = activation.kind.queryByName.get('status');
    if (status === undefined)
      return this.#refuse(requestId, 'internal', 'The kind has no status to wait for.');
    const outcome = this.#executor.query(activation, status, [], internalCaller);
    const answer: LinkAnswer =
      outcome[0] === outcomeReply
        ? [requestId, answerStatus, outcome[2], activation.version, isReplay]
        : toAnswer(requestId, outcome, activation.version, isReplay);
    this.#host.answer(answer, activation.touchedGroup);
  }

  #isOpen(activation: Activation): boolean {
    try {
      return activation.kind.definition.isOpen?.(activation.state) ?? false;
    } catch (cause) {
      this.#domain.report('error', 'actor-threw', {
        kind: activation.kind.name,
        command: 'isOpen',
        message: cause instanceof Error ? cause.message : 'not an Error',
      });
      return false;
    }
  }

  #refuse(requestId: number, code: string, detail: string): void {
    this.#host.answer([requestId, answerFailure, code, detail, false], 0);
  }

  #failure(cause: unknown): StoredOutcome {
    const code = isOperatingError(cause) ? cause.code : 'internal';
    this.#domain.report('error', 'call-failed', {
      code,
      message: cause instanceof Error ? cause.message : 'not an Error',
    });
    return failureOutcome(code, 'The journal could not be read.');
  }
}

const parked = failureOutcome('actor-parked', 'The actor failed repeatedly and waits for an operator.');
const tooLate = failureOutcome('deadline-passed', 'The deadline passed before the command ran.');
const resetOutcome = failureOutcome(
  'storage-unavailable',
  'The store refused; nothing of the call was done.',
);
const internalCaller: Caller = { principal: '', roles: [], internal: true };

function orElse<T>(make: () => T, failed: (cause: unknown) => T): T {
  try {
    return make();
  } catch (cause) {
    return failed(cause);
  }
}

function callerOf(item: CallItem): Caller {
  if (item[0] === itemCommand) return { principal: item[8], roles: item[9], internal: false };
  if (item[0] === itemQuery) return { principal: item[6], roles: item[7], internal: false };
  return { principal: item[4], roles: item[5], internal: false };
}

function toAnswer(requestId: number, outcome: StoredOutcome, version: number, isReplay: boolean): LinkAnswer {
  if (outcome[0] === outcomeReply) return [requestId, answerReply, outcome[2], version, isReplay];
  return [
    requestId,
    outcome[0] === outcomeRejection ? answerRejection : answerFailure,
    outcome[1],
    outcome[2],
    isReplay,
  ];
}
