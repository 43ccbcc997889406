/**
 * Brings an activation to life: its row, then the events after it, walked back along the journal.
 *
 * O1  A loaded state holds exactly the events 1..version: versions must be contiguous, else the load fails.
 * O2  Loads that are asked for in one turn ask the tables once per partition.
 * O3  What the tables answer is taken in a turn of its own, after I/O had its chance: the embedded store answers before the
 *     event loop moves on, and turn after turn in its microtasks would keep commits and calls waiting.
 */
import { errorCode } from '../../actors/model/error-code.js';
import { OperatingError } from '../../actors/model/errors.js';
import { eventCount } from '../commit/record.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import { type PlacedRecord, walkBack } from '../history.js';
import type { Partition } from '../partition.js';
import { evolved } from '../synchronous.js';
import type { Activation, ActorRow } from './activation.js';
import { actorRowKey, actorTable, decodeActorRow, isCurrent } from './actor-row.js';

interface Answered {
  readonly activations: readonly Activation[];
  /** In the order of `activations`; without them the read has failed with `cause`. */
  readonly values?: readonly (Uint8Array | undefined)[];
  readonly cause?: unknown;
}

export class ActivationLoader {
  readonly #domain: Domain;
  readonly #entries: EntrySource;
  readonly #turn: (run: () => void) => void;
  readonly #turnSoon: (run: () => void) => void;
  readonly #onLoaded: (activation: Activation) => void;
  readonly #onFailed: (activation: Activation, cause: unknown) => void;
  #asked = new Map<Partition, Activation[]>();
  /** What the tables have answered and no turn has taken. */
  #answered: Answered[] = [];

  constructor(options: {
    readonly domain: Domain;
    readonly entries: EntrySource;
    /** Runs as a turn of the shard. */
    readonly turn: (run: () => void) => void;
    /** Runs as a turn of the shard, once the event loop has moved on. */
    readonly turnSoon: (run: () => void) => void;
    /** Called in a turn, as is `onFailed`. */
    readonly onLoaded: (activation: Activation) => void;
    readonly onFailed: (activation: Activation, cause: unknown) => void;
  }) {
    this.#domain = options.domain;
    this.#entries = options.entries;
    this.#turn = options.turn;
    this.#turnSoon = options.turnSoon;
    this.#onLoaded = options.onLoaded;
    this.#onFailed = options.onFailed;
  }

  /** Asks for a load; it starts with `flush`. What the actor had in flight must be durable. */
  load(activation: Activation): void {
    const asked = this.#asked.get(activation.partition);
    if (asked === undefined) this.#asked.set(activation.partition, [activation]);
    else asked.push(activation);
  }

  flush(): void {
    if (this.#asked.size === 0) return;
    const asked = this.#asked;
    this.#asked = new Map();
    for (const [partition, activations] of asked) void this.#loadAll(partition, activations);
  }

  clear(): void {
    this.#asked.clear();
  }

  async #loadAll(partition: Partition, activations: readonly Activation[]): Promise<void> {
    this.#domain.counters.loads += activations.length;
    const keys = activations.map(({ placement, kind, id }) => actorRowKey(placement, kind.schemaId, id));
    const { tables } = this.#domain.store;
    const answered = await tables.get(partition.number, actorTable, keys).then(
      (values): Answered => ({ activations, values }),
      (cause: unknown): Answered => ({ activations, cause }),
    );
    if (this.#answered.push(answered) === 1) this.#turnSoon(() => this.#takeAnswered());
  }

  #takeAnswered(): void {
    const answered = this.#answered;
    this.#answered = [];
    for (const { activations, values, cause } of answered) {
      for (let index = 0; index < activations.length; index++) {
        const activation = activations[index] as Activation;
        if (values === undefined) this.#onFailed(activation, cause);
        else this.#load(activation, values[index]);
      }
    }
  }

  #load(activation: Activation, value: Uint8Array | undefined): void {
    let row: ActorRow | undefined;
    let isBehind = false;
    try {
      row = value === undefined ? undefined : decodeActorRow(value);
      activation.storedRow = row;
      activation.mayBeListed = row !== undefined;
      activation.stateBytes = value?.length ?? 0;
      // It is to be parked: not even its state is made, because that may be what hangs.
      const isOut = activation.strikes.count >= this.#domain.limits.strikesMax;
      isBehind = !isOut && this.#isBehind(activation, row);
      if (!isOut && !isBehind) this.#adopt(activation, row);
    } catch (cause) {
      return this.#onFailed(activation, cause);
    }
    // Only those behind read the journal, each at its own pace. What is loaded runs the work that waited for it, and an
    // error there is not one of loading.
    if (isBehind) void this.#fold(activation, row);
    else this.#onLoaded(activation);
  }

  /** True when the row lacks events, or holds them in a form that is no longer used. */
  #isBehind(activation: Activation, row: ActorRow | undefined): boolean {
    return (
      this.#latestPosition(activation) > (row?.lastPosition ?? 0) ||
      (row !== undefined && !isCurrent(row, activation.kind))
    );
  }

  /** Newest entry known to hold events of the actor, from this incarnation or from the recovered tail. */
  #latestPosition(activation: Activation): number {
    const unswept = activation.partition.unswept.get(activation.key);
    return Math.max(
      activation.lastPosition,
      unswept?.lastPosition ?? 0,
      activation.storedRow?.newestPosition ?? 0,
    );
  }

  #adopt(activation: Activation, row: ActorRow | undefined): void {
    const { kind } = activation;
    this.#domain.enter(activation);
    if (row === undefined || !isCurrent(row, kind)) {
      activation.state = kind.definition.initial();
      activation.version = 0;
      activation.lastPosition = 0;
    } else {
      activation.state = kind.snapshot.decode(row.fields);
      activation.version = row.version;
      activation.lastPosition = row.lastPosition;
    }
  }

  async #fold(activation: Activation, row: ActorRow | undefined): Promise<void> {
    let pages: readonly (readonly PlacedRecord[])[];
    try {
      pages = await this.#pagesAfter(activation, row);
    } catch (cause) {
      return this.#turn(() => this.#onFailed(activation, cause));
    }
    // In a turn, as everything that runs an actor's code: the watchdog looks at turns.
    this.#turn(() => {
      const newest = this.#latestPosition(activation);
      try {
        this.#apply(activation, row, pages);
      } catch (cause) {
        // Folded in part: the next try must still know how far the history goes, or it would take a part for all of it.
        activation.lastPosition = newest;
        return this.#onFailed(activation, cause);
      }
      this.#onLoaded(activation);
    });
  }

  /** The actor's records after its row, entry by entry, newest first. */
  async #pagesAfter(activation: Activation, row: ActorRow | undefined): Promise<(readonly PlacedRecord[])[]> {
    const { kind, id, partition } = activation;
    const floor = row !== undefined && isCurrent(row, kind) ? row.lastPosition : 0;
    const pages: (readonly PlacedRecord[])[] = [];
    await walkBack(
      this.#entries,
      { kind, id, partition: partition.number },
      this.#latestPosition(activation),
      (records) => {
        const first = records[0] as PlacedRecord;
        if (first.position <= floor) return 'stop';
        pages.push(records);
        return 'on';
      },
    );
    return pages;
  }

  #apply(
    activation: Activation,
    row: ActorRow | undefined,
    pages: readonly (readonly PlacedRecord[])[],
  ): void {
    this.#adopt(activation, row);
    const floor = activation.lastPosition;
    for (const records of pages.toReversed()) {
      for (const placed of records) {
        // A row written while its newest entry was open holds the first of that entry's records already.
        if (placed.position === floor + 1 && endVersion(placed) <= activation.version)
          activation.lastPosition = placed.position;
        else applyRecord(this.#domain, activation, placed);
      }
    }
  }
}

const storeUnavailableCodes: ReadonlySet<unknown> = new Set([
  'store-closed',
  'store-broken',
  'storage-unavailable',
  'store-went-back',
]);

/** The store could not be read; that says nothing about the actor. */
export function isStoreUnavailable(cause: unknown): boolean {
  return storeUnavailableCodes.has(errorCode(cause));
}

/** The actor's version after the record. */
function endVersion({ record }: PlacedRecord): number {
  return record[2] + eventCount(record);
}

/** Folds one record's events into an activation (O1), none beyond `versionMax`. */
export function applyRecord(
  domain: Domain,
  activation: Activation,
  placed: PlacedRecord,
  versionMax = Number.POSITIVE_INFINITY,
): void {
  const { record } = placed;
  domain.enter(activation);
  if (record[2] !== activation.version) {
    throw new OperatingError(
      'journal-gap',
      `Version ${record[2]} follows ${activation.version} at position ${placed.position} of partition ${activation.partition.number}.`,
    );
  }
  const stored = record[8];
  if (stored === 0) return;
  for (let index = 0; index < stored.length && activation.version < versionMax; index += 2) {
    const { entry, data } = domain.kinds.event(
      activation.kind,
      stored[index] as number,
      stored[index + 1] as readonly unknown[],
    );
    activation.state = evolved(entry.evolve(activation.state, data, placed.at));
    activation.version++;
  }
  activation.lastPosition = placed.position;
}
