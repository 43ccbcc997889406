/**
 * The activations of a shard from their first use to their end: loaded when they are asked for, folded again when they
 * broke, parked when that does not help, dropped when there are too many.
 *
 *     asked ─▸ loading ─▸ ready ─▸ dropped
 *                 ▲  └▸ failed: again after a pause ─▸ three strikes: parked
 *                 └── broken (its `evolve` threw half way), once what it had in flight is durable
 */
import { DirtyRows } from '../derive/dirty-rows.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import type { Kind } from '../kind-table.js';
import type { Partition } from '../partition.js';
import { Activation, type ActorRow } from './activation.js';
import { ActivationLoader, isStoreUnavailable } from './activation-loader.js';
import { ActivationTable } from './activation-table.js';
import { isBare } from './actor-row.js';
import { noStrikes, oneMore, StrikeBook, type StruckActor } from './strike-book.js';

/** A failed load is tried again after this, then after twice as long. */
const reloadDelayMs = 40;
/** A load for which the store could not be read is tried again after this, for as long as it takes. */
const storeDelayMs = 200;
const passivationStepsPerTurn = 64;

export interface ActivationDeskHost {
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
  whenDurable(group: number, run: () => void): void;
  /** The actor will not change any more: whoever waits for that is told. */
  parked(activation: Activation): void;
  /** It is about to be loaded again: what fell due for it meanwhile is due now. */
  unparked(activation: Activation): void;
}

export class ActivationDesk {
  readonly #domain: Domain;
  readonly #host: ActivationDeskHost;
  readonly #table: ActivationTable;
  readonly #loader: ActivationLoader;
  readonly #dirty = new Map<Partition, DirtyRows>();
  readonly #strikes: StrikeBook;
  readonly #parked = new Set<Activation>();
  /** The last load failed because the store could not be read. */
  #isStoreSilent = false;
  /** Loaded actors with work that waited for them, in the order in which they came to life. */
  #awakened: Activation[] = [];

  constructor(
    domain: Domain,
    entries: EntrySource,
    struck: readonly StruckActor[],
    host: ActivationDeskHost,
  ) {
    this.#domain = domain;
    this.#host = host;
    this.#strikes = new StrikeBook(struck);
    const { activationsMax, activationBytesMax } = domain.limits;
    this.#table = new ActivationTable(activationsMax, activationBytesMax);
    this.#loader = new ActivationLoader({
      domain,
      entries,
      turn: (run) => host.turn(run),
      turnSoon: (run) => domain.clock.defer(() => host.turn(run)),
      onLoaded: (activation) => this.#loaded(activation),
      onFailed: (activation, cause) => this.#loadFailed(activation, cause),
    });
  }

  get count(): number {
    return this.#table.count;
  }

  /** Estimated memory of the activations. */
  get bytes(): number {
    return this.#table.bytes;
  }

  residents(kind: Kind): Iterable<Activation> {
    return this.#table.ofKind(kind);
  }

  values(): IterableIterator<Activation> {
    return this.#table.values();
  }

  /** Starts the loads asked for in this turn, and drops what is too much. */
  endTurn(): void {
    this.#loader.flush();
    this.#domain.counters.passivated += this.#table.passivate(passivationStepsPerTurn);
  }

  /**
   * The rows of these are durable. A saga that has ended is dropped at once: nothing but a look at its status comes back
   * to it, and thousands end in a second.
   */
  rowsWritten(activations: readonly Activation[]): void {
    for (const activation of activations) {
      const { kind } = activation;
      if (kind.isSaga && activation.isEvictable && hasEnded(activation)) {
        this.#table.remove(activation);
      } else {
        this.#table.reweigh(activation);
      }
    }
  }

  /**
   * The saga has ended in `group`, which is durable, and its caller was told. Its state goes at once (V4): held until the next
   * sweep, the states of a second are most of what outlives a collection of the young generation.
   */
  shed(activation: Activation, group: number): void {
    const isUntouched =
      activation.phase === 'ready' && activation.touchedGroup === group && !activation.mayBeListed;
    if (isUntouched && activation.isIdle && hasEnded(activation)) activation.shed();
  }

  /** The domain was reset: nothing in memory counts any more. */
  clear(): void {
    this.#table.clear();
    this.#loader.clear();
    this.#dirty.clear();
    this.#parked.clear();
    this.#awakened = [];
  }

  /** The activation of an address if it is in memory; by the schema number of its kind. `near`: one that may have its id. */
  resident(kindSchemaId: number, id: string, near?: Activation): Activation | undefined {
    const kind = this.#domain.kinds.numbered(kindSchemaId);
    const activation = kind === undefined ? undefined : this.#table.getNear(near, kind, id);
    if (activation !== undefined) activation.used = true;
    return activation;
  }

  /** The activation of an address, loading if it was not resident; undefined when another shard owns it. */
  obtain(kind: Kind, id: string): Activation | undefined {
    const resident = this.#table.get(kind, id);
    if (resident !== undefined) {
      resident.used = true;
      if (resident.phase === 'shed') {
        resident.phase = 'loading';
        this.#loader.load(resident);
      }
      return resident;
    }
    const partition = this.#domain.partitionFor(id);
    if (partition === undefined) return undefined;
    const activation = new Activation(kind, id, partition);
    activation.strikes = this.#strikes.of(activation, this.#domain.now, this.#domain.limits.strikeMemoryMs);
    this.#table.add(activation);
    this.#loader.load(activation);
    return activation;
  }

  #loaded(activation: Activation): void {
    this.#isStoreSilent = false;
    if (!this.#table.holds(activation)) return;
    this.#table.reweigh(activation);
    const { partition } = activation;
    if (this.#isOut(activation)) return this.#park(activation);
    activation.phase = 'ready';
    const isUnswept = partition.unswept.delete(activation.key);
    if (isUnswept || activation.lastPosition > foldedUpTo(activation.storedRow))
      this.dirtyRows(partition).mark(activation);
    activation.storedRow = undefined;
    this.#awake(activation);
  }

  #loadFailed(activation: Activation, cause: unknown): void {
    if (!this.#table.holds(activation)) return;
    const isStoreSilent = isStoreUnavailable(cause);
    const message = cause instanceof Error ? cause.message : 'not an Error';
    if (!isStoreSilent) {
      this.#strike(activation);
      const { kind, strikes } = activation;
      this.#domain.report('error', 'actor-load-failed', { kind: kind.name, strikes: strikes.count, message });
    } else if (!this.#isStoreSilent) {
      // Once an outage: every actor that is asked for meanwhile tries again several times a second.
      this.#isStoreSilent = true;
      this.#domain.report('error', 'actors-not-loadable', { message });
    }
    if (this.#isOut(activation)) return this.#park(activation);
    const delay = isStoreSilent ? storeDelayMs : reloadDelayMs << (activation.strikes.count - 1);
    this.#domain.clock.after(delay, () =>
      this.#host.turn(() => {
        if (this.#table.holds(activation)) this.#loader.load(activation);
      }),
    );
  }

  /** Its `evolve` threw half way: fold it again from what is durable (V3). */
  broken(activation: Activation): void {
    this.#strike(activation);
    activation.phase = 'loading';
    this.#host.whenDurable(activation.touchedGroup, () =>
      this.#host.turn(() => this.#loader.load(activation)),
    );
  }

  /** Tries a parked actor again as if it had never failed; done once the activation is no longer loading. */
  unpark(activation: Activation): void {
    if (!this.#parked.delete(activation)) return;
    this.#strikes.forget(activation);
    activation.strikes = noStrikes;
    activation.phase = 'loading';
    this.#host.whenDurable(activation.touchedGroup, () =>
      this.#host.turn(() => {
        this.#loader.load(activation);
        this.#host.unparked(activation);
      }),
    );
  }

  get parked(): ReadonlySet<Activation> {
    return this.#parked;
  }

  #strike(activation: Activation): void {
    activation.strikes = oneMore(activation.strikes, this.#domain.now, this.#domain.limits.strikeMemoryMs);
  }

  #isOut({ strikes }: Activation): boolean {
    return strikes.count >= this.#domain.limits.strikesMax;
  }

  #park(activation: Activation): void {
    activation.phase = 'parked';
    this.#parked.add(activation);
    activation.lastPosition = Math.max(
      activation.lastPosition,
      activation.partition.unswept.get(activation.key)?.lastPosition ?? 0,
      activation.storedRow?.newestPosition ?? 0,
    );
    if (activation.partition.unswept.delete(activation.key))
      this.dirtyRows(activation.partition).mark(activation);
    this.#domain.counters.parkedActors++;
    this.#domain.report('error', 'actor-parked', { kind: activation.kind.name, id: activation.id });
    this.#host.parked(activation);
    this.#awake(activation);
  }

  #awake(activation: Activation): void {
    if (activation.waiting.length > 0) this.#awakened.push(activation);
  }

  /** True when an actor is being loaded, or work that waited for one is still to be run. */
  get isAwaited(): boolean {
    for (const { phase, waiting } of this.#table.values())
      if (phase === 'loading' || waiting.length > 0) return true;
    return false;
  }

  /** Runs one piece of work whose actor was loaded; false when there is none. The shard asks while its group has room. */
  runWaiting(): boolean {
    for (let activation = this.#awakened[0]; activation !== undefined; activation = this.#awakened[0]) {
      // Work before this may have broken the actor again: the rest waits for it anew.
      const work = activation.phase === 'loading' ? undefined : activation.dequeue();
      if (work !== undefined) {
        work.run();
        return true;
      }
      this.#awakened.shift();
    }
    return false;
  }

  /** The partition's actors whose rows lack events. */
  dirtyRows(partition: Partition): DirtyRows {
    let rows = this.#dirty.get(partition);
    if (rows === undefined) {
      rows = new DirtyRows(this.#domain.limits.sweepBuckets);
      this.#dirty.set(partition, rows);
    }
    return rows;
  }

  /** Loads every actor that only the recovered tail knows; `done` is called when all are ready or parked. */
  loadUnswept(partition: Partition, done: () => void): void {
    let left = 1;
    const one = () => {
      if (--left === 0) done();
    };
    this.#host.turn(() => {
      for (const { kindSchemaId, id } of [...partition.unswept.values()]) {
        const kind = this.#domain.kinds.numbered(kindSchemaId);
        const activation = kind === undefined ? undefined : this.obtain(kind, id);
        if (activation === undefined || activation.phase !== 'loading') continue;
        left++;
        activation.enqueue({ run: one, refuse: one });
      }
      one();
    });
  }
}

/** Of a saga that is not being loaded. */
function hasEnded({ kind, state, isShed }: Activation): boolean {
  return isShed || kind.definition.isOpen?.(state) === false;
}

/** Position up to which a row needs no other. */
function foldedUpTo(row: ActorRow | undefined): number {
  if (row === undefined) return 0;
  return isBare(row) ? row.newestPosition : row.lastPosition;
}
