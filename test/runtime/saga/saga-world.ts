/**
 * The world around one saga instance, by hand: it keeps the messages that are not answered yet, what each of them
 * really did, the one timer and the clock. Every acceptance is folded at once, and M2, M4, replay and snapshots are
 * checked after each; of every reply that is decided without a draft, that a draft decides the same.
 */
import assert from 'node:assert/strict';
import type { Acceptance, DecideContext } from '../../../actors/model/aggregate.js';
import type { Contract } from '../../../actors/model/contract.js';
import type { Caller, MessageOrder, Outcome } from '../../../actors/model/message.js';
import type { SagaDefinition, SagaStatus } from '../../../actors/model/saga.js';
import { type Move, SagaDraft } from '../../../runtime/saga/saga-draft.js';
import { isLive, type SagaInstance } from '../../../runtime/saga/saga-instance.js';
import { type CompiledSaga, compileSaga } from '../../../runtime/saga/saga-machine.js';
import { SagaMoves } from '../../../runtime/saga/saga-moves.js';
import { dueAt } from '../../../runtime/saga/saga-timing.js';

export interface LoggedEvent {
  readonly type: string;
  readonly data: unknown;
  readonly at: number;
}

export const startTime = 1_000_000;
export const alice: Caller = { principal: 'alice', roles: ['customer'], internal: false };
const activityKind = 'activity';
export const root: Caller = { principal: 'root', roles: ['admin'], internal: false };
export const runtimeCaller: Caller = { principal: 'alice', roles: [], internal: true };

export class SagaWorld {
  readonly saga: CompiledSaga;
  readonly #moves: SagaMoves;
  now = startTime;
  instance: SagaInstance;
  log: LoggedEvent[] = [];
  /** Messages sent and not answered, in order of sending. */
  pending: MessageOrder[] = [];
  /** Tags of everything sent, in order. */
  sent: string[] = [];
  /** Tags of messages that took effect, in order. */
  effects: string[] = [];
  /** Messages that ask for no answer. */
  told: MessageOrder[] = [];
  timerAt: number | undefined;
  /** Replies that were decided without a draft. */
  shortcuts = 0;

  constructor(definition: SagaDefinition | CompiledSaga) {
    this.saga = 'plan' in definition ? definition : compileSaga(definition);
    this.#moves = new SagaMoves(this.saga.planOf);
    this.instance = this.saga.initial();
  }

  get state(): SagaInstance['state'] {
    return this.instance.state;
  }

  get types(): string[] {
    return this.log.map((event) => event.type);
  }

  status(caller: Caller = alice): SagaStatus {
    // The query's reply schema is that of SagaStatus.
    return this.read('status', caller) as SagaStatus;
  }

  read(query: string, caller: Caller = alice): unknown {
    return this.saga.read[query]?.(this.instance, {}, this.context(caller));
  }

  start(input: object, caller: Caller = alice): unknown {
    const decision = this.saga.decide.start?.(this.instance, input, this.context(caller));
    assert(decision !== undefined);
    return 'type' in decision ? decision : this.#accept(decision);
  }

  reply(tag: string, reply: unknown = `${tag} ok`): void {
    this.#answer(tag, { type: 'reply', reply });
  }

  refuse(tag: string, code = 'no', detail = `${tag} refused`): void {
    this.#answer(tag, { type: 'rejection', code, detail });
  }

  fail(tag: string, code = 'busy', detail = `${tag} not tried`): void {
    this.#answer(tag, { type: 'failure', code, detail });
  }

  /** Answers an activity with an outcome of its own. */
  outcome(
    tag: string,
    outcome: { readonly type: string; readonly code?: string; readonly value?: unknown },
  ): void {
    this.#take(tag);
    this.#perform(tag, { value: null, code: '', detail: '', ...outcome });
  }

  /** A command from outside or from another actor; what it answers. */
  tell(command: string, input: unknown = {}, caller: Caller = alice): unknown {
    const decision = this.saga.decide[command]?.(this.instance, input, this.context(caller));
    assert(decision !== undefined, `there is a command ${command}`);
    return 'type' in decision ? decision : this.#accept(decision);
  }

  /** Hands over an answer that no message of this world asked for. */
  strayAnswer(tag: string, outcome: Outcome): void {
    this.#deliver(tag, outcome);
  }

  /** Runs the clock to the timer and fires it. */
  wait(): void {
    assert(this.timerAt !== undefined, 'a timer is live');
    this.now = Math.max(this.now, this.timerAt);
    this.timerAt = undefined;
    this.repeatWake();
  }

  /** Lets time pass without a firing. */
  pause(delayMs: number): void {
    this.now += delayMs;
  }

  /** A `wake` beside the timer, due or not, as a second firing would be. */
  repeatWake(): void {
    const decision = this.saga.decide.wake?.(this.instance, {}, this.context(runtimeCaller));
    assert(decision !== undefined && !('type' in decision));
    this.#accept(decision);
  }

  clone(): SagaWorld {
    const copy = new SagaWorld(this.saga);
    copy.instance = structuredClone(this.instance);
    copy.now = this.now;
    copy.log = [...this.log];
    copy.pending = [...this.pending];
    copy.sent = [...this.sent];
    copy.effects = [...this.effects];
    copy.told = [...this.told];
    copy.timerAt = this.timerAt;
    return copy;
  }

  /** Equal for two worlds that cannot be told apart in the future, nor by what they have done. */
  get fingerprint(): string {
    const { now } = this;
    const { state, stage, tasks, armedAt, startedAt } = this.instance;
    // Further back than any timeout of these tests all moments are alike.
    const fromNow = (at: number): number => Math.max(at - now, -200);
    return [
      state,
      stage,
      tasks.map(({ step, item, mark, waiting, attempt, since, until }) =>
        waiting === 'nothing'
          ? [step, item, mark].join()
          : [step, item, mark, waiting, attempt, fromNow(since), until === 0 ? 0 : fromNow(until)].join(),
      ),
      Math.max(armedAt - now, -1),
      fromNow(startedAt),
      this.pending.map((message) => message.tag),
      this.sent,
      this.effects,
      this.told.map((message) => message.command),
      this.timerAt === undefined ? '' : this.timerAt - now,
    ].join('|');
  }

  /** The state that the log alone gives. */
  replayed(): SagaInstance {
    let state = this.saga.initial();
    for (const { type, data, at } of this.log) {
      state = this.saga.evolve[type]?.(state, data, at) as SagaInstance;
    }
    return state;
  }

  context(caller: Caller = runtimeCaller): DecideContext {
    return {
      id: 'saga-1',
      now: this.now,
      version: this.log.length,
      caller,
      trail: { correlationId: 'c', causationId: '', principal: caller.principal, traceparent: '' },
      commandId: 'command',
    };
  }

  #answer(tag: string, outcome: Outcome): void {
    const { kind } = this.#take(tag);
    if (outcome.type === 'reply') this.effects.push(tag);
    if (kind !== activityKind) return this.#deliver(tag, outcome);
    if (outcome.type === 'reply') {
      this.#perform(tag, { type: 'result', value: outcome.reply, code: '', detail: '' });
    } else {
      const { code, detail } = outcome;
      this.#perform(tag, {
        type: outcome.type === 'rejection' ? 'rejected' : 'failed',
        value: null,
        code,
        detail,
      });
    }
  }

  #take(tag: string): MessageOrder {
    const index = this.pending.findIndex((message) => message.tag === tag);
    assert(index >= 0, `${tag} is under way`);
    const [message] = this.pending.splice(index, 1);
    return message as MessageOrder;
  }

  #perform(tag: string, outcome: object): void {
    this.tell('performed', { tag, ...outcome }, runtimeCaller);
  }

  #deliver(tag: string, outcome: Outcome): void {
    if (outcome.type === 'reply') this.#checkShortcut(tag, outcome.reply);
    const acceptance = this.saga.onReply?.(this.instance, { tag, outcome }, this.context());
    assert(acceptance !== undefined);
    this.#accept(acceptance);
  }

  #accept(acceptance: Acceptance<Contract, unknown, SagaInstance>): unknown {
    const { events = [], messages = [], timers = [], reply } = acceptance;
    const wasLive = this.state === 'pending' || isLive(this.instance);
    for (const { type, data } of events) {
      this.log.push({ type, data: structuredClone(data), at: this.now });
      const evolve = this.saga.evolve[type];
      assert(evolve !== undefined, `${type} has an evolve case`);
      this.instance = evolve(this.instance, data, this.now);
    }
    for (const message of messages) {
      const { tag } = message;
      if (tag === undefined) {
        this.told.push(message);
        continue;
      }
      const underWay = this.pending.some((other) => other.tag === tag);
      assert(!underWay, `M2: ${tag} is not sent again while it is under way`);
      this.pending.push(message);
      this.sent.push(tag);
    }
    for (const timer of timers) {
      if (timer.type === 'perform') {
        const { name, activity, input } = timer;
        const underWay = this.pending.some((other) => other.tag === name);
        assert(!underWay, `M2: ${name} is not begun again while it is under way`);
        this.pending.push({ kind: activityKind, id: '', command: activity, payload: input, tag: name });
        this.sent.push(name);
        continue;
      }
      assert.equal(timer.name, 'wake');
      this.timerAt = timer.type === 'set' ? timer.dueAt : undefined;
    }
    assert(wasLive || (events.length === 0 && messages.length === 0), 'M1: nothing follows the end');
    this.#check();
    return typeof reply === 'function' ? reply(this.instance, this.log.length) : reply;
  }

  #checkShortcut(tag: string, reply: unknown): void {
    const context = this.context();
    const short = this.#moves.answer(this.instance, { tag, outcome: { type: 'reply', reply } }, context);
    if (short === undefined || short instanceof SagaDraft) return;
    this.shortcuts++;
    const draft = this.#moves.draft(this.instance, context);
    draft.emit({ type: 'StepCompleted', data: { step: tag, result: reply ?? null } });
    const parts = ({ events, messages, activities, armedAt }: Move) => [
      events,
      messages,
      activities,
      armedAt,
    ];
    assert.deepEqual(parts(short), parts(draft.follow()), 'a draft decides the same');
  }

  #check(): void {
    const due = dueAt(this.saga.planOf(this.instance), this.instance);
    if (!isLive(this.instance)) {
      assert.equal(this.timerAt, undefined, 'M4: no timer after the end');
    } else {
      assert(this.timerAt !== undefined && this.timerAt <= due, `M4: the timer is not later than ${due}`);
      const mayWait = due !== Number.POSITIVE_INFINITY || this.instance.parkedAt > 0;
      assert(mayWait || this.pending.length > 0, 'an instance without anything due has a message under way');
    }
    assert.deepEqual(this.replayed(), this.instance, 'replay gives the same state');
    const { encode, decode } = this.saga.snapshot;
    assert(encode !== undefined && decode !== undefined);
    assert.deepEqual(decode(structuredClone(encode(this.instance))), this.instance, 'so does a snapshot');
  }
}
