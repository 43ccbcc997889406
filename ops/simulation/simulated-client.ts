/**
 * One client: one operation at a time, asked again under its key until the answer is definite. It holds the system to what
 * it was told:
 *
 *     I1, I6   an answer that names a version comes when that version is durable; one to a keyed command when it is recorded
 *     I2, I14  every definite answer to one key is the same; with another body the key is refused
 *     I15      every call is answered, and an operating failure is one of those a client can act on
 *     I21      what a client has seen of an actor, a later call does not fall behind
 */
import type { ActorCall } from '../../actors/model/call.js';
import type { Caller } from '../../actors/model/message.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import type { JournalAudit } from './journal-audit.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedNode } from './simulated-node.js';
import { type AnsweredOperation, type Operation, Violation } from './workload.js';

const anybody: Caller = { principal: 'somebody', roles: ['admin'], internal: false };
/** Far beyond every deadline of a call, pauses of threads included. */
const answerMsMax = 20_000;

/** After these nothing was done, or a repeat under the same key tells. */
const expectedFailures: ReadonlySet<string> = new Set([
  'storage-unavailable',
  'storage-behind',
  'outcome-unknown',
  'shutting-down',
  'overloaded',
  'mailbox-full',
  'deadline-passed',
  'version-conflict',
  // Of a node that has noticed it and is about to end.
  'store-went-back',
]);

interface Asked {
  readonly node: SimulatedNode;
  readonly askedAt: number;
  /** Another body under the key of a command that has its answer. */
  readonly isForged: boolean;
  isAnswered: boolean;
}

/** One operation with what is known of it. */
export class Tracked {
  readonly operation: Operation;
  readonly key: string;
  readonly commandId: string;
  answer: AnsweredOperation['answer'];
  /** The first definite answer as text. */
  text: string | undefined;
  /** Codes of failures that say that nothing was done; only for what is sent once. */
  failure: string | undefined;
  isOver = false;
  repeatsLeft: number;

  constructor(
    operation: Operation,
    id: { readonly key: string; readonly commandId: string },
    repeatsLeft: number,
  ) {
    this.operation = operation;
    this.key = id.key;
    this.commandId = id.commandId;
    this.repeatsLeft = repeatsLeft;
  }

  get isKeyed(): boolean {
    return this.operation.call.type === 'command' && this.operation.sent !== 'once';
  }
}

export interface ClientAsk {
  readonly call: ActorCall;
  readonly caller: Caller;
  readonly key: string;
  readonly commandId: string;
  readonly isKeyed: boolean;
  readonly isForged: boolean;
}

export interface ClientWorld {
  readonly draw: SeededRandom;
  readonly audit: JournalAudit;
  now(): number;
  /** The next operation, and undefined when there is nothing more to do. */
  next(): Operation | undefined;
  note(...what: readonly string[]): void;
  /** The id under which the journal knows what is asked under this key. */
  commandIdOf(call: ActorCall, caller: Caller, key: string): string;
  /** Asks a node, one way or another. `isForged`: under the same key, with another body. */
  ask(node: SimulatedNode, asked: ClientAsk, answered: (answer: ActorAnswer) => void): void;
  /** Another owner has taken over from this node: what it says without asking the store may be old. */
  isSuperseded(node: SimulatedNode): boolean;
}

export class SimulatedClient {
  readonly #world: () => ClientWorld;
  readonly #name: string;
  readonly #asked = new Set<Asked>();
  readonly #seen = new Map<string, number>();
  readonly tracked: Tracked[] = [];
  #current: Tracked | undefined;
  #isDone = false;

  constructor(name: string, world: () => ClientWorld) {
    this.#name = name;
    this.#world = world;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Does what is to be done now, by asking this node. */
  drive(node: SimulatedNode): void {
    // Also a node that others have succeeded may come to its end by itself, and its connections break with it.
    for (const asked of this.#asked) if (!asked.node.isAlive) this.#forget(asked);
    this.#checkPatience();
    if (this.#asked.size > 0 || this.#isDone) return;
    if (this.#current === undefined || this.#current.isOver) {
      this.#current = this.#begin();
      if (this.#current === undefined) return;
    }
    const tracked = this.#current;
    if (tracked.answer === undefined) {
      const copies =
        tracked.isKeyed && this.#world().draw.below(7) === 0 ? 2 + this.#world().draw.below(3) : 1;
      for (let copy = 0; copy < copies; copy++) this.#ask(node, tracked, false);
    } else if (tracked.repeatsLeft-- > 0) {
      this.#ask(node, tracked, this.#world().draw.below(3) === 0);
    } else {
      tracked.isOver = true;
    }
  }

  /** The node is gone, and with it whatever it was asked. */
  lose(node: SimulatedNode): void {
    for (const asked of this.#asked) if (asked.node === node) this.#forget(asked);
  }

  #forget(asked: Asked): void {
    asked.isAnswered = true;
    this.#asked.delete(asked);
    if (this.#current !== undefined && !this.#current.isKeyed) this.#current.isOver = true;
  }

  #begin(): Tracked | undefined {
    const world = this.#world();
    const operation = world.next();
    if (operation === undefined) {
      this.#isDone = true;
      return undefined;
    }
    const key = `${this.#name}.${this.tracked.length}`;
    const commandId = world.commandIdOf(operation.call, operation.caller ?? anybody, key);
    const tracked = new Tracked(operation, { key, commandId }, world.draw.below(5) === 0 ? 1 : 0);
    this.tracked.push(tracked);
    return tracked;
  }

  #ask(node: SimulatedNode, tracked: Tracked, isForged: boolean): void {
    const { call, caller = anybody } = tracked.operation;
    const asked: Asked = { node, askedAt: this.#world().now(), isForged, isAnswered: false };
    const seen = this.#seen.get(nameOf(call)) ?? 0;
    this.#asked.add(asked);
    const { key, commandId, isKeyed } = tracked;
    this.#world().ask(node, { call, caller, key, commandId, isKeyed, isForged }, (answer) => {
      if (!asked.isAnswered) this.#answered(asked, tracked, answer, seen);
    });
  }

  #answered(asked: Asked, tracked: Tracked, answer: ActorAnswer, seen: number): void {
    const world = this.#world();
    asked.isAnswered = true;
    this.#asked.delete(asked);
    world.note('answer', tracked.commandId, answer.type, answer.type === 'reply' ? '' : answer.code);
    const { call } = tracked.operation;
    if (asked.isForged) return this.#checkForged(tracked, answer);
    if (answer.type === 'failure') return this.#failed(tracked, answer.code);
    if (answer.type === 'reply' && call.type !== 'history' && !('at' in call))
      this.#checkVersion(asked, call, answer, seen);
    if (tracked.isKeyed) this.#checkRecorded(tracked, call, answer);
    tracked.answer ??= answer;
    if (!tracked.isKeyed) tracked.isOver = true;
  }

  #failed(tracked: Tracked, code: string): void {
    if (!expectedFailures.has(code)) throw new Violation(`I15: ${tracked.commandId} is answered ${code}`);
    if (tracked.isKeyed) return;
    tracked.failure = code;
    tracked.isOver = true;
  }

  #checkForged(tracked: Tracked, answer: ActorAnswer): void {
    if (answer.type !== 'failure')
      throw new Violation(`I14: ${tracked.commandId} was taken with another body`);
    if (answer.code !== 'idempotency-key-reused' && !expectedFailures.has(answer.code))
      throw new Violation(`I14: ${tracked.commandId} with another body is answered ${answer.code}`);
  }

  #checkVersion(
    asked: Asked,
    call: ActorCall,
    answer: ActorAnswer & { readonly type: 'reply' },
    seen: number,
  ): void {
    const { audit, isSuperseded } = this.#world();
    audit.advance();
    const name = nameOf(call);
    const durable = audit.actor(call.kind, call.id)?.events.length ?? 0;
    if (answer.version > durable)
      throw new Violation(`I6: ${name} is answered at version ${answer.version}, durable is ${durable}`);
    if (answer.replayed) return;
    if (answer.version < seen && !isSuperseded(asked.node))
      throw new Violation(`I21: ${name} is answered at version ${answer.version}, seen was ${seen}`);
    this.#seen.set(name, Math.max(this.#seen.get(name) ?? 0, answer.version));
  }

  #checkRecorded(tracked: Tracked, call: ActorCall, answer: ActorAnswer): void {
    const { audit } = this.#world();
    audit.advance();
    const count = audit.executionsOf(tracked.commandId);
    if (count !== 1) throw new Violation(`I1: ${tracked.commandId} is answered, and recorded ${count} times`);
    // What a wait answers is the state of the actor at its end.
    if (call.type === 'command' && call.waitMs !== undefined) return;
    const text = textOf(answer);
    tracked.text ??= text;
    if (tracked.text !== text)
      throw new Violation(`I2: ${tracked.commandId} is answered ${tracked.text} and ${text}`);
  }

  #checkPatience(): void {
    const now = this.#world().now();
    for (const { askedAt } of this.#asked) {
      if (now - askedAt > answerMsMax)
        throw new Violation(`I15: a call of ${this.#name} has no answer after ${now - askedAt} ms`);
    }
  }
}

function nameOf(call: ActorCall): string {
  return `${call.kind}/${call.id}`;
}

function textOf(answer: ActorAnswer): string {
  if (answer.type === 'reply') return JSON.stringify([answer.type, answer.reply, answer.version]);
  return JSON.stringify([answer.type, answer.code, answer.detail]);
}
