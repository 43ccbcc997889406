/**
 * Reads the journal as an auditor would, entry by entry as it becomes durable, and proves what must hold of every log:
 *
 *     I2   a command id is executed once
 *     I3   positions, versions and the chain of hashes have no gap
 *     I4   epochs never fall
 *     I5   a group is in all of its partitions or in none
 *     I22  the time of a log never runs back
 *
 * What it says of channels (I2, I5), timers (I11) and dead letters is proved in the files of these.
 */
import { partitionOf } from '../../actors/model/address.js';
import { pack, unpack } from '../../actors/model/codec.js';
import { EntryReader, hashEntry, noHash, sameHash } from '../../persistence/entry.js';
import type { EntryHash } from '../../persistence/journal.js';
import type { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import {
  causeCommand,
  causeGroupMail,
  causeMessage,
  causeTimer,
  eventCount,
  forEachMessage,
  type StoredRecord,
} from '../../runtime/commit/record.js';
import { readRecords } from '../../runtime/commit/record-reader.js';
import type { Kind, KindTable } from '../../runtime/kind-table.js';
import type { SagaInstance } from '../../runtime/saga/saga-instance.js';
import { ChannelAudit } from './channel-audit.js';
import { LetterAudit } from './letter-audit.js';
import { TimerAudit } from './timer-audit.js';
import { type AuditedEvent, Violation } from './workload.js';

/** What the journal says of one actor. */
export interface AuditedActor {
  readonly kind: Kind;
  readonly id: string;
  readonly partition: number;
  readonly events: {
    readonly type: string;
    readonly data: unknown;
    readonly at: number;
    readonly position: number;
  }[];
  newestPosition: number;
  /** Of a saga: its state after all its events. */
  state: unknown;
}

interface Log {
  position: number;
  previousHash: EntryHash;
  epoch: number;
  time: number;
}

export interface AuditTally {
  entries: number;
  records: number;
  events: number;
  messages: number;
  timersFired: number;
}

export class JournalAudit {
  readonly #disk: MemoryDisk;
  readonly #kinds: KindTable;
  readonly #watchers: readonly ((event: AuditedEvent) => void)[];
  readonly #logs: Log[];
  readonly #actors = new Map<string, AuditedActor>();
  /** By partition, in the order of its log. */
  readonly #events: AuditedEvent[][];
  readonly #executions = new Map<string, number>();
  /** Where each command was executed. */
  readonly #places = new Map<string, { readonly partition: number; readonly position: number }>();
  readonly channels = new ChannelAudit();
  readonly letters = new LetterAudit();
  readonly timers: TimerAudit;
  readonly tally: AuditTally = { entries: 0, records: 0, events: 0, messages: 0, timersFired: 0 };

  constructor(options: {
    readonly disk: MemoryDisk;
    readonly kinds: KindTable;
    readonly watchers: readonly ((event: AuditedEvent) => void)[];
    /** The latest time that any wall clock has shown. */
    readonly wallClockMax: () => number;
  }) {
    this.#disk = options.disk;
    this.#kinds = options.kinds;
    this.#watchers = options.watchers;
    this.timers = new TimerAudit(options.wallClockMax);
    this.#events = Array.from({ length: options.disk.partitionCount }, () => []);
    this.#logs = Array.from({ length: options.disk.partitionCount }, () => ({
      position: 0,
      previousHash: noHash,
      epoch: 0,
      time: 0,
    }));
  }

  /** Takes in what has become durable since. Throws at the first thing that must not be. */
  advance(): void {
    const records: {
      readonly record: StoredRecord;
      readonly partition: number;
      readonly reader: EntryReader;
    }[] = [];
    for (const [partition, log] of this.#logs.entries()) {
      for (const last = this.#disk.flushedPosition(partition); log.position < last; ) {
        const reader = this.#nextEntry(partition, log);
        for (const record of readRecords(reader)) {
          records.push({ record, partition, reader });
          this.#noteSent(partition, reader.position, record);
        }
      }
    }
    // A message may be consumed in the group that sends it, in a partition read before.
    for (const { record, partition, reader } of records) this.#take(record, partition, reader);
  }

  actor(kind: string, id: string): AuditedActor | undefined {
    return this.#actors.get(`${kind}/${id}`);
  }

  actors(): IterableIterator<AuditedActor> {
    return this.#actors.values();
  }

  /** Every durable event of a partition, in the order of its log. */
  eventsOf(partition: number): readonly AuditedEvent[] {
    return this.#events[partition] ?? [];
  }

  executionsOf(commandId: string): number {
    return this.#executions.get(commandId) ?? 0;
  }

  placeOf(commandId: string): { readonly partition: number; readonly position: number } | undefined {
    return this.#places.get(commandId);
  }

  /** Names of the sagas that have begun and not ended. */
  *openSagas(): IterableIterator<string> {
    for (const { kind, id, state } of this.#actors.values()) {
      if (kind.isSaga && kind.definition.isOpen?.(state) === true) yield `${kind.name}/${id}`;
    }
  }

  /** In which state each saga is that has begun: `running`, `completed`, `failed` (parked), … */
  *sagaStates(): IterableIterator<string> {
    for (const { kind, state } of this.#actors.values()) {
      // The state of every saga is its instance.
      if (kind.isSaga) yield (state as SagaInstance).state;
    }
  }

  #nextEntry(partition: number, log: Log): EntryReader {
    const position = ++log.position;
    const where = `partition ${partition}, position ${position}`;
    const entry = this.#disk.entry(partition, position);
    if (entry === undefined) throw new Violation(`I3: ${where}: nothing there`);
    const reader = new EntryReader(entry.bytes);
    if (reader.position !== position || reader.partition !== partition)
      throw new Violation(`I3: ${where}: another entry`);
    if (!sameHash(reader.previousHash, log.previousHash))
      throw new Violation(`I3: ${where}: does not follow the entry before it`);
    if (reader.epoch < log.epoch)
      throw new Violation(`I4: ${where}: epoch ${reader.epoch} after ${log.epoch}`);
    for (const sibling of reader.siblings()) {
      const other = this.#disk.entry(sibling.partition, sibling.position);
      if (other === undefined || new EntryReader(other.bytes).group !== reader.group)
        throw new Violation(`I5: ${where}: its group is not in partition ${sibling.partition}`);
    }
    log.epoch = reader.epoch;
    log.previousHash = hashEntry(entry.bytes);
    this.tally.entries++;
    return reader;
  }

  #noteSent(partition: number, position: number, record: StoredRecord): void {
    forEachMessage(record, (ordinal, message) => {
      const destination = partitionOf(message[1], this.#disk.partitionCount);
      this.channels.sent(partition, destination, position, ordinal);
      this.letters.sent(record, { source: partition, position, ordinal }, message);
      this.tally.messages++;
    });
  }

  #take(record: StoredRecord, partition: number, reader: EntryReader): void {
    const where = `partition ${partition}, position ${reader.position}`;
    const kind = this.#kinds.numbered(record[0]);
    if (kind === undefined) throw new Violation(`I3: ${where}: unknown kind ${record[0]}`);
    this.tally.records++;
    const at = reader.time + record[4];
    const log = this.#logs[partition] as Log;
    if (at < log.time) throw new Violation(`I22: ${where}: time runs back by ${log.time - at} ms`);
    log.time = at;
    this.#takeCause(record, kind, partition, reader, where);
    this.letters.take(record, partition, where);
    if (record[5][0] === causeCommand)
      this.#places.set(record[5][1], { partition, position: reader.position });
    this.#takeEvents(record, kind, partition, reader.position, at, where);
    this.timers.take(record, `${kind.name}/${record[1]}`);
  }

  #takeCause(record: StoredRecord, kind: Kind, partition: number, reader: EntryReader, where: string): void {
    const cause = record[5];
    // The letters that an operator's one command takes have a record each; each is taken once (E2).
    if (record[11]?.length === 4) return;
    if (cause[0] === causeCommand) {
      const count = this.executionsOf(cause[1]) + 1;
      this.#executions.set(cause[1], count);
      if (count > 1) throw new Violation(`I2: ${where}: command ${cause[1]} is executed ${count} times`);
    } else if (cause[0] === causeMessage) {
      this.channels.take(cause[1], cause[2], cause[3], partition, where);
    } else if (cause[0] === causeGroupMail) {
      this.channels.takeGroupMail(cause[1], cause[2], cause[3], partition, reader, where);
      this.tally.messages++;
    } else if (cause[0] === causeTimer) {
      this.tally.timersFired++;
      this.timers.fired(`${kind.name}/${record[1]}`, cause[1], cause[2], where);
    }
  }

  #takeEvents(
    record: StoredRecord,
    kind: Kind,
    partition: number,
    position: number,
    at: number,
    where: string,
  ): void {
    const id = record[1];
    const key = `${kind.name}/${id}`;
    let actor = this.#actors.get(key);
    if (actor === undefined) {
      actor = { kind, id, partition, events: [], newestPosition: 0, state: kind.definition.initial() };
      this.#actors.set(key, actor);
    }
    if (record[2] !== actor.events.length)
      throw new Violation(`I3: ${where}: ${key} at version ${record[2]} after ${actor.events.length}`);
    if (record[3] !== actor.newestPosition)
      throw new Violation(`I3: ${where}: ${key} points back to ${record[3]}, not ${actor.newestPosition}`);
    const stored = record[8];
    if (stored === 0) return;
    for (let index = 0; index < eventCount(record); index++) {
      const { entry, data } = this.#kinds.event(
        kind,
        stored[index * 2] as number,
        stored[index * 2 + 1] as readonly unknown[],
      );
      actor.events.push({ type: entry.name, data, at, position });
      if (kind.isSaga) actor.state = entry.evolve(actor.state, unpack(pack(data)), at);
      this.tally.events++;
      const event = { kind: kind.name, id, type: entry.name, data, version: actor.events.length, at };
      (this.#events[partition] as AuditedEvent[]).push(event);
      for (const watch of this.#watchers) watch(event);
    }
    actor.newestPosition = position;
  }
}
