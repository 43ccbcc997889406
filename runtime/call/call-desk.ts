/**
 * Calls from outside: commands with their deduplication, queries, history, and waits for an actor to come to rest.
 *
 *     call ─▸ guard's actor at rest? ─▸ actor at rest ─▸ command: execute · query: read · history: journal-reads.ts
 *      └▸ command with a key: under way (running-commands.ts) or recorded (recorded-commands.ts)? then its outcome
 *
 * L1  An answer waits for the group that last touched whatever it was computed from.
 * L2  Of several commands with one id one runs; the others attach to it or get the recorded outcome.
 * L3  Every call taken is answered once, by its outcome or by a refusal; after a reset nothing of it stays behind.
 */
import type { Activation } from '../actor/activation.js';
import { failureOutcome, outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import { causeCommand, eventCount, type StoredRecord } from '../commit/record.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import type { Executed } from '../executed.js';
import type { Executor } from '../execution.js';
import type { CommandEntry, Kind } from '../kind-table.js';
import {
  type CallItem,
  type CommandItem,
  type HistoryItem,
  itemCommand,
  itemQuery,
  type QueryItem,
} from '../link/link-protocol.js';
import type { Origin } from '../origin.js';
import { ActorDoor } from './actor-door.js';
import { callerOf, parkedOutcome, refusal, resetOutcome, toAnswer, tooLateOutcome } from './call-answers.js';
import { JournalReads, type JournalReadsHost } from './journal-reads.js';
import { findRecorded, recordedOutcome } from './recorded-commands.js';
import { type RunningCommand, RunningCommands } from './running-commands.js';
import { StatusWaits } from './status-waits.js';

/** What the desk needs of its shard. */
export interface CallDeskHost extends JournalReadsHost {
  /** The activation of an address, loading if it was not resident; undefined when another shard owns it. */
  obtain(kind: Kind, id: string): Activation | undefined;
  /** Runs what the open group has for its own actors. */
  runMail(): void;
  /** Number of the open group. */
  openGroup(): number;
  /** Whoever waited for the actor is told that it has come to rest, once that group is durable. */
  atRest(activation: Activation, group: number): void;
  /** Why new commands are refused now, if they are. */
  refusal(): { readonly code: string; readonly detail: string } | undefined;
}

export class CallDesk {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #entries: EntrySource;
  readonly #host: CallDeskHost;
  readonly #running = new RunningCommands();
  readonly #door: ActorDoor;
  readonly #reads: JournalReads;
  readonly #waits: StatusWaits;

  constructor(domain: Domain, executor: Executor, entries: EntrySource, host: CallDeskHost) {
    this.#domain = domain;
    this.#executor = executor;
    this.#entries = entries;
    this.#host = host;
    this.#door = new ActorDoor(domain, executor, {
      obtain: (kind, id) => host.obtain(kind, id),
      runMail: () => host.runMail(),
      refuse: (item, outcome, group) => this.#endCall(item, outcome, group),
    });
    this.#reads = new JournalReads(domain, executor, entries, host);
    this.#waits = new StatusWaits(domain, executor, host);
  }

  /** Takes one call; `receivedAt` is the monotonic ms of its arrival. */
  take(item: CallItem, receivedAt: number): void {
    const kind = this.#domain.kinds.kinds[item[2]];
    const deadlineMs = item[0] === itemCommand ? item[13] : item[0] === itemQuery ? item[8] : item[6];
    if (kind === undefined) return this.#refuse(item[1], 'internal', 'Unknown kind.');
    // A caller whose deadline has passed has its answer already; running the command would only surprise it.
    if (this.#domain.clock.monotonic() - receivedAt > deadlineMs) {
      return this.#host.answer(toAnswer(item[1], tooLateOutcome, 0, false), 0);
    }
    const deadlineAt = receivedAt + deadlineMs;
    if (item[0] === itemCommand) this.#command(kind, item, deadlineAt);
    else if (item[0] === itemQuery) this.#query(kind, item, deadlineAt);
    else this.#history(kind, item, deadlineAt);
  }

  /** True when no call is being looked up or read from the journal. */
  get isQuiet(): boolean {
    return this.#running.isQuiet && this.#reads.count === 0;
  }

  /** A group with recorded outcomes is durable: its command ids are answered from the log from now on. */
  settled(commandId: string): void {
    this.#running.take(commandId);
  }

  /** The activation's state changed: whoever waits for it to come to rest may be answered. */
  changed(activation: Activation): void {
    this.#waits.changed(activation);
  }

  /** Answers all who wait for an actor with how it stands; no call waits from here on. */
  endAllWaits(): void {
    this.#waits.endAll();
  }

  /**
   * The domain was reset. Those in a group's gate are settled with it, those who waited for an actor were refused by it;
   * left are commands that were being looked up, with whoever attached to them, waits, and reads that have not begun.
   */
  reset(): void {
    for (const requestId of this.#running.reset())
      this.#host.answer(toAnswer(requestId, resetOutcome, 0, false), 0);
    this.#waits.reset();
    this.#reads.reset();
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
      this.#door.enter(kind, item, item[15], deadlineAt, (activation, guardGroup) =>
        this.#execute(activation, command, item, guardGroup),
      );
    if (fingerprint === 0) return run();
    const earlier = this.#running.get(commandId);
    if (earlier !== undefined) return this.#attach(kind, earlier, item);
    const running = this.#running.begin(commandId, fingerprint, item[1]);
    if (!partition.ledger.mayHold(commandId)) return run();
    // After a reset the command was refused already, and the id may stand for a repeat of it.
    const still = (then: () => void) =>
      this.#host.turn(() => {
        if (this.#running.get(commandId) === running) then();
      });
    findRecorded(this.#entries, partition, commandId).then(
      (found) =>
        still(() => {
          if (found === undefined) run();
          else this.#replay(kind, command, item, found);
        }),
      (cause: unknown) => still(() => this.#end(item, this.#reads.failure(cause))),
    );
  }

  #attach(kind: Kind, running: RunningCommand, item: CommandItem): void {
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

  #replay(kind: Kind, command: CommandEntry, item: CommandItem, record: StoredRecord): void {
    const running = this.#running.take(item[6]);
    this.#domain.counters.deduplicated++;
    const cause = record[5];
    const isSame = cause[0] === causeCommand && cause[2] === item[7];
    const outcome: StoredOutcome = isSame
      ? recordedOutcome(this.#domain, command, record)
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
    if (activation?.phase === 'loading') activation.enqueue({ run: giveAll, refuse: giveAll });
    else giveAll();
  }

  #execute(activation: Activation, command: CommandEntry, item: CommandItem, guardGroup: number): void {
    if (activation.phase === 'parked') return this.#end(item, parkedOutcome);
    this.#domain.counters.commands++;
    const origin = {
      cause: [causeCommand, item[6], item[7]],
      time: 0,
      caller: callerOf(item),
      trail: [item[10], 0, item[8], item[11]],
      commandId: item[6],
      mustRecord: item[7] !== 0,
    } satisfies Origin;
    const executed = this.#executor.command(activation, command, item[5], origin, item[12]);
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
    if (!executed.recorded) this.#running.take(item[6]);
  }

  /** Ends a command with an outcome that nothing records; a repeat will run anew. */
  #end(item: CommandItem, outcome: StoredOutcome, group = 0): void {
    const running = this.#running.take(item[6]);
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
      this.#waits.hold(activation, requestId, waitMs, isReplay);
    } else {
      this.#host.answer(toAnswer(requestId, outcome, executed.version, isReplay), group);
    }
  }

  #query(kind: Kind, item: QueryItem, deadlineAt: number): void {
    const query = kind.queries[item[4]];
    if (query === undefined) return this.#refuse(item[1], 'internal', 'The kind has no such query.');
    this.#domain.counters.queries++;
    this.#door.enter(kind, item, item[10], deadlineAt, (activation, guardGroup) => {
      if (activation.phase === 'parked')
        return this.#host.answer(toAnswer(item[1], parkedOutcome, 0, false), 0);
      const group = Math.max(activation.touchedGroup, guardGroup);
      if (item[11] !== 0) return this.#reads.past(activation, query, item, item[11], { group, deadlineAt });
      const outcome = this.#executor.query(activation, query, item[5], callerOf(item));
      if (item[9] >= 0 && outcome[0] === outcomeReply && this.#waits.isOpen(activation)) {
        return this.#waits.hold(activation, item[1], item[9], false);
      }
      this.#host.answer(toAnswer(item[1], outcome, activation.version, false), group);
    });
  }

  #history(kind: Kind, item: HistoryItem, deadlineAt: number): void {
    this.#domain.counters.queries++;
    this.#door.enter(kind, item, item[7], deadlineAt, (activation, guardGroup) =>
      this.#reads.page(activation, item, {
        group: Math.max(activation.touchedGroup, guardGroup),
        deadlineAt,
      }),
    );
  }

  #endCall(item: CallItem, outcome: StoredOutcome, group: number): void {
    if (item[0] === itemCommand) this.#end(item, outcome, group);
    else this.#host.answer(toAnswer(item[1], outcome, 0, false), group);
  }

  #refuse(requestId: number, code: string, detail: string): void {
    this.#host.answer(refusal(requestId, code, detail), 0);
  }
}
