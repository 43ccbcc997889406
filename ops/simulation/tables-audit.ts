/**
 * Proves of the tables, at any moment, that they say what the journal says (I7, I12):
 *
 *     every row is the fold of its actor's first events, and of durable ones only
 *     every row holds all its actor's events up to the checkpoint
 *     the checkpoint names a durable entry by its hash, and never goes back (I4)
 */
import { isDeepStrictEqual } from 'node:util';
import { placementHash } from '../../actors/model/address.js';
import { pack, unpack } from '../../actors/model/codec.js';
import { hashEntry, sameHash } from '../../persistence/entry.js';
import type { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { actorRowKey, actorTable, decodeActorRow, isBare } from '../../runtime/actor/actor-row.js';
import type { AuditedActor, JournalAudit } from './journal-audit.js';
import { Violation } from './workload.js';

export class TablesAudit {
  readonly #disk: MemoryDisk;
  readonly #checkpoints = new Map<number, number>();

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  /** `audit` has read everything durable. `isSettled`: every table has caught up with its log. */
  check(audit: JournalAudit, isSettled: boolean): void {
    for (let partition = 0; partition < this.#disk.partitionCount; partition++)
      this.#checkCheckpoint(partition);
    for (const actor of audit.actors()) if (actor.events.length > 0) this.#checkRow(actor, isSettled);
  }

  /** Checkpoints lie before what they were, once. */
  wentBack(): void {
    this.#checkpoints.clear();
  }

  #checkCheckpoint(partition: number): void {
    const { position, hash } = this.#disk.checkpoint(partition);
    const before = this.#checkpoints.get(partition) ?? 0;
    if (position < before)
      throw new Violation(`I4: partition ${partition}: checkpoint ${position} after ${before}`);
    // What is not flushed yet may be lost by right.
    if (this.#disk.isFlushed) this.#checkpoints.set(partition, position);
    if (position === 0) return;
    const entry = this.#disk.entry(partition, position);
    if (entry === undefined || !sameHash(hashEntry(entry.bytes), hash))
      throw new Violation(`I12: partition ${partition}: checkpoint ${position} is not of a durable entry`);
  }

  #checkRow(actor: AuditedActor, isSettled: boolean): void {
    const { kind, id, partition, events } = actor;
    const name = `${kind.name}/${id}`;
    const key = actorRowKey(placementHash(id), kind.schemaId, id);
    const value = this.#disk.get(partition, actorTable, key);
    const { position: checkpoint } = this.#disk.checkpoint(partition);
    const due = isSettled
      ? events.length
      : events.findLastIndex(({ position }) => position <= checkpoint) + 1;
    if (value === undefined) {
      if (due > 0)
        throw new Violation(`I12: ${name} has no row, and ${due} events at or before the checkpoint`);
      return;
    }
    const row = decodeActorRow(value);
    if (isBare(row)) {
      if (row.newestPosition > actor.newestPosition || row.newestPosition < (events[due - 1]?.position ?? 0))
        throw new Violation(
          `I12: ${name} ends at ${actor.newestPosition}, its row says ${row.newestPosition}`,
        );
      return;
    }
    if (row.version > events.length)
      throw new Violation(`I6: the row of ${name} is at version ${row.version}, durable is ${events.length}`);
    if (row.version < due) throw new Violation(`I12: the row of ${name} is at ${row.version}, not ${due}`);
    if (row.snapshotVersion !== kind.snapshot.version) return;
    const fields = unpack(pack(kind.snapshot.encode(foldedTo(actor, row.version))));
    if (!isDeepStrictEqual(fields, row.fields)) {
      const texts = [row.fields, fields].map((value) => JSON.stringify(value));
      throw new Violation(`I7: the row of ${name} at ${row.version} is ${texts[0]}, folded ${texts[1]}`);
    }
  }
}

function foldedTo({ kind, events }: AuditedActor, version: number): unknown {
  let state: unknown = kind.definition.initial();
  for (const { type, data, at } of events.slice(0, version)) {
    // A copy: `evolve` may keep what it is given.
    state = kind.eventByName.get(type)?.evolve(state, unpack(pack(data)), at);
  }
  return state;
}
