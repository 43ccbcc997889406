/**
 * One thread of the store load: commands arrive (at a rate, or one for each answered one), are grouped as they come while fewer than
 * two groups are in flight, and are answered when their group is durable. Hashing and entry encoding are as in the product.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../ops/system-clock.js';
import { EntryWriter, hashEntry } from '../../persistence/entry.js';
import type { EntryAppend, EntryIdentity, Fence, Head } from '../../persistence/journal.js';
import { openStore } from '../../persistence/open-store.js';
import type { Store } from '../../persistence/store.js';
import { PartitionSweep, type SweepOptions } from './store-load-sweep.js';
import { bucketMs, latencyBuckets, type ThreadResult, type ThreadWork } from './store-load-work.js';

const recordBytes = 150;

interface Owned {
  readonly fence: Fence;
  readonly writer: EntryWriter;
  readonly sweep: PartitionSweep | undefined;
  head: Head;
  durable: Head;
  /** Actors in the open entry. */
  actors: number[];
}

class StoreLoad {
  readonly #store: Store;
  readonly #work: ThreadWork;
  readonly #owned: Map<number, Owned>;
  readonly #record = Buffer.alloc(recordBytes, 'c');
  readonly #latencies = new Uint32Array(latencyBuckets);
  readonly #appendLatencies = new Uint32Array(latencyBuckets);
  /** Arrival times of commands in the open group, then of those that wait. */
  #waiting: number[] = [];
  #groupsInFlight = 0;
  #before: EntryIdentity[] = [];
  #group = 0;
  #random = 0x2545f491;
  #measuring = false;
  #isOver = false;
  #counts = { commands: 0, groups: 0, entries: 0, rows: 0, slices: 0, latenessMaxMs: 0, waitingMax: 0 };

  private constructor(store: Store, work: ThreadWork, owned: Map<number, Owned>) {
    this.#store = store;
    this.#work = work;
    this.#owned = owned;
  }

  static async open(work: ThreadWork): Promise<StoreLoad> {
    const { partitionCount, durability } = work;
    const redis = { pointTables: ['actors', 'outcomes'] };
    const clock = systemClock;
    const store = await openStore(work.storeUrl, { partitionCount, durability, clock, redis, lock: false });
    const owned = new Map<number, Owned>();
    for (const [index, partition] of work.partitions.entries()) {
      const { fence, head } = await store.ownership.take(partition, `load-of-${partition}`);
      const startAt = performance.now() + phaseMs(work.sweep, index);
      const sweep = work.sweep && new PartitionSweep({ ...work.sweep, partition, fence, startAt });
      owned.set(partition, { fence, head, durable: head, sweep, writer: new EntryWriter(), actors: [] });
    }
    return new StoreLoad(store, work, owned);
  }

  async run(): Promise<ThreadResult> {
    const { warmUpMs, measureMs, rate, inFlight } = this.#work;
    const startAt = performance.now();
    const endAt = startAt + warmUpMs + measureMs;
    const sweeping = this.#work.sweep === undefined ? Promise.resolve() : this.#sweep(endAt);
    if (rate === undefined) {
      for (let command = 0; command < inFlight; command++) this.#waiting.push(startAt);
      this.#send();
    }
    let arrived = 0;
    for (let now = startAt; now < endAt; now = performance.now()) {
      if (!this.#measuring && now >= startAt + warmUpMs) this.#startMeasuring();
      // Late or not, a command counts from when it was due.
      for (const due = (now - startAt) * ((rate ?? 0) / 1_000); arrived < due; arrived++) {
        this.#waiting.push(startAt + (arrived * 1_000) / (rate ?? 1));
      }
      this.#send();
      await pause();
    }
    this.#measuring = false;
    this.#isOver = true;
    await sweeping;
    while (this.#groupsInFlight > 0) await pause();
    const sweeps = [...this.#owned.values()].reduce((sum, { sweep }) => sum + (sweep?.sweeps ?? 0), 0);
    await this.#store.close();
    return { ...this.#counts, sweeps, latencies: this.#latencies, appendLatencies: this.#appendLatencies };
  }

  #startMeasuring(): void {
    this.#measuring = true;
    this.#counts = {
      commands: 0,
      groups: 0,
      entries: 0,
      rows: 0,
      slices: 0,
      latenessMaxMs: 0,
      waitingMax: 0,
    };
  }

  #send(): void {
    if (this.#groupsInFlight >= this.#work.groupsMax || this.#waiting.length === 0) return;
    this.#counts.waitingMax = Math.max(this.#counts.waitingMax, this.#waiting.length);
    const arrivals = this.#waiting.splice(0, this.#work.groupCommandsMax);
    for (let count = 0; count < arrivals.length; count++) this.#decide();
    this.#group += 1;
    const touched = [...this.#owned.entries()].filter(([, { actors }]) => actors.length > 0);
    const entries = touched.map(([partition, owned]) => this.#entry(partition, owned));
    const changed = touched.map(([, owned]) => {
      const { actors, head } = owned;
      owned.actors = [];
      return { owned, actors, head };
    });
    const after = this.#groupsInFlight > 0 ? this.#before : [];
    this.#before = entries.map(({ partition, position, hash }) => ({ partition, position, hash }));
    this.#groupsInFlight += 1;
    const sentAt = performance.now();
    void this.#store.journal.append({ entries, after }).then((result) => {
      if (result.type !== 'appended') throw new Error(`append: ${JSON.stringify(result)}`);
      this.#groupsInFlight -= 1;
      for (const { owned, actors, head } of changed) {
        owned.durable = head;
        if (owned.sweep !== undefined) for (const actor of actors) owned.sweep.mark(actor);
      }
      if (this.#measuring) record(this.#appendLatencies, performance.now() - sentAt);
      this.#answer(arrivals, entries.length);
    });
    if (this.#waiting.length > 0) this.#send();
  }

  /** One command of a random actor: its record goes into its partition's entry. */
  #decide(): void {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    const actor = (this.#random >>> 0) % this.#work.actors;
    const { partitions } = this.#work;
    const owned = this.#owned.get(partitions[actor % partitions.length] ?? 0);
    owned?.writer.add(actor, actor, this.#record);
    owned?.actors.push(actor);
  }

  #entry(partition: number, owned: Owned): EntryAppend {
    const position = owned.head.position + 1;
    const previousHash = owned.head.hash;
    const { fence } = owned;
    const bytes = owned.writer.finish({
      partition,
      epoch: fence.epoch,
      position,
      previousHash,
      time: Date.now(),
      group: this.#group,
      siblings: [],
      watermarks: [],
    });
    owned.head = { position, hash: hashEntry(bytes) };
    return { partition, position, fence, bytes, hash: owned.head.hash, previousHash };
  }

  #answer(arrivals: readonly number[], entryCount: number): void {
    const now = performance.now();
    if (this.#measuring) {
      for (const arrival of arrivals) record(this.#latencies, now - arrival);
      this.#counts.commands += arrivals.length;
      this.#counts.groups += 1;
      this.#counts.entries += entryCount;
    }
    if (this.#isOver) return;
    if (this.#work.rate === undefined) for (const _ of arrivals) this.#waiting.push(now);
    this.#send();
  }

  /** The slices that are due together go out together: LMDB flushes them as one. */
  async #sweep(endAt: number): Promise<void> {
    while (performance.now() < endAt) {
      const now = performance.now();
      const slices: Promise<number>[] = [];
      for (const { sweep, durable } of this.#owned.values()) {
        if (sweep === undefined || !sweep.isDue(now)) continue;
        if (this.#measuring)
          this.#counts.latenessMaxMs = Math.max(this.#counts.latenessMaxMs, sweep.lateness(now));
        slices.push(sweep.writeSlice(this.#store.tables, durable));
      }
      if (slices.length === 0) await pause();
      for (const rows of await Promise.all(slices)) this.#counts.rows += rows;
      if (slices.length > 0) this.#counts.slices += 1;
    }
  }
}

function record(latencies: Uint32Array, ms: number): void {
  const bucket = Math.min(latencyBuckets - 1, Math.floor(ms / bucketMs));
  latencies[bucket] = (latencies[bucket] ?? 0) + 1;
}

/** Spreads the partitions over the time between two slices of one. */
function phaseMs(sweep: SweepOptions | undefined, index: number): number {
  if (sweep === undefined) return 0;
  return ((index % sweep.phases) * sweep.periodMs) / sweep.buckets / sweep.phases;
}

/** The shortest timer: commands of one ms arrive together, as they do through a port. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

// Posted by store-load.ts, which builds it from this type.
const load = await StoreLoad.open(workerData as ThreadWork);
parentPort?.postMessage('ready');
parentPort?.once('message', () => {
  load.run().then(
    (result) => parentPort?.postMessage(result),
    (error: unknown) => {
      throw error;
    },
  );
});
