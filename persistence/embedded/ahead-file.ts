/**
 * One write-ahead file: `ahead/OPENING-0` and `-1` of the data directory. Its bytes are on the disk before anybody is told that they are
 * written: it is opened so that a write returns when they are (one trip to the disk, no `fdatasync` after it).
 *
 * It is made with its bytes: a write into bytes that a file already has changes nothing else of the file, so nothing else is flushed
 * with it. It may grow past them, at the price of slower writes until it has.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
  writev,
  writevSync,
} from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../actors/model/error-code.js';
import { flushPath } from '../flush-path.js';
import type { Durability } from '../store.js';
import type { BlockingCall } from '../store-clock.js';
import { type AheadContent, type AheadRecord, decodeAheadRecords } from './ahead-record.js';
import type { DiskPatience } from './disk-patience.js';
import { machineMicros } from './machine-time.js';

const folderName = 'ahead';
const bytesAtFirst = 1024 * 1024;
const readBytesAtFirst = 64 * 1024;
/** In place of checksum and length of the first record. */
const noRecord = Buffer.alloc(8);
const empty: AheadContent = { firstNumber: 0, records: [], end: 0, isCut: false };

/** Called once, never within the call. */
type Written = (error?: Error) => void;

export class AheadFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #unflushed: number;
  #end = 0;

  private constructor(file: string, descriptor: number, unflushed: number) {
    this.path = file;
    this.#descriptor = descriptor;
    this.#unflushed = unflushed;
  }

  /** Makes the file. Its name is on the disk when this returns; nothing is left of it when it throws. */
  static create(directory: string, name: string, durability: Durability): AheadFile {
    const folder = path.join(directory, folderName);
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, name);
    const unflushed = openSync(file, 'wx');
    try {
      writeFileSync(unflushed, Buffer.alloc(bytesAtFirst));
      if (durability === 'disk') {
        fsyncSync(unflushed);
        for (const each of [folder, directory]) flushPath(each);
      }
      const synchronous = durability === 'disk' ? constants.O_DSYNC : 0;
      return new AheadFile(file, openSync(file, constants.O_WRONLY | synchronous), unflushed);
    } catch (error) {
      closeSync(unflushed);
      removeAheadFile(file);
      throw error;
    }
  }

  /**
   * Nobody needs what stands there: others need not read it any more, and what is written next goes to the beginning. Not while a write is
   * under way.
   */
  clear(): void {
    if (this.#end === 0) return;
    this.#end = 0;
    try {
      // Not synchronous: should it come back with the power, what it holds is in LMDB.
      writeSync(this.#unflushed, noRecord, 0, noRecord.length, 0);
    } catch {
      // It stands there still, and is read for nothing.
    }
  }

  /** Behind what was written before. Writes may overlap; each calls back by itself. */
  write(pieces: readonly Buffer[], done: Written): void {
    const { at, check } = this.#place(pieces, done);
    writev(this.#descriptor, pieces, at, (error, written) => {
      if (error !== null) done(error);
      else check(written);
    });
  }

  /** The same, waited for by this thread, when what it is about has come to its end. */
  writeBlocking(
    pieces: readonly Buffer[],
    blocking: BlockingCall,
    patience: DiskPatience,
    done: Written,
  ): void {
    const { at, check } = this.#place(pieces, done);
    queueMicrotask(() => {
      const begunAt = machineMicros();
      let written: number;
      try {
        written = blocking(() => writevSync(this.#descriptor, pieces, at));
      } catch (error) {
        return done(error as Error);
      }
      patience.took((machineMicros() - begunAt) / 1_000);
      check(written);
    });
  }

  #place(pieces: readonly Buffer[], done: Written): { readonly at: number; check(written: number): void } {
    const byteCount = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const at = this.#end;
    this.#end += byteCount;
    const check = (written: number): void => {
      if (written === byteCount) done();
      else done(new Error(`${written} of ${byteCount} bytes were written`));
    };
    return { at, check };
  }

  close(): void {
    closeSync(this.#descriptor);
    closeSync(this.#unflushed);
  }

  remove(): void {
    removeAheadFile(this.path);
  }
}

/** Should its name come back with the power, what it holds is in LMDB. */
function removeAheadFile(file: string): void {
  rmSync(file, { force: true });
}

/**
 * What stands in the write-ahead files of a store and was sent before a time, by default that of the call; in order where one writer
 * wrote several. Files that are gone by now are empty.
 *
 * That is all that its owners were told to be in, and with each group all that it may have come from: who sent it had seen only what
 * was told before, and that is in one of the files as well, or in LMDB.
 */
export function readAheadFiles(
  directory: string,
  { sentBefore = machineMicros(), except = [] }: AheadReading = {},
): AheadRecord[] {
  const contents = aheadFilesIn(directory).flatMap((file) =>
    except.some((each) => each.path === file) ? [] : readAheadFile(file),
  );
  return contents
    .sort((left, right) => left.firstNumber - right.firstNumber)
    .flatMap(({ records }) => records.filter(({ sentAt }) => sentAt < sentBefore));
}

export interface AheadReading {
  /** See `machineMicros`. */
  readonly sentBefore?: number;
  /** Files that are not read. */
  readonly except?: readonly AheadFile[];
}

/** For the one owner of a directory, when LMDB has what they hold. */
export function removeAheadFiles(directory: string): void {
  for (const file of aheadFilesIn(directory)) removeAheadFile(file);
}

/** The write-ahead files of a store, whoever writes them; none where there is no folder for them. */
export function aheadFilesIn(directory: string): string[] {
  const folder = path.join(directory, folderName);
  try {
    const found = readdirSync(folder, { withFileTypes: true });
    return found.filter((each) => each.isFile()).map(({ name }) => path.join(folder, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Reads no more of a file than its records, or four times as much: behind them is what it held before. */
function readAheadFile(file: string): AheadContent {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return empty;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    const records: AheadRecord[] = [];
    let firstNumber: number | undefined;
    let end = 0;
    for (let byteCount = readBytesAtFirst; ; byteCount *= 4) {
      const bytes = Buffer.allocUnsafe(Math.min(byteCount, size - end));
      const read = bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, end));
      const part = decodeAheadRecords(
        read,
        firstNumber === undefined ? undefined : firstNumber + records.length,
      );
      if (part.records.length > 0) firstNumber ??= part.firstNumber;
      records.push(...part.records);
      const isAll = !part.isCut || end + read.length >= size;
      end += part.end;
      if (isAll) return { firstNumber: firstNumber ?? 0, records, end, isCut: false };
    }
  } finally {
    closeSync(descriptor);
  }
}
