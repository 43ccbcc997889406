/**
 * What actors are told from inside: messages of other actors, in the order of their channels, and their own timers.
 */
import type { TaggedReply } from '../actors/model/aggregate.js';
import { isOperatingError } from '../actors/model/errors.js';
import type { Caller, Outcome } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { ActivationDesk } from './actor/activation-desk.js';
import type { CancelTimer } from './clock.js';
import {
  failureOutcome,
  outcomeFailure,
  outcomeRejection,
  outcomeReply,
  type StoredOutcome,
} from './commit/outcome.js';
import {
  causeMessage,
  causeTimer,
  type KeptReply,
  messageId,
  type StoredTimer,
  type StoredTrail,
} from './commit/record.js';
import type { Domain } from './domain.js';
import type { Executed } from './executed.js';
import type { Executor } from './execution.js';
import type { GroupMail } from './group-mail.js';
import type { KindTable } from './kind-table.js';
import type { LetterBox } from './letters/letter-box.js';
import type { Channel, ChannelHub } from './link/channel-hub.js';
import type { MessageItem } from './link/link-protocol.js';
import type { Mail } from './mail.js';
import type { Origin } from './origin.js';
import type { Refusals } from './refusals.js';
import { readReply, unreadableReply } from './stored-reply.js';
import type { LiveTimer, TimerDesk } from './timer/timer-desk.js';

/** A wall clock may be set: a timer that is farther away is looked at again after this. */
const timerLookMs = 1_000;
/** A saga whose timer's command failed (what it decided was past a bound) looks again after this. */
const wakeAgainMs = 60_000;

export interface MessageDeskHost {
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
  /** The activation may have come to rest. */
  changed(activation: Activation): void;
}

export class MessageDesk {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #refusals: Refusals;
  readonly #activations: ActivationDesk;
  readonly #hub: ChannelHub;
  readonly #mail: GroupMail;
  readonly #timers: TimerDesk;
  readonly #host: MessageDeskHost;
  #timerDueAt = Number.POSITIVE_INFINITY;
  /** Due timers that wait for their actors to be loaded. */
  #loadingCount = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor(parts: {
    readonly domain: Domain;
    readonly executor: Executor;
    readonly refusals: Refusals;
    readonly activations: ActivationDesk;
    readonly hub: ChannelHub;
    readonly mail: GroupMail;
    readonly timers: TimerDesk;
    readonly host: MessageDeskHost;
  }) {
    this.#domain = parts.domain;
    this.#executor = parts.executor;
    this.#refusals = parts.refusals;
    this.#activations = parts.activations;
    this.#hub = parts.hub;
    this.#mail = parts.mail;
    this.#timers = parts.timers;
    this.#host = parts.host;
  }

  /** No timer fires from here on. */
  stopTimers(): void {
    this.#cancelTimer?.();
    this.#timerDueAt = Number.POSITIVE_INFINITY;
  }

  /** Runs the next message of a channel, or holds the channel until its actor is loaded. */
  consume(channel: Channel): void {
    const item = channel.queue[channel.next] as MessageItem;
    const kind = this.#domain.kinds.numbered(item[7]);
    const activation = kind === undefined ? undefined : this.#activations.obtain(kind, item[8]);
    if (kind === undefined || activation === undefined) {
      // Opening refuses what its own partitions sent each other (B4): the journal of another shard, or a newer node.
      this.#domain.report('error', 'message-for-unknown-kind', { kind: item[7], id: item[8] });
      return this.#hub.hold(channel);
    }
    if (activation.phase === 'loading') {
      this.#hub.hold(channel);
      const release = () => {
        activation.isAwaited = true;
        this.#hub.release(channel);
      };
      activation.enqueue({ run: release, refuse: () => undefined });
      return;
    }
    activation.isAwaited = false;
    this.#domain.counters.messages++;
    this.#runMessage(activation, item);
    this.#hub.taken(channel);
    this.#host.changed(activation);
  }

  /** Messages that `runMail` would run. */
  get mailPending(): number {
    return this.#mail.pending;
  }

  /**
   * Runs what the open group itself consumes, and what follows from it. Called before the group can be sealed. Gives the
   * number of messages.
   */
  runMail(): number {
    let count = 0;
    for (let mail = this.#mail.take(); mail !== undefined; mail = this.#mail.take()) {
      this.#domain.counters.messages++;
      this.#runMail(mail);
      this.#host.changed(mail.to);
      count++;
    }
    return count;
  }

  #runMail(mail: Mail): void {
    const { to, tag, schema, content } = mail;
    if (to.phase === 'loading') {
      // Broken since the message was posted. It cannot wait: the log does not hold it. What is a reply is kept.
      this.#refusals.record(to, broken, mail);
    } else if (this.#waitsBehind(to.partition.letters, schema, mail)) {
      this.#refusals.record(to, letterAhead, mail);
    } else {
      this.#runContent(to, schema, content, tag, mail);
    }
  }

  #runMessage(activation: Activation, item: MessageItem): void {
    const [, , , , , , , , , schema, content, tag] = item;
    const origin = new MessageOrigin(item);
    if (this.#waitsBehind(activation.partition.letters, schema, origin)) {
      this.#refusals.record(activation, letterAhead, origin);
    } else {
      this.#runContent(activation, schema, content, tag, origin);
    }
  }

  /** E1 of `letter-box.ts`. */
  #waitsBehind(letters: LetterBox, schema: number, origin: Origin): boolean {
    if (letters.size === 0 || this.#domain.kinds.overtakesLetters(schema)) return false;
    const { letter } = origin;
    return letter !== undefined && letters.blocks(letter);
  }

  /** A reply where `schema` is 0, else a command. */
  #runContent(
    activation: Activation,
    schema: number,
    content: Mail['content'],
    tag: string | 0,
    origin: Origin,
  ): void {
    if (activation.phase === 'parked') {
      this.#refusals.record(activation, parked, origin);
    } else if (schema === 0) {
      this.#runReply(activation, tag === 0 ? '' : tag, content as StoredOutcome, origin);
    } else {
      this.#runStored(activation, schema, content, origin);
    }
  }

  #runReply(activation: Activation, tag: string, stored: StoredOutcome, origin: Origin): Executed {
    return this.#executor.reply(activation, this.#toReply(tag, stored), origin);
  }

  /** Runs a stored command. One that this program cannot read is refused, so that it holds up nobody else. */
  #runStored(activation: Activation, schema: number, stored: readonly unknown[], origin: Origin): Executed {
    let command: ReturnType<KindTable['command']>;
    try {
      command = this.#domain.kinds.command(activation.kind, schema, stored);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : 'not an Error';
      this.#domain.report('error', 'command-unknown', { kind: activation.kind.name, message });
      const outcome = isOperatingError(cause) ? failureOutcome(cause.code, cause.message) : unreadable;
      return this.#refusals.record(activation, outcome, origin);
    }
    return this.#executor.command(activation, command.entry, command.fields, origin);
  }

  #toReply(tag: string, stored: StoredOutcome): TaggedReply {
    if (stored[0] === outcomeReply) {
      const outcome = readReply(this.#domain, stored[1], stored[2], toReplyOutcome);
      if (outcome !== undefined) return { tag, outcome };
      const [, code, detail] = unreadableReply;
      return { tag, outcome: { type: 'failure', code, detail }, isUnrecorded: true };
    }
    const type = stored[0] === outcomeRejection ? 'rejection' : 'failure';
    return { tag, outcome: { type, code: stored[1], detail: stored[2] } };
  }

  /** Sees to it that the next due timer fires. Called at the end of a turn. */
  armTimer(): void {
    const isFull = this.#loadingCount >= this.#domain.limits.timersLoadingMax;
    const dueAt = isFull ? Number.POSITIVE_INFINITY : this.#timers.nextDueAt;
    if (dueAt === this.#timerDueAt) return;
    this.#cancelTimer?.();
    this.#timerDueAt = dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(timerLookMs, Math.max(0, dueAt - this.#domain.now));
    this.#cancelTimer = this.#domain.clock.after(delayMs, () => {
      this.#timerDueAt = Number.POSITIVE_INFINITY;
      this.#host.turn(() => this.#fireTimers());
    });
  }

  #fireTimers(): void {
    const { timersPerTurn, timersLoadingMax } = this.#domain.limits;
    const room = Math.min(timersPerTurn, timersLoadingMax - this.#loadingCount);
    for (const timer of this.#timers.takeDue(this.#domain.now, room)) {
      const kind = this.#domain.kinds.numbered(timer.kindSchemaId);
      const activation = kind === undefined ? undefined : this.#activations.obtain(kind, timer.id);
      if (activation === undefined) continue;
      if (activation.mailCount > 0) this.runMail();
      if (activation.phase === 'loading') {
        this.#fireLoaded(activation, timer);
      } else {
        this.#fire(activation, timer);
      }
    }
  }

  #fireLoaded(activation: Activation, timer: LiveTimer): void {
    this.#loadingCount++;
    activation.enqueue({
      run: () => {
        this.#loadingCount--;
        this.#fire(activation, timer);
      },
      refuse: () => {
        this.#loadingCount--;
      },
    });
  }

  #fire(activation: Activation, timer: LiveTimer): void {
    // A parked actor keeps its timers: they are due again once it is unparked, or comes to life in the next process.
    if (activation.phase === 'parked' || !this.#timers.fired(timer)) return;
    this.#domain.counters.timersFired++;
    const { id, name, dueAt, schema, fields, trail } = timer;
    const origin: Origin = {
      cause: [causeTimer, name, dueAt],
      time: dueAt,
      caller: { principal: trail[2], roles: [], internal: true },
      trail,
      commandId: `timer.${id}.${name}.${dueAt}`,
      mustRecord: true,
      kept: schema === 0 ? (again) => [name, again, schema, fields] : undefined,
    };
    const { outcome } =
      schema === 0
        ? this.#runReply(activation, ...(fields as KeptReply), origin)
        : this.#runStored(activation, schema, fields, origin);
    if (outcome[0] === outcomeFailure && activation.kind.isSaga && activation.phase === 'ready') {
      // A live saga is never without its timer, and no reply to it is lost.
      this.#executor.record(activation, origin, outcome, [
        [name, this.#domain.now + wakeAgainMs, schema, fields],
      ]);
    }
    this.#host.changed(activation);
  }
}

/** A message of a channel as the origin of what it asks; its id is put together only where somebody names it. */
class MessageOrigin implements Origin {
  readonly cause: Origin['cause'];
  readonly time: number;
  readonly caller: Caller;
  readonly trail: StoredTrail;
  readonly mustRecord = true;
  readonly replyTo: Origin['replyTo'];
  readonly letter: Origin['letter'];
  readonly #reply: MessageItem | undefined;
  #commandId: string | undefined;

  constructor(item: MessageItem) {
    const tag = item[11];
    this.cause = [causeMessage, item[1], item[2], item[3]];
    this.time = item[4];
    this.trail = item[12];
    this.caller = { principal: item[12][2], roles: noRoles, internal: true };
    this.letter = tag === 0 && item[9] !== 0 ? item : undefined;
    this.#reply = item[9] === 0 ? item : undefined;
    this.replyTo = tag === 0 || item[9] === 0 ? undefined : { kindSchemaId: item[5], id: item[6], tag };
  }

  get commandId(): string {
    const [, source, position, ordinal] = this.cause as readonly [number, number, number, number];
    this.#commandId ??= messageId(source, position, ordinal);
    return this.#commandId;
  }

  kept(dueAt: number): StoredTimer | undefined {
    if (this.#reply === undefined) return undefined;
    const tag = this.#reply[11];
    const reply: KeptReply = [tag === 0 ? '' : tag, this.#reply[10] as StoredOutcome];
    return [`reply ${this.commandId}`, dueAt, 0, reply];
  }
}

const noRoles: readonly string[] = [];
const toReplyOutcome = (reply: unknown): Outcome => ({ type: 'reply', reply });
const unreadable = failureOutcome('internal', 'An upcaster of the command threw.');
const parked = failureOutcome('actor-parked', 'The actor is parked.');
const broken = failureOutcome('internal', 'The actor failed.');
const letterAhead = failureOutcome(
  'dead-letter-ahead',
  'An earlier message from the same actor waits as a dead letter.',
);
