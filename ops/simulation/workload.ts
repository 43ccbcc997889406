/**
 * What clients do in a simulation, and what must hold of it: the part that a user's module brings along.
 */
import type { Adapters } from '../../actors/model/activity.js';
import type { ActorCall } from '../../actors/model/call.js';
import type { Caller } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import type { SeededRandom } from './seeded-random.js';

/** One thing that one client wants. */
export interface Operation {
  readonly call: ActorCall;
  /**
   * `keyed` (default): sent under an idempotency key, again and again until the answer is definite, sometimes several
   * copies at once, and sometimes once more afterwards. `once`: sent once without a key; it may stay unknown.
   */
  readonly sent?: 'keyed' | 'once';
  readonly caller?: Caller;
}

export interface AnsweredOperation {
  readonly operation: Operation;
  readonly commandId: string;
  /** The definite answer: a reply or a rejection. Undefined for what was sent once and not answered. */
  readonly answer: (ActorAnswer & { readonly type: 'reply' | 'rejection' }) | undefined;
  /** How often the journal says that it was executed. */
  readonly executions: number;
}

/** One event, as soon as it is durable. */
export interface AuditedEvent {
  readonly kind: string;
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly version: number;
  /** Unix ms. */
  readonly at: number;
}

export interface WorkloadView {
  /** Everything asked, in the order of asking. */
  readonly operations: readonly AnsweredOperation[];
  /** Asks and waits for the answer; a query or a command without a key. Asks again where the failure passes. */
  ask(call: ActorCall): Promise<ActorAnswer>;
  /** Ms of the shared clock, Unix. */
  now(): number;
}

export interface Workload {
  readonly name: string;
  readonly modules: readonly Module[];
  /** What stands behind the ports of the modules. It outlives every node; what it remembers belongs to this run. */
  readonly adapters?: Adapters;
  /** Sent before anything goes wrong; each must be answered with a reply. */
  readonly setup?: readonly ActorCall[];
  /** What a client does next. */
  next(draw: SeededRandom, now: number): Operation;
  /** Makes a watcher of the durable events. Called anew when the journal is read from its beginning again; throws on a violation. */
  watch?(): (event: AuditedEvent) => void;
  /** Nothing goes wrong any more and everybody has an answer. Throws on a violation. */
  check?(view: WorkloadView): Promise<void>;
}

/** Thrown by checks: what does not hold, beginning with the number of the invariant where it has one. */
export class Violation extends Error {
  override get name(): string {
    return 'Violation';
  }
}
