/**
 * Writes what the log has made of each actor into the tables, at an even pace, and moves the checkpoint.
 *
 *     sweep of a partition: note (durable position, hash, state) → bucket 0 … n−1, one slice each → last slice with
 *     timers, segment, state row and the noted position as the new checkpoint
 *
 * W1  A slice goes out only after every event in its rows is durable.
 * W2  The checkpoint moves to the position noted when its sweep began: every event up to there belongs to an actor that
 *     was dirty then, so some slice of the sweep has written its row.
 * W3  One slice of a partition is under way at a time. A sweep with a failed slice never moves the checkpoint.
 * W4  A partition whose tables lack nothing is not swept; an idle shard sets no timer.
 * W5  Without a pause follow only sweeps that moved a checkpoint: what hindered one (an actor that is being folded again)
 *     needs time. A store that fails with its process is given up at the first failure, and not asked again.
 */
import type { EntryHash } from '../../persistence/journal.js';
import type { Checkpoint, TableDelete, TablePut } from '../../persistence/tables.js';
import type { Activation } from '../actor/activation.js';
import { actorRowKey, actorTable, encodeActorRow, encodeFoldedRow } from '../actor/actor-row.js';
import type { CancelTimer } from '../clock.js';
import type { Domain } from '../domain.js';
import type { Kind } from '../kind-table.js';
import { hurriedShare } from '../outside-pace.js';
import type { Partition } from '../partition.js';
import { encodeOpenSaga, isListed, openSagaKey, openSagaTable } from '../saga/open-saga-row.js';
import type { TimerDesk } from '../timer/timer-desk.js';
import type { DirtyRows } from './dirty-rows.js';
import {
  capturePartitionState,
  encodePartitionState,
  type PartitionState,
  stateKey,
  stateTable,
} from './partition-state.js';

/**
 * Shortest pause between two ticks, ms. A tick writes one slice, or more where a sweep of all partitions would else take longer than
 * its period. Slices that leave together share a flush of the store, and hold up what comes meanwhile. One in place of four, transfers
 * at 7,500/s, three rounds in turn (2 vCPU): p90 7.2 to 8.3 → 6.8 to 7.4 ms, p99 of the median second 10.6 to 13.5 → 10.8 to 11.7.
 */
const tickMsMin = 2;

interface Sweep {
  readonly position: number;
  readonly hash: EntryHash;
  readonly state: PartitionState;
  nextBucket: number;
  failed: boolean;
}

export interface SweeperHost {
  /** Runs once everything up to and including the group is durable, at once when it is; or when the sweeper was stopped. */
  whenDurable(group: number, run: () => void): void;
  /** Number of the open group. */
  openGroup(): number;
  dirtyRows(partition: Partition): DirtyRows;
  /** These actors' rows are durable as of their slice. */
  rowsWritten(activations: readonly Activation[]): void;
  /** Loads actors that only the recovered tail knows, so that their rows can be written. Done early when it was stopped. */
  loadUnswept(partition: Partition, done: () => void): void;
  /** A slice was refused: the partition has another owner, or the store takes nothing. */
  onRefused(partition: Partition, reason: 'fenced' | 'conflict' | 'storage', detail: string): void;
  onFatal(cause: unknown): void;
}

export class Sweeper {
  readonly #domain: Domain;
  readonly #timers: TimerDesk;
  readonly #host: SweeperHost;
  readonly #sweeps = new Map<Partition, Sweep>();
  #cancelTick: CancelTimer | undefined;
  #turn = 0;
  #stopped = false;
  /** The sweep that ended last moved nothing: the next slices wait their time (W5). */
  #isHindered = false;
  /** Slices under way. */
  readonly #advancing = new Map<Partition, Promise<void>>();

  constructor(domain: Domain, timers: TimerDesk, host: SweeperHost) {
    this.#domain = domain;
    this.#timers = timers;
    this.#host = host;
  }

  /** Called after a commit: makes sure that the tables follow. */
  wake(): void {
    if (this.#cancelTick !== undefined || this.#stopped) return;
    // Slices under way wake it themselves: asking again and again whether they are written would write none sooner.
    const isHurried = this.#isBehind() && !this.#isHindered && this.#advancing.size === 0;
    const delay = isHurried ? 0 : Math.max(tickMsMin, this.#sliceMs(this.#ownedCount()));
    const { clock } = this.#domain;
    const cancel = clock.after(delay, () =>
      // The store's answers that are ready do not wait for slices that are not urgent; meanwhile another tick may have been set.
      clock.defer(() => {
        if (this.#cancelTick === cancel) this.#tick();
      }),
    );
    this.#cancelTick = cancel;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  /**
   * Writes everything dirty now and moves every checkpoint to the durable position; for a clean stop. Ends early when
   * the sweeper is stopped meanwhile.
   */
  async finish(): Promise<void> {
    for (const partition of this.#domain.owned()) {
      while (!this.#stopped && (this.#needsSweep(partition) || this.#sweeps.has(partition))) {
        const before = partition.checkpoint;
        await this.#advance(partition);
        // A whole sweep that moved nothing found an actor that is being folded again: what it lacks is in the log.
        if (!this.#sweeps.has(partition) && partition.checkpoint === before) break;
      }
    }
  }

  #tick(): void {
    this.#cancelTick = undefined;
    this.#isHindered = false;
    if (this.#stopped) return;
    const owned = [...this.#domain.owned()];
    const count = Math.min(owned.length, Math.ceil(tickMsMin / this.#sliceMs(owned.length)));
    let isBusy = false;
    for (let index = 0; index < count; index++) {
      const partition = owned[this.#turn++ % owned.length] as Partition;
      if (this.#sweeps.has(partition) || this.#needsSweep(partition)) void this.#advance(partition);
    }
    for (const partition of owned) isBusy ||= this.#sweeps.has(partition) || this.#needsSweep(partition);
    if (isBusy) this.wake();
  }

  #hurry(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.wake();
  }

  #needsSweep(partition: Partition): boolean {
    return partition.tableLag > 0;
  }

  /** Writes the partition's next slice; joins the one under way (W3). Never rejects. */
  #advance(partition: Partition): Promise<void> {
    let advancing = this.#advancing.get(partition);
    if (advancing === undefined) {
      advancing = this.#writeNext(partition)
        .catch((cause: unknown) => {
          if (!this.#stopped) this.#fail(cause);
        })
        .finally(() => {
          this.#advancing.delete(partition);
          if (this.#isBehind()) this.#hurry();
        });
      this.#advancing.set(partition, advancing);
    }
    return advancing;
  }

  async #writeNext(partition: Partition): Promise<void> {
    let sweep = this.#sweeps.get(partition);
    if (sweep === undefined) {
      if (partition.unswept.size > 0) {
        await new Promise<void>((done) => this.#host.loadUnswept(partition, done));
        if (this.#stopped) return;
      }
      sweep = {
        position: partition.durable,
        hash: partition.durableHash,
        state: capturePartitionState(partition),
        nextBucket: 0,
        failed: false,
      };
      this.#sweeps.set(partition, sweep);
    }
    const rows = this.#host.dirtyRows(partition);
    let activations: readonly Activation[] = [];
    // Empty buckets cost nothing: go on to the next one that holds something.
    while (sweep.nextBucket < rows.bucketCount && activations.length === 0)
      activations = rows.take(sweep.nextBucket++);
    // No longer marked dirty, and not written before their slice: until then nothing else keeps them in memory.
    for (const activation of activations) activation.rowsPending++;
    const isLast = sweep.nextBucket >= rows.bucketCount;
    await this.#write(partition, sweep, activations, isLast);
    if (!isLast) return;
    this.#sweeps.delete(partition);
    this.#isHindered ||= sweep.failed;
  }

  async #write(
    partition: Partition,
    sweep: Sweep,
    activations: readonly Activation[],
    isLast: boolean,
  ): Promise<void> {
    const { sliceRowsMax } = this.#domain.limits;
    for (let start = 0; start < activations.length || (isLast && start === 0); start += sliceRowsMax) {
      const slice = activations.slice(start, start + sliceRowsMax);
      const closes = isLast && start + sliceRowsMax >= activations.length;
      await this.#writeSlice(partition, sweep, slice, closes);
      if (this.#stopped) return;
    }
  }

  async #writeSlice(
    partition: Partition,
    sweep: Sweep,
    slice: readonly Activation[],
    closes: boolean,
  ): Promise<void> {
    const puts: TablePut[] = [];
    const deletes: TableDelete[] = [];
    const openGroup = this.#host.openGroup();
    let group = closes ? openGroup : 0;
    for (const activation of slice) {
      if (activation.phase === 'loading' && !activation.isShed) {
        // Its state is being folded again; the next sweep finds it ready.
        sweep.failed = true;
        this.#host.dirtyRows(partition).mark(activation);
        continue;
      }
      group = Math.max(group, activation.touchedGroup);
      puts.push({
        table: actorTable,
        key: actorRowKey(activation.placement, activation.kind.schemaId, activation.id),
        value: this.#encoded(activation, activation.touchedGroup === openGroup),
      });
      if (activation.kind.saga !== undefined) listOpenSaga(activation, activation.kind.saga, puts, deletes);
    }
    const from = partition.checkpoint;
    let to: Checkpoint = from;
    let finishSegment: (() => void) | undefined;
    if (closes && !sweep.failed) {
      to = { position: sweep.position, hash: sweep.hash, epoch: partition.fence.epoch };
      const timers = this.#timers.takeRows(partition);
      const letters = partition.letters.takeRows();
      const ledger = partition.ledger.takeRows(sweep.position, this.#domain.clock.now());
      finishSegment = ledger.written;
      puts.push(...timers.puts, ...letters.puts, ...ledger.puts);
      puts.push({ table: stateTable, key: stateKey, value: encodePartitionState(sweep.state) });
      deletes.push(...timers.deletes, ...letters.deletes, ...ledger.deletes);
    }
    await new Promise<void>((resolve) => this.#host.whenDurable(group, resolve));
    if (this.#stopped) return;
    const result = await this.#domain.store.tables.commit({
      partition: partition.number,
      fence: partition.fence,
      from,
      to,
      puts,
      deletes,
    });
    for (const activation of slice) if (activation.rowsPending > 0) activation.rowsPending--;
    if (result.type === 'committed') {
      partition.checkpoint = to;
      finishSegment?.();
      this.#domain.counters.slices++;
      this.#domain.counters.rowsWritten += puts.length;
      this.#host.rowsWritten(slice);
      return;
    }
    sweep.failed = true;
    if (this.#stopped) return;
    const rows = this.#host.dirtyRows(partition);
    for (const activation of slice) rows.mark(activation);
    if (result.type === 'refused') this.#host.onRefused(partition, result.reason, result.detail);
    else if (this.#domain.store.failsWithProcess) this.#fail(result.cause);
    // In or out: taking the partition anew shuts the door behind it, and reading says which.
    else this.#host.onRefused(partition, 'conflict', 'a table commit was not answered');
  }

  /** The process is to end; until it has, nothing more is written. */
  #fail(cause: unknown): void {
    this.stop();
    this.#host.onFatal(cause);
  }

  /** The row, its size noted. A state that cannot be stored holds up nothing: its row only says where to fold from. */
  #encoded(activation: Activation, isEntryOpen: boolean): Uint8Array {
    const { stateBytesWarn, stateBytesMax } = this.#domain.limits;
    const { name: kind } = activation.kind;
    try {
      const row = encodeActorRow(activation, isEntryOpen);
      if (row.length > stateBytesWarn && activation.stateBytes <= stateBytesWarn) {
        this.#domain.report('warn', 'state-large', {
          kind,
          id: activation.id,
          bytes: row.length,
          stateBytesMax,
        });
      }
      activation.stateBytes = row.length;
      return row;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : 'not an Error';
      this.#domain.report('error', 'state-not-storable', { kind, message });
      return encodeFoldedRow(activation);
    }
  }

  #ownedCount(): number {
    let count = 0;
    for (const _ of this.#domain.owned()) count++;
    return count;
  }

  /** From one slice to the next, which is of another partition. */
  #sliceMs(partitions: number): number {
    const { sweepPeriodMs, sweepBuckets } = this.#domain.limits;
    return sweepPeriodMs / sweepBuckets / Math.max(1, partitions);
  }

  /** Sweeps follow each other without a pause. */
  #isBehind(): boolean {
    const allowed = this.#domain.limits.tableLagEntriesMax * hurriedShare;
    let lag = 0;
    for (const partition of this.#domain.owned()) lag += partition.tableLag;
    return lag > allowed;
  }
}

/** Keeps the table of open sagas in step with the row of one; a parked actor's state says nothing and leaves it as it is. */
function listOpenSaga(
  activation: Activation,
  { summary }: NonNullable<Kind['saga']>,
  puts: TablePut[],
  deletes: TableDelete[],
): void {
  // A shed one is not in the table.
  if (activation.phase === 'parked' || activation.isShed) return;
  const line = summary(activation.state);
  const isOpen = isListed(line);
  if (!isOpen && !activation.mayBeListed) return;
  const key = openSagaKey(line.started_at, activation.kind.schemaId, activation.id);
  if (isOpen) puts.push({ table: openSagaTable, key, value: encodeOpenSaga(line) });
  else deletes.push({ table: openSagaTable, key });
  activation.mayBeListed = isOpen;
}
