/**
 * The newest groups of one opening of a store: on the disk in a file, where one write puts them, and in memory, until LMDB has them.
 *
 *     append ─▸ file ─▸ written, in order ─▸ claimed? ── no ─▸ durable
 *                              │                └─ yes ─▸ LMDB decides: durable or unmet
 *                              └─ within 50 ms, together with others ─▸ LMDB
 *
 * W1  A group is told to be durable only after every group that was sent before it is written: whoever reads the file stops where it
 *     is cut.
 * W2  What is told to be durable without asking LMDB is in LMDB for whoever takes the partition (`claims.ts`).
 * W3  There are two files. One is written to from its beginning again only when all that it holds is flushed in LMDB.
 * W4  What gathers in files and memory has a bound: past it LMDB decides about each group, which is told when LMDB has it.
 * W5  A thread that waits for its writes itself lets other events in between: what follows from a write may be the next one, for ever.
 */
import { randomInt } from 'node:crypto';
import type { Durability } from '../store.js';
import type { BlockingCall, StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { AheadFile, readAheadFiles } from './ahead-file.js';
import { type AheadEntry, type AheadRecord, encodeAheadRecord } from './ahead-record.js';
import type { Claims } from './claims.js';
import { type BlockFate, type Condition, flushDeadlineMs } from './condition-block.js';
import { DiskPatience } from './disk-patience.js';
import type { Applied, LogApplier } from './log-applier.js';
import { machineMicros } from './machine-time.js';

/** LMDB takes a hundred groups together at little more than the price of one; a tool that looks at it is late by so much. */
const applyEveryMs = 50;
const firstNumberMax = 2 ** 47;

/** W5. */
const blockingInARowMax = 8;

/** As long as more than that has gathered, LMDB sets the pace. Half a second of its work; without it a disk that hung for 3 s gathered 0.6 GB. */
const gatheredBytesMax = 64 * 1024 * 1024;

/** With the epoch under which this opening knows the partition. */
export interface OwnerCondition extends Condition {
  readonly epoch: number;
}

/** A group to append. */
export interface AheadGroup extends Omit<AheadRecord, 'sentAt'> {
  readonly conditions: readonly OwnerCondition[];
}

export interface WriteAheadOptions {
  /** The store's. */
  readonly directory: string;
  /** Of the files, unlike that of any other opening. */
  readonly name: string;
  readonly durability: Durability;
  readonly applier: LogApplier;
  readonly claims: Claims;
  readonly clock: StoreClock;
  /** Absent: the thread never waits for a write. */
  readonly blocking?: BlockingCall | undefined;
  /** `isLate`: nothing is known to have failed. */
  readonly onFailure: (isLate: boolean) => void;
}

export type Unknown = BlockFate & { readonly type: 'unknown' };

class Item {
  readonly group: AheadGroup & AheadRecord;
  readonly file: AheadFile;
  readonly tell: (fate: BlockFate) => void;
  readonly byteCount: number;
  cancelDeadline: () => void = () => {};
  isWritten = false;
  /** LMDB decides: it may follow a group that was refused. */
  mustAsk = false;
  isContested = false;
  isTold = false;
  /** To be called when it is in LMDB, or never will be; with the failure when that cannot be told. */
  readonly onGone: ((failure?: Unknown) => void)[] = [];

  constructor(group: AheadGroup & AheadRecord, file: AheadFile, tell: (fate: BlockFate) => void) {
    this.group = group;
    this.file = file;
    this.tell = tell;
    this.byteCount = group.entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  settle(fate: BlockFate): void {
    if (this.isTold) return;
    this.isTold = true;
    this.cancelDeadline();
    this.tell(fate);
  }

  entryOf(partition: number): AheadEntry | undefined {
    return this.group.entries.find((entry) => entry.partition === partition);
  }
}

export class WriteAhead {
  readonly #options: WriteAheadOptions;
  readonly #patience = new DiskPatience();
  /** Writes that this thread has waited for since it last looked at events. */
  #blockingInARow = 0;
  #files: readonly [AheadFile, AheadFile] | undefined;
  #current = 0;
  /** Drawn, so that no bytes that somebody sent pass for a record behind the newest. */
  #nextNumber = randomInt(firstNumberMax);
  /** Not known to be flushed in LMDB, in the order in which they were sent. */
  #items: Item[] = [];
  #gatheredBytes = 0;
  /** How many of them, from the first on, are told to be durable or left to LMDB. */
  #judgedCount = 0;
  #contestedCount = 0;
  #failure: Unknown | undefined;
  #applying: Promise<void> | undefined;
  #isApplyDue = false;
  #cancelApply: (() => void) | undefined;

  constructor(options: WriteAheadOptions) {
    this.#options = options;
  }

  /** Since a write failed or was late: whether what was sent is in, only a new process can tell. */
  get failure(): Unknown | undefined {
    return this.#failure;
  }

  /** Makes the files, when they are not made yet. Throws when that fails; it may be tried again. */
  open(): void {
    if (this.#files !== undefined) return;
    const { directory, name, durability } = this.#options;
    const first = AheadFile.create(directory, `${name}-0`, durability);
    try {
      this.#files = [first, AheadFile.create(directory, `${name}-1`, durability)];
    } catch (error) {
      first.close();
      first.remove();
      throw error;
    }
  }

  /**
   * To the open files. Groups go in in the order of the calls. `tell` is called once, never within the call, and with `unmet` before any
   * group can be appended that does not know of it.
   */
  append(group: AheadGroup, tell: (fate: BlockFate) => void): void {
    const file = this.#files?.[this.#current] as AheadFile;
    const item = new Item({ ...group, sentAt: machineMicros() }, file, tell);
    item.cancelDeadline = this.#options.clock.after(flushDeadlineMs, () => this.#fail(late()));
    this.#items.push(item);
    this.#gatheredBytes += item.byteCount;
    const bytes = encodeAheadRecord(this.#nextNumber++, item.group);
    const written = (error?: Error): void => {
      if (this.#failure !== undefined) return;
      if (error !== undefined) return this.#fail(broken(error));
      item.isWritten = true;
      this.#judge();
    };
    const { blocking } = this.#options;
    if (blocking !== undefined && this.#mayBlock() && this.#patience.decide())
      file.writeBlocking(bytes, blocking, this.#patience, written);
    else file.write(bytes, written);
  }

  /**
   * The bytes of an entry, told to be durable or not, that LMDB may not have yet. Of two at one position the newer: the other was sent
   * before the partition was taken anew.
   */
  entry(partition: number, position: number): Uint8Array | undefined {
    const item = this.#items.findLast((each) => each.entryOf(partition)?.position === position);
    return item?.entryOf(partition)?.bytes;
  }

  /** True while whoever appended the entry has not been told what became of it. */
  isOpen(partition: number, position: number): boolean {
    return this.#items.some((item) => !item.isTold && item.entryOf(partition)?.position === position);
  }

  holds(partition: number): boolean {
    return this.#items.some((item) => item.entryOf(partition) !== undefined);
  }

  /** Resolves when LMDB has all that was appended here to the partition up to a position, or never will; with the failure, if there is one. */
  applied(partition: number, position: number): Promise<Unknown | undefined> {
    return this.#gone(
      this.#items.findLast((item) => (item.entryOf(partition)?.position ?? Infinity) <= position),
    );
  }

  /** Resolves when LMDB has all that was told to be durable by now, or never will. */
  appliedAll(): Promise<unknown> {
    return this.#gone(this.#items[this.#judgedCount - 1]);
  }

  /**
   * Puts everything into LMDB and gives the files up; nothing is under way. After a failure they stay, for the next owner, and open: a write
   * that is late must not find another file under their numbers.
   */
  async close(): Promise<void> {
    await this.appliedAll();
    this.#cancelApply?.();
    if (this.#failure !== undefined) return;
    for (const file of this.#files ?? []) {
      file.close();
      file.remove();
    }
  }

  /** W5. */
  #mayBlock(): boolean {
    if (this.#blockingInARow === 0) {
      setImmediate(() => {
        this.#blockingInARow = 0;
      });
    }
    return ++this.#blockingInARow <= blockingInARowMax;
  }

  #gone(item: Item | undefined): Promise<Unknown | undefined> {
    if (item === undefined || this.#failure !== undefined) return Promise.resolve(this.#failure);
    return new Promise((resolve) => {
      item.onGone.push(resolve);
      this.#applyNow();
    });
  }

  /** W1, W2. */
  #judge(): void {
    const { claims } = this.#options;
    if (this.#items[this.#judgedCount]?.isWritten !== true) return;
    try {
      claims.look();
    } catch (cause) {
      return this.#fail(broken(cause));
    }
    for (;;) {
      const item = this.#items[this.#judgedCount];
      if (item?.isWritten !== true) break;
      this.#judgedCount++;
      // A group behind a contested one may follow it.
      item.isContested =
        item.mustAsk ||
        this.#contestedCount > 0 ||
        this.#gatheredBytes > gatheredBytesMax ||
        item.group.conditions.some(({ key, epoch }) => claims.isClaimed(key, epoch));
      if (item.isContested) this.#contestedCount++;
      else item.settle({ type: 'durable' });
    }
    if (this.#contestedCount > 0) this.#applyNow();
    else this.#applySoon();
  }

  #applyNow(): void {
    this.#isApplyDue = true;
    this.#applying ??= this.#apply().finally(() => {
      this.#applying = undefined;
    });
  }

  async #apply(): Promise<void> {
    this.#cancelApply?.();
    this.#cancelApply = undefined;
    while (this.#isApplyDue && this.#failure === undefined) {
      this.#isApplyDue = false;
      this.#turnFiles();
      if (this.#judgedCount > 0) await this.#applyJudged();
    }
    if (this.#judgedCount > 0) this.#applySoon();
  }

  #applySoon(): void {
    this.#cancelApply ??= this.#options.clock.after(applyEveryMs, () => {
      this.#cancelApply = undefined;
      this.#applyNow();
    });
  }

  /** With the oldest group in the file that is written to, the other one is clear. */
  #turnFiles(): void {
    if (this.#items[0]?.file === this.#files?.[this.#current]) this.#current = 1 - this.#current;
  }

  /** W3: of what is not flushed in LMDB, the oldest and the newest are in other files, and so is what lies between. */
  #clearFiles(): void {
    const needed = [this.#items[0]?.file, this.#items.at(-1)?.file];
    for (const file of this.#files ?? []) if (!needed.includes(file)) file.clear();
  }

  async #applyJudged(): Promise<void> {
    const items = this.#items.slice(0, this.#judgedCount);
    const { directory, applier } = this.#options;
    let applied: Applied;
    try {
      // In one turn with the choice of our own: none of them has seen what the others' files lack.
      const others = readAheadFiles(directory, { except: this.#files ?? [] });
      applied = await applier.apply(
        items.map(({ group }) => group),
        others,
      );
    } catch (cause) {
      applied = broken(cause);
    }
    if (this.#failure !== undefined) return;
    if (applied.type === 'unknown') this.#fail(applied);
    else this.#taken(items, applied.isIn);
  }

  #taken(items: readonly Item[], isIn: readonly boolean[]): void {
    if (items.some(({ isContested }, index) => !isContested && isIn[index] !== true))
      return this.#fail(broken(new Error('a group that was told to be in is not')));
    this.#items.splice(0, items.length);
    this.#judgedCount -= items.length;
    this.#clearFiles();
    for (const [index, item] of items.entries()) {
      this.#gatheredBytes -= item.byteCount;
      if (item.isContested) this.#contestedCount--;
      if (isIn[index] !== true) for (const later of this.#items) later.mustAsk = true;
      item.settle({ type: isIn[index] === true ? 'durable' : 'unmet' });
      for (const gone of item.onGone) gone();
    }
  }

  #fail(failure: Unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#cancelApply?.();
    this.#options.onFailure(failure.isLate === true);
    for (const item of this.#items) {
      item.settle(failure);
      for (const gone of item.onGone) gone(failure);
    }
  }
}

function late(): Unknown {
  const cause = new StoreFailure('store-broken', `not written within ${flushDeadlineMs} ms`);
  return { type: 'unknown', cause, isLate: true };
}

function broken(cause: unknown): Unknown {
  return { type: 'unknown', cause: new StoreFailure('store-broken', 'the store could not write', { cause }) };
}
