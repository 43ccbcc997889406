/**
 * The durable timers of a shard: applies what records say, tells which are due, and gives the rows that a sweep writes.
 *
 * D1  A timer lives in the log (its record) until a sweep has put it into the `timer` table; recovery reads the table and
 *     then applies the tail, where the last word about a name wins.
 * D2  A timer is gone once the record it fired is in a group; a crash before that fires it again, with the same cause.
 *     Between leaving the queue and that record it stands in `#firing`, and sweeps go on keeping its row.
 *     One that falls due with the outcome of an activity stands in `#ordered` from its order on (`activity-desk.ts`).
 *     A time that is none (NaN, of before it was refused) is long past: in the queue it would hold up all others.
 * D3  A timer set and cancelled between two sweeps never reaches the table: nearly every saga's.
 * D4  What the first record of a saga sets is put down when somebody next asks for timers, at the end of the turn at the
 *     latest: most sagas have ended by then, and their timer has stood nowhere.
 */
import type { TableDelete, TablePut } from '../../persistence/tables.js';
import type { Activation } from '../actor/activation.js';
import type { StoredTimer, StoredTrail } from '../commit/record.js';
import { decodeRow, encodeRow } from '../derive/stored-row.js';
import type { Partition } from '../partition.js';
import { type DueTimer, TimerQueue } from './timer-queue.js';

export const timerTable = 'timer';

export interface LiveTimer {
  readonly partition: Partition;
  readonly kindSchemaId: number;
  readonly id: string;
  readonly name: string;
  readonly dueAt: number;
  readonly schema: number;
  readonly fields: readonly unknown[];
  /** Of the command that set it: what it fires goes on under the same correlation. */
  readonly trail: StoredTrail;
  /** Falls due with the outcome of the activity that its fields name. */
  readonly isActivity: boolean;
  /** True once a row of it, of this or an earlier setting, has been given to a sweep. */
  isStored: boolean;
}

type TimerRow = readonly [
  kindSchemaId: number,
  id: string,
  name: string,
  dueAt: number,
  schema: number,
  fields: readonly unknown[],
  trail?: StoredTrail,
  isActivity?: 0 | 1,
];

/** Of timers that were stored before trails were. */
const noTrail: StoredTrail = [0, 0, '', 0];

export class TimerDesk {
  readonly #queue = new TimerQueue<LiveTimer>();
  readonly #firing = new Map<string, LiveTimer>();
  /** Activities ordered whose outcome is not recorded. */
  readonly #ordered = new Map<string, LiveTimer>();
  /** Whose timers are to be put down (D4), in the order in which they were set. */
  #fresh: Activation[] = [];

  get count(): number {
    return this.#standingQueue.size;
  }

  /** Activities ordered whose outcome is not recorded, in the order in which they were. */
  *activities(): Iterable<LiveTimer> {
    yield* [...this.#ordered.values()];
  }

  /** Every timer, in no order. */
  *values(): Iterable<LiveTimer> {
    yield* this.#standingQueue.values();
    yield* this.#firing.values();
    yield* this.#ordered.values();
  }

  /** True while a timer that left the queue, or an activity, still stands. */
  isFiring(timer: LiveTimer): boolean {
    return this.#under(timer).get(keyOfTimer(timer)) === timer;
  }

  #under(timer: LiveTimer): Map<string, LiveTimer> {
    return timer.isActivity ? this.#ordered : this.#firing;
  }

  #standing(key: string): LiveTimer | undefined {
    return this.#queue.get(key)?.timer ?? this.#firing.get(key) ?? this.#ordered.get(key);
  }

  /** The earliest timers that `admits` lets through, with their keys; order and cost as `TimerQueue.earliest` says. */
  earliest(
    countMax: number,
    admits: (timer: LiveTimer, key: string) => boolean,
  ): readonly DueTimer<LiveTimer>[] {
    return this.#standingQueue.earliest(countMax, admits);
  }

  /** A timer that stands and is not firing. */
  find(
    partition: Partition,
    kindSchemaId: number,
    id: string,
    name: string,
  ): DueTimer<LiveTimer> | undefined {
    return this.#standingQueue.get(keyOf(partition, kindSchemaId, id, name));
  }

  /** Unix ms of the next due timer; `Infinity` when there is none. */
  get nextDueAt(): number {
    return this.#standingQueue.nextDueAt;
  }

  /** What a record of the actor sets or cancels, before the actor has its events; as `apply`. */
  order(activation: Activation, timer: StoredTimer, trail: StoredTrail): LiveTimer | undefined {
    const { partition, kind, id, version, phase, freshTimer } = activation;
    const isActivity = timer.length === 5;
    if (freshTimer?.timer?.[0] === timer[0] && !isActivity) {
      freshTimer.timer = timer.length === 1 ? undefined : timer;
      freshTimer.trail = trail;
      return undefined;
    }
    // What a saga sets stands with its first event or later; only one that is parked may have a timer that it knows nothing of.
    const isFirst = version === 0 && kind.isSaga && phase === 'ready';
    if (isFirst && freshTimer === undefined && timer.length !== 1 && !isActivity) {
      activation.freshTimer = { timer, trail };
      this.#fresh.push(activation);
      return undefined;
    }
    this.#putDown();
    return this.apply(partition, kind.schemaId, id, timer, trail);
  }

  /** The queue as whoever asks for timers is to find it (D4). */
  get #standingQueue(): TimerQueue<LiveTimer> {
    this.#putDown();
    return this.#queue;
  }

  #putDown(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const activation of fresh) {
      const { partition, kind, id, freshTimer } = activation;
      activation.freshTimer = undefined;
      if (freshTimer?.timer !== undefined)
        this.apply(partition, kind.schemaId, id, freshTimer.timer, freshTimer.trail);
    }
  }

  /** Returns the timer when it is an activity's. `trail`: of what the command that sets it sends on. */
  apply(
    partition: Partition,
    kindSchemaId: number,
    id: string,
    timer: StoredTimer,
    trail: StoredTrail,
  ): LiveTimer | undefined {
    const key = keyOf(partition, kindSchemaId, id, timer[0]);
    const isStored = this.#isStored(partition, key);
    this.#firing.delete(key);
    this.#ordered.delete(key);
    if (timer.length === 1) {
      this.#queue.cancel(key);
      markGone(partition, key, isStored);
      return undefined;
    }
    const [name, storedDueAt, schema, fields] = timer;
    const dueAt = timeOf(storedDueAt);
    const isActivity = timer[4] === 1;
    partition.dirtyTimers.set(key, isStored);
    return this.#add(key, {
      partition,
      kindSchemaId,
      id,
      name,
      dueAt,
      schema,
      fields,
      trail,
      isActivity,
      isStored,
    });
  }

  #add(key: string, timer: LiveTimer): LiveTimer | undefined {
    if (!timer.isActivity) {
      this.#queue.set(key, timer.dueAt, timer);
      return undefined;
    }
    this.#queue.cancel(key);
    this.#ordered.set(key, timer);
    return timer;
  }

  /** Removes a timer that fired, unless it has been set again since. */
  consume(partition: Partition, kindSchemaId: number, id: string, name: string, dueAt: number): void {
    const key = keyOf(partition, kindSchemaId, id, name);
    if (this.#standing(key)?.dueAt !== dueAt) return;
    markGone(partition, key, this.#isStored(partition, key));
    this.#queue.cancel(key);
    this.#ordered.delete(key);
  }

  /** Up to `max` timers due at `now`, in due order. Each must be given to `fired` when its command runs. */
  takeDue(now: number, max: number): readonly LiveTimer[] {
    const due = this.#standingQueue.takeDue(now, max).map(({ timer }) => timer);
    for (const timer of due) this.#firing.set(keyOfTimer(timer), timer);
    return due;
  }

  /** The actor was parked when some of its timers fell due: they are due again. */
  requeue(partition: Partition, kindSchemaId: number, id: string): void {
    for (const [key, timer] of this.#firing) {
      if (timer.partition !== partition || timer.kindSchemaId !== kindSchemaId || timer.id !== id) continue;
      this.#firing.delete(key);
      this.#queue.set(key, timer.dueAt, timer);
    }
  }

  /** True when the timer still stands: its command runs now, and its record takes it off. False: it was cancelled or set anew. */
  fired(timer: LiveTimer): boolean {
    const key = keyOfTimer(timer);
    if (!this.isFiring(timer)) return false;
    this.#under(timer).delete(key);
    markGone(timer.partition, key, timer.isStored);
    return true;
  }

  /** Takes the partition's changed timers as rows to write and keys to delete. */
  takeRows(partition: Partition): {
    readonly puts: readonly TablePut[];
    readonly deletes: readonly TableDelete[];
  } {
    const puts: TablePut[] = [];
    const deletes: TableDelete[] = [];
    this.#putDown();
    for (const key of partition.dirtyTimers.keys()) {
      const timer = this.#standing(key);
      const rowKey = key.slice(key.indexOf('/') + 1);
      if (timer === undefined) {
        deletes.push({ table: timerTable, key: rowKey });
      } else {
        const row: TimerRow = [
          timer.kindSchemaId,
          timer.id,
          timer.name,
          timer.dueAt,
          timer.schema,
          timer.fields,
          timer.trail,
          timer.isActivity ? 1 : 0,
        ];
        timer.isStored = true;
        puts.push({ table: timerTable, key: rowKey, value: encodeRow(row) });
      }
    }
    partition.dirtyTimers.clear();
    return { puts, deletes };
  }

  /** Takes a stored row back in at recovery. */
  load(partition: Partition, value: Uint8Array): void {
    const row = decodeRow(value) as TimerRow;
    const [kindSchemaId, id, name, storedDueAt, schema, fields, trail = noTrail, isActivity = 0] = row;
    const dueAt = timeOf(storedDueAt);
    this.#add(keyOf(partition, kindSchemaId, id, name), {
      partition,
      kindSchemaId,
      id,
      name,
      dueAt,
      schema,
      fields,
      trail,
      isActivity: isActivity === 1,
      isStored: true,
    });
  }

  clear(): void {
    this.#fresh = [];
    this.#firing.clear();
    this.#ordered.clear();
    this.#queue.clear();
  }

  /** True when the table may hold a row under `key`. */
  #isStored(partition: Partition, key: string): boolean {
    return this.#standing(key)?.isStored ?? partition.dirtyTimers.get(key) ?? false;
  }
}

function timeOf(dueAt: number): number {
  return Number.isNaN(dueAt) ? 0 : dueAt;
}

function markGone(partition: Partition, key: string, isStored: boolean): void {
  if (isStored) partition.dirtyTimers.set(key, true);
  else partition.dirtyTimers.delete(key);
}

function keyOf(partition: Partition, kindSchemaId: number, id: string, name: string): string {
  return `${partition.number}/${kindSchemaId}/${id}/${name}`;
}

function keyOfTimer(timer: LiveTimer): string {
  return keyOf(timer.partition, timer.kindSchemaId, timer.id, timer.name);
}
