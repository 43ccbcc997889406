/**
 * The commit loop: one open group that grows until it is sent (`group-pace.ts`), at most two in flight, and the rule that says when a
 * group is settled.
 *
 * Q1  Groups become durable in the order of their numbers.
 * Q2  A group whose append has no answer is settled by looking or by sending the same bytes again, never by guessing:
 *     its hash at its position is a yes; another entry there is a no; a shorter log proves nothing.
 * Q3  After one refusal the committer is closed: every later group would follow a head that will never be.
 */

import { EntryReader, hashEntry, sameHash } from '../../persistence/entry.js';
import type { AppendResult, Journal } from '../../persistence/journal.js';
import type { Clock } from '../clock.js';
import type { Limits } from '../limits.js';
import { Group } from './group.js';
import { GroupPace } from './group-pace.js';

/** Pause before a group is sent for the third time, and longest pause between later ones. */
const resendDelayMs = 10;
const resendDelayMsMax = 500;

export type RefusalReason = 'fenced' | 'conflict' | 'storage';

export interface CommitterEvents {
  /** In order of numbers (Q1). */
  onDurable(group: Group, latencyMs: number): void;
  /** Nothing of `refused` is in the log; groups after it were never accepted either. */
  onRefused(reason: RefusalReason, detail: string): void;
  /** The open group, which a turn has left for the pace, is to be sent by another turn, now. */
  onDue(): void;
  /** The store failed in a way that only a new process can settle. */
  onFatal(cause: unknown): void;
}

export class Committer {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #failsWithProcess: boolean;
  readonly #events: CommitterEvents;
  readonly #pace: GroupPace;
  #open: Group;
  #inFlight: Group[] = [];
  readonly #appended = new Set<Group>();
  /** Refused only because the group before them has no answer yet; looked at again when it has. */
  readonly #waiting = new Set<Group>();
  #durableGroup = 0;
  #closed = false;
  #isWatched = false;
  #isDueAwaited = false;

  constructor(options: {
    readonly journal: Journal;
    readonly clock: Clock;
    readonly limits: Limits;
    readonly failsWithProcess: boolean;
    readonly events: CommitterEvents;
    readonly firstGroup: number;
  }) {
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#failsWithProcess = options.failsWithProcess;
    this.#events = options.events;
    this.#pace = new GroupPace(options.limits);
    this.#open = new Group(options.firstGroup);
    this.#durableGroup = options.firstGroup - 1;
  }

  get open(): Group {
    return this.#open;
  }

  get durableGroup(): number {
    return this.#durableGroup;
  }

  get inFlightCount(): number {
    return this.#inFlight.length;
  }

  /** True when no more work may be added until a group in flight is settled. */
  get isFull(): boolean {
    return (
      this.#open.commandCount >= this.#limits.groupCommandsMax ||
      this.#open.byteCount >= this.#limits.groupBytesMax
    );
  }

  /** True when the open group may grow by more than the record that is being written. */
  get hasRoom(): boolean {
    return (
      this.#open.commandCount + 1 < this.#limits.groupCommandsMax &&
      this.#open.byteCount < this.#limits.groupBytesMax
    );
  }

  get isIdle(): boolean {
    return this.#inFlight.length === 0 && this.#open.isEmpty;
  }

  /** The group with that number if it is not durable yet. */
  pending(number: number): Group | undefined {
    if (number <= this.#durableGroup) return undefined;
    return number === this.#open.number
      ? this.#open
      : this.#inFlight.find((group) => group.number === number);
  }

  /** Sends the open group, if it can be sent, when the pace says so: now, or in a later turn. */
  sendInPace(): void {
    if (!this.#maySend) return;
    const left = this.#pace.dueIn(this.#open.commandCount, this.#clock.monotonic());
    if (left <= 0) return this.send();
    if (this.#isDueAwaited) return;
    this.#isDueAwaited = true;
    this.#clock.after(left, () => {
      this.#isDueAwaited = false;
      if (!this.#closed) this.#events.onDue();
    });
  }

  get #maySend(): boolean {
    return !this.#closed && !this.#open.isEmpty && this.#inFlight.length < this.#limits.groupsInFlightMax;
  }

  /** Seals and sends the open group if it has work and a place in flight is free. */
  send(): void {
    if (!this.#maySend) return;
    const group = this.#open;
    const predecessor = this.#inFlight.at(-1);
    group.seal();
    group.sentAt = this.#clock.monotonic();
    this.#pace.sent(group.commandCount, group.sentAt);
    this.#open = new Group(group.number + 1);
    this.#inFlight.push(group);
    this.#append(group, predecessor);
    this.#watch(this.#limits.appendDeadlineMs);
  }

  /** Takes the groups that will not be committed: those in flight (in order) and the open one. */
  abandon(): { readonly inFlight: readonly Group[]; readonly open: Group } {
    this.#closed = true;
    return { inFlight: this.#inFlight, open: this.#open };
  }

  #append(group: Group, predecessor: Group | undefined): void {
    group.sentCount++;
    this.#journal.append(group.toAppend(predecessor)).then(
      (result) => this.#settle(group, predecessor, result),
      (cause) => this.#settle(group, predecessor, { type: 'unknown', cause }),
    );
  }

  #settle(group: Group, predecessor: Group | undefined, result: AppendResult): void {
    // A group that was sent twice, or given up waiting for, may be answered again.
    if (this.#closed || this.#appended.has(group) || !this.#inFlight.includes(group)) return;
    if (result.type === 'appended') {
      this.#appended.add(group);
      this.#releaseInOrder();
      return;
    }
    if (result.type === 'unknown') {
      if (this.#failsWithProcess) {
        this.#closed = true;
        this.#events.onFatal(result.cause);
      } else {
        void this.#look(group, predecessor);
      }
      return;
    }
    // A refused follower of a group that is still being settled says nothing about that group: wait for its answer.
    if (this.#inFlight[0] !== group && result.reason === 'conflict') {
      this.#waiting.add(group);
      return;
    }
    // An earlier sending may be what this one ran into.
    if (group.sentCount > 1 && result.reason !== 'storage') void this.#lookBefore(group, result);
    else this.#refused(result);
  }

  #refused({ reason, detail }: Refused): void {
    this.#closed = true;
    this.#events.onRefused(reason, detail);
  }

  async #lookBefore(group: Group, result: Refused): Promise<void> {
    const found = await lookFor(this.#journal, group);
    if (found === 'present') this.#settle(group, undefined, { type: 'appended' });
    else if (!this.#closed) this.#refused(result);
  }

  /** An append whose promise never settles counts as unknown from its deadline on. */
  #watch(delayMs: number): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#clock.after(delayMs, () => {
      this.#isWatched = false;
      const first = this.#inFlight[0];
      if (first === undefined || this.#closed) return;
      const left = first.sentAt + this.#limits.appendDeadlineMs - this.#clock.monotonic();
      if (left <= 0) {
        const cause = new Error('the append was not answered in time');
        this.#settle(first, undefined, { type: 'unknown', cause });
      }
      this.#watch(left > 0 ? left : this.#limits.appendDeadlineMs);
    });
  }

  /** Q2. Looks once; sends the same bytes again, after a pause, when the log is shorter; gives up past the deadline. */
  async #look(group: Group, predecessor: Group | undefined): Promise<void> {
    const found = await lookFor(this.#journal, group);
    if (this.#closed) return;
    if (found === 'present') {
      this.#settle(group, predecessor, { type: 'appended' });
    } else if (found === 'absent') {
      this.#settle(group, predecessor, {
        type: 'refused',
        reason: 'conflict',
        detail: 'another entry stands there',
      });
    } else if (this.#clock.monotonic() - group.sentAt >= this.#limits.appendDeadlineMs) {
      this.#settle(group, predecessor, {
        type: 'refused',
        reason: 'storage',
        detail: 'the store gives no answer',
      });
    } else if (found === 'unproven') {
      const pauses = group.sentCount - 1;
      const delay = pauses === 0 ? 0 : Math.min(resendDelayMs * 2 ** (pauses - 1), resendDelayMsMax);
      this.#clock.after(delay, () => {
        if (!this.#closed && this.#inFlight.includes(group)) this.#append(group, predecessor);
      });
    } else {
      this.#clock.after(50, () => void this.#look(group, predecessor));
    }
  }

  #releaseInOrder(): void {
    for (;;) {
      const first = this.#inFlight[0];
      if (first === undefined || !this.#appended.delete(first)) break;
      this.#inFlight.shift();
      this.#durableGroup = first.number;
      this.#events.onDurable(first, this.#clock.monotonic() - first.sentAt);
    }
    const next = this.#inFlight[0];
    if (next !== undefined && this.#waiting.delete(next)) void this.#look(next, undefined);
  }
}

type Refused = AppendResult & { readonly type: 'refused' };

/**
 * What the log says about a group: `present` (its hash stands at its position), `absent` (another entry does),
 * `unproven` (the log is shorter), `unreachable`.
 */
export async function lookFor(
  journal: Journal,
  group: Group,
): Promise<'present' | 'absent' | 'unproven' | 'unreachable'> {
  const entry = group.entries[0];
  if (entry === undefined) return 'present';
  try {
    const [stored] = await journal.read(entry.partition, entry.position, { entriesMax: 1, bytesMax: 1 });
    if (stored === undefined) return 'unproven';
    const reader = new EntryReader(stored.bytes);
    if (reader.position !== entry.position) return 'absent';
    return sameHash(hashEntry(stored.bytes), entry.hash) ? 'present' : 'absent';
  } catch {
    // The store cannot be asked now; the caller asks again until its deadline.
    return 'unreachable';
  }
}
