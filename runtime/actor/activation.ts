/**
 * An activation: the in-memory incarnation of one actor, and the table of those a shard keeps.
 *
 * V1  `touchedGroup` is the number of the group that last changed the state; what is computed from the state may leave
 *     the shard once that group is durable. 0: everything is.
 * V2  Only an activation that is ready, clean (its row holds every event) and without waiting work is dropped.
 * V3  A broken activation (its `evolve` threw half way) is folded again from its row and the journal before it is used.
 *
 * V4  A saga that has ended, and whose caller has been told so, sheds its state: until its row is written it only says
 *     where its history ends. Whoever asks for it again has it folded anew.
 *
 *     loading → ready ⇄ broken → … → parked
 *        ▲        └▸ shed
 *        └───────────┘
 */
import { placementHash } from '../../actors/model/address.js';
import { actorHash } from '../../persistence/entry.js';
import type { StoredTimer, StoredTrail } from '../commit/record.js';
import type { Kind } from '../kind-table.js';
import type { Partition } from '../partition.js';
import { noStrikes, type Strikes } from './strike-book.js';

export type ActivationPhase = 'loading' | 'ready' | 'parked' | 'shed';

/** Stands for the state of a shed activation, also while it is loaded again. */
const shedState: unknown = Object.freeze({});

/** Of everybody for whom no work waits, which is nearly all: a list of one's own that was pushed to keeps room for sixteen more. */
const noWork: readonly Waiting[] = Object.freeze([]);

/** Work that waits for the actor. Exactly one of the two is called, once. */
export interface Waiting {
  /** The actor is ready or parked. */
  readonly run: () => void;
  /** The domain was reset: nothing of the work was or will be done. */
  readonly refuse: () => void;
}

/** A timer that the actor's first record set (D4 of `timer-desk.ts`). */
export interface FreshTimer {
  /** Undefined: cancelled. */
  timer: StoredTimer | undefined;
  /** Of the record. */
  trail: StoredTrail;
}

export class Activation {
  readonly kind: Kind;
  readonly id: string;
  /** Of another kind, with the same id, in the table of the shard. */
  nextOfId: Activation | undefined;
  readonly partition: Partition;
  readonly placement: number;
  readonly hash: number;
  phase: ActivationPhase = 'loading';
  state: unknown;
  version = 0;
  /** Position of the newest entry with events of this actor; 0 when it has none. */
  lastPosition = 0;
  touchedGroup = 0;
  /** Position of the newest entry that names the actor, and the index of its record there. */
  namedAt = 0;
  namedAs = 0;
  /** Messages of the open group that wait to be run on it. */
  mailCount = 0;
  /** This very incarnation is in the table of its shard. */
  isResident = false;
  /** Has events that its row lacks; the actor then stands in a dirty bucket of its partition. */
  dirty = false;
  /** Of a saga: the table of open sagas may hold a row of it. */
  mayBeListed = false;
  /** Rows of this actor that are on their way to the tables. */
  rowsPending = 0;
  /** Second chance of the eviction: set by use, cleared by the hand. */
  used = true;
  /** It was loaded for a message that is next in its channel: dropped before that, the two could go on for ever. */
  isAwaited = false;
  strikes: Strikes = noStrikes;
  /** Of its newest row. */
  stateBytes = 0;
  /** As the table counts it. */
  weight = 0;
  /** The row as it was found when the actor could not be brought to life; only of a parked one. */
  storedRow: ActorRow | undefined;
  #waiting: readonly Waiting[] = noWork;
  /** Put down nowhere yet. */
  freshTimer: FreshTimer | undefined;
  /** Calls that wait for the actor to come to rest (an open saga to end). */
  watchers: Watcher[] | undefined;

  constructor(kind: Kind, id: string, partition: Partition) {
    this.kind = kind;
    this.id = id;
    this.partition = partition;
    this.placement = placementHash(id);
    this.hash = actorHash(kind.name, id);
    this.state = undefined;
  }

  /** As the recovered tail names it. */
  get key(): string {
    return `${this.kind.schemaId}/${this.id}`;
  }

  /** In the order in which it is run. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  /** Puts work behind what waits already. */
  enqueue(work: Waiting): void {
    if (this.#waiting === noWork) this.#waiting = [work];
    else (this.#waiting as Waiting[]).push(work);
  }

  /** The work that is next, which waits no longer. */
  dequeue(): Waiting | undefined {
    if (this.#waiting === noWork) return undefined;
    const work = (this.#waiting as Waiting[]).shift();
    if (this.#waiting.length === 0) this.#waiting = noWork;
    return work;
  }

  /** V4. What its row says of it needs no state. */
  get isShed(): boolean {
    return this.state === shedState;
  }

  shed(): void {
    this.phase = 'shed';
    this.state = shedState;
  }

  /** Nobody waits for it, and no row of it is on its way. */
  get isIdle(): boolean {
    return (
      this.rowsPending === 0 && this.waiting.length === 0 && !this.isAwaited && this.watchers === undefined
    );
  }

  get isEvictable(): boolean {
    return (this.phase === 'ready' || this.phase === 'shed') && !this.dirty && this.isIdle;
  }
}

/** What the tables hold of an actor. */
export interface ActorRow {
  readonly version: number;
  /** Every entry up to here is folded into the row; one beyond it may be so in part. */
  readonly lastPosition: number;
  readonly snapshotVersion: number;
  readonly fields: readonly unknown[];
  readonly isOpen: boolean;
  /** Newest entry with events of this actor when the row was written. */
  readonly newestPosition: number;
}

/** A call held until the actor is no longer open. */
export interface Watcher {
  readonly requestId: number;
  /** The call repeats an earlier one. */
  readonly isReplay: boolean;
  /** By the clock that only moves forward, ms. */
  readonly endsAt: number;
  /** Undefined once it is answered. */
  activation: Activation | undefined;
}
