/**
 * Journal over streams. An append is one FCALL over all partitions of the group: token, head and hash of each are one text
 * that the Function compares, and replaces by the text of the new head.
 */
import { assertGroup, assertPartition, type PartitionOwner, refused, refuseEntry } from '../append-check.js';
import { noHash, sameHash } from '../entry.js';
import type {
  AppendResult,
  Cut,
  EntryIdentity,
  GroupAppend,
  Head,
  Journal,
  ReadLimits,
  StoredEntry,
} from '../journal.js';
import { journalGap } from '../journal-gap.js';
import { elsewhere, type ServerBinding } from '../server-binding.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { fenceText, hexOf, parseFence, parseMark, type StoredFence } from './fence-text.js';
import { functions } from './function-library.js';
import { GuardedConnection } from './guarded-connection.js';
import type { RedisKeys } from './keys.js';
import type { RedisConnection } from './redis-connection.js';
import { faultOf } from './reply-error.js';
import type { Argument } from './request-bytes.js';

/** Asked for first at most; what follows is judged by the size of what came. 16 entries of the greatest size are 4 MB. */
const firstReadEntriesMax = 16;

/** About a ms of Redis. */
const trimStepEntries = 1_000;

const appended: AppendResult = { type: 'appended' };
const nothing: PartitionOwner = { fence: undefined, head: { position: 0, hash: noHash } };

export class RedisJournal implements Journal {
  /** Only appends travel here, so that nothing else stands between them. */
  readonly #log: RedisConnection;
  readonly #guarded: GuardedConnection;
  readonly #keys: RedisKeys;
  readonly #heads: AcknowledgedHeads;
  readonly #binding: ServerBinding;
  readonly #partitionCount: number;
  /** Of the entries that came last: of large ones no more are asked for than are wanted. */
  #typicalBytes = 1;

  constructor(parts: {
    readonly log: RedisConnection;
    readonly connection: RedisConnection;
    readonly keys: RedisKeys;
    readonly heads: AcknowledgedHeads;
    readonly binding: ServerBinding;
    readonly partitionCount: number;
  }) {
    this.#log = parts.log;
    this.#guarded = new GuardedConnection(parts);
    this.#keys = parts.keys;
    this.#heads = parts.heads;
    this.#binding = parts.binding;
    this.#partitionCount = parts.partitionCount;
  }

  append(group: GroupAppend): Promise<AppendResult> {
    assertGroup(group, this.#partitionCount);
    if (this.#heads.halted !== undefined)
      return Promise.resolve(refused('storage', this.#heads.halted.message));
    for (const { partition } of group.entries) {
      if (this.#binding.isElsewhere(partition))
        return Promise.resolve(refused('conflict', elsewhere(partition)));
    }
    // Sent in this turn: groups reach Redis in the order of the calls.
    return this.#settle(group, this.#log.send('FCALL', this.#command(group)));
  }

  async read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
    assertPartition(partition, this.#partitionCount);
    const entries = await this.#readWithin(partition, from, limits);
    this.#heads.noteRead(partition, entries);
    return entries;
  }

  async #readWithin(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
    const entries: StoredEntry[] = [];
    let bytesRead = 0;
    const likely = Math.ceil(limits.bytesMax / this.#typicalBytes);
    let count = Math.min(limits.entriesMax, firstReadEntriesMax, Math.max(1, likely));
    while (count > 0) {
      const chunk = await this.#readChunk(partition, from + entries.length, count);
      if (chunk.length > 0) this.#typicalBytes = averageBytes(chunk);
      for (const entry of chunk) {
        bytesRead += entry.bytes.length;
        if (entries.length > 0 && bytesRead > limits.bytesMax) return entries;
        entries.push(entry);
      }
      if (chunk.length < count) break;
      const fitting = Math.ceil((limits.bytesMax - bytesRead) / this.#typicalBytes);
      count = Math.min(limits.entriesMax - entries.length, Math.max(0, fitting));
    }
    return entries;
  }

  async head(partition: number): Promise<Head> {
    assertPartition(partition, this.#partitionCount);
    const stored = await this.storedFence(partition);
    return stored?.head ?? nothing.head;
  }

  /**
   * By position, never by length, and never past the checkpoint that stands beside the log: whoever asks may have seen another
   * server's. A step at a time, because Redis does nothing else meanwhile.
   */
  async trim(cuts: readonly Cut[]): Promise<void> {
    for (const cut of cuts) await this.#trimLog(cut);
  }

  async #trimLog({ partition, below }: Cut): Promise<void> {
    const { position: head } = await this.head(partition);
    // One question follows the other at once, so all of them are answered by one server.
    const mark = (await this.#guarded.ask('GET', [this.#keys.mark(partition)])) as Buffer | null;
    const checkpoint = mark === null ? 0 : parseMark(mark.toString()).checkpoint.position;
    const end = Math.min(below, head, checkpoint);
    const log = this.#keys.log(partition);
    const [oldest] = (await this.#guarded.ask('XRANGE', [log, '-', '+', 'COUNT', '1'])) as [
      Buffer,
      unknown,
    ][];
    if (oldest === undefined) return;
    let from = Number.parseInt(oldest[0].toString('latin1'), 10);
    while (from < end) {
      from = Math.min(end, from + trimStepEntries);
      await this.#guarded.ask('XTRIM', [log, 'MINID', '=', idOf(from)]);
    }
  }

  /** Owner and head as they are stored; undefined while nobody has ever taken the partition. */
  async storedFence(partition: number): Promise<StoredFence | undefined> {
    // A bulk reply.
    const text = (await this.#guarded.ask('GET', [this.#keys.fence(partition)])) as Buffer | null;
    return text === null ? undefined : parseFence(text.toString());
  }

  async #readChunk(partition: number, from: number, count: number): Promise<StoredEntry[]> {
    const args = [this.#keys.log(partition), idOf(from), '+', 'COUNT', String(count)];
    // XRANGE: [id, [field, value]] each.
    const found = (await this.#guarded.ask('XRANGE', args)) as [Buffer, [Buffer, Buffer]][];
    return found.map(([id, [, bytes]], index) => {
      const position = Number.parseInt(id.toString('latin1'), 10);
      if (position !== from + index) throw journalGap(partition, from + index);
      return { position, bytes };
    });
  }

  #command({ entries, after }: GroupAppend): Argument[] {
    const before = this.#before(entries, after);
    const keys: string[] = [];
    for (const { partition } of entries) keys.push(this.#keys.fence(partition));
    for (const { partition } of entries) keys.push(this.#keys.log(partition));
    if (before !== undefined) keys.push(this.#keys.fence(before.partition), this.#keys.log(before.partition));
    const args: Argument[] = [functions.append, String(keys.length), ...keys, String(entries.length)];
    for (const { fence, position, previousHash } of entries)
      args.push(fenceText(fence, position - 1, previousHash));
    for (const { fence, position, hash } of entries) args.push(fenceText(fence, position, hash));
    for (const { position } of entries) args.push(idOf(position));
    for (const { bytes } of entries) args.push(asBuffer(bytes));
    if (before !== undefined)
      args.push(String(before.position), hexOf(before.hash), idOf(before.position + 1));
    return args;
  }

  /**
   * The entry to look for besides the heads. None when an own entry follows one of the group before: then its head says so. Of
   * the others one is enough, because a group went in whole or not at all.
   */
  #before(entries: GroupAppend['entries'], after: readonly EntryIdentity[]): EntryIdentity | undefined {
    for (const before of after) {
      for (const { partition, position, previousHash } of entries) {
        if (partition === before.partition && position === before.position + 1)
          return sameHash(previousHash, before.hash) ? undefined : before;
      }
    }
    return after[0];
  }

  async #settle(group: GroupAppend, reply: Promise<unknown>): Promise<AppendResult> {
    let answer: unknown;
    try {
      answer = await reply;
    } catch (cause) {
      const fault = faultOf(cause);
      return fault.type === 'refused' ? refused('storage', fault.detail) : { type: 'unknown', cause };
    }
    if (answer === 1) {
      for (const entry of group.entries) this.#heads.note(entry.partition, entry);
      return appended;
    }
    if (Array.isArray(answer)) return await this.#judge(group, answer as readonly (Buffer | null)[]);
    return refused('conflict', 'the group before is not in');
  }

  /** A head was not the expected one. A stale owner must hear `fenced`, whatever else does not fit. */
  async #judge(group: GroupAppend, texts: readonly (Buffer | null)[]): Promise<AppendResult> {
    let conflict: AppendResult | undefined;
    let fenced: AppendResult | undefined;
    for (const [index, entry] of group.entries.entries()) {
      const text = texts[index];
      const stored = text == null ? undefined : parseFence(text.toString());
      if (this.#heads.isOlder(entry.partition, stored)) {
        const detail = await this.#guarded.whyHalted();
        if (detail !== undefined) return refused('storage', detail);
      }
      const refusal = refuseEntry(entry, stored ?? nothing);
      if (refusal?.reason === 'fenced') fenced ??= refusal;
      else conflict ??= refusal;
    }
    return fenced ?? conflict ?? refused('conflict', 'a head moved meanwhile');
  }
}

function averageBytes(entries: readonly StoredEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length, 0) / entries.length;
}

/** Positions are whole numbers below 2^53. */
function idOf(position: number): string {
  return `${position}-0`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
