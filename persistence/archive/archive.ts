/**
 * The archive of a store: journal files of one partition each, in a folder per partition, named by the positions they hold.
 *
 *     DIR/0007/000000000001-000000016384.journal
 *
 * R1  The names are the catalogue: a file under its final name is whole, and together they begin at 1 and have no gap.
 * R2  Files never change; several threads and processes read them while another one adds to them.
 */
import path from 'node:path';
import type { ReadLimits, StoredEntry } from '../journal.js';
import { type ArchiveGround, machineGround } from './archive-ground.js';
import type { FileRange } from './journal-file.js';
import { JournalFileReader } from './journal-file-reader.js';
import { partSuffix } from './journal-file-writer.js';

export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly file: string;
}

/** Files whose footers are kept; a walk through a history visits neighbours. */
const readersMax = 8;
const namePattern = /^(\d{12,16})-(\d{12,16})\.journal$/;
const partPrefix = 'next';
const positionDigits = 12;

export class Archive {
  readonly directory: string;
  readonly ground: ArchiveGround;
  /** As of the last look at the folder; looked at again when a position is not among them. */
  readonly #segments = new Map<number, readonly Segment[]>();
  /** The least recently used goes first. */
  readonly #readers = new Map<string, Promise<JournalFileReader>>();

  constructor(directory: string, ground: ArchiveGround = machineGround) {
    this.directory = directory;
    this.ground = ground;
  }

  /** Looks at the folder: the segments of a partition, in the order of positions. */
  segments(partition: number): readonly Segment[] {
    const folder = this.#folder(partition);
    const found: Segment[] = [];
    for (const name of this.ground.names(folder)) {
      const match = namePattern.exec(name);
      if (match === null) continue;
      found.push({ from: Number(match[1]), to: Number(match[2]), file: path.join(folder, name) });
    }
    found.sort((left, right) => left.from - right.from);
    this.#segments.set(partition, found);
    return found;
  }

  /** The last position of the unbroken run of segments that begins at 1; 0 when there is none. */
  end(partition: number): number {
    let end = 0;
    for (const { from, to } of this.segments(partition)) {
      if (from > end + 1) break;
      end = Math.max(end, to);
    }
    return end;
  }

  /**
   * Where the next segment of a partition is written until it is whole; makes the folder. No other writer's name: one that was
   * paused and succeeded may wake and go on writing. What others have left there goes.
   */
  partFile(partition: number): string {
    const folder = this.#folder(partition);
    this.ground.makeFolder(folder);
    // Also when it was there: whoever made it may have come to its end before this.
    this.#flushParents();
    const part = `${partPrefix}-${this.ground.writer}${partSuffix}`;
    for (const name of this.ground.names(folder))
      if (name !== part && isPart(name)) this.ground.remove(path.join(folder, name));
    return path.join(folder, part);
  }

  /**
   * As `end`, and what it counts survives power loss from here on: who came to an end between a segment's name and the flush
   * of its folder has left a name that would not.
   */
  settledEnd(partition: number): number {
    const end = this.end(partition);
    if (end > 0) {
      this.ground.flushFolder(this.#folder(partition));
      this.#flushParents();
    }
    return end;
  }

  /** The name of a segment of these positions. */
  fileFor(partition: number, from: number, to: number): string {
    return path.join(this.#folder(partition), `${padded(from)}-${padded(to)}.journal`);
  }

  /** What the last segment of the unbroken run holds; undefined when nothing is archived. Throws `JournalFileDamaged`. */
  async last(partition: number): Promise<FileRange | undefined> {
    const end = this.end(partition);
    const segment = end === 0 ? undefined : this.#find(partition, end);
    return segment === undefined ? undefined : (await this.#opened(segment.file)).range(partition);
  }

  /** As `Journal.read`, as far as one segment reaches; nothing when none holds `from`. Throws `JournalFileDamaged`. */
  async read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
    const segment = this.#find(partition, from);
    if (segment === undefined) return [];
    const reader = await this.#opened(segment.file);
    return await reader.read(partition, from, limits);
  }

  /** The segment that holds a position. */
  segmentOf(partition: number, position: number): Segment | undefined {
    return this.#find(partition, position);
  }

  #find(partition: number, position: number): Segment | undefined {
    const holds = ({ from, to }: Segment): boolean => from <= position && position <= to;
    return this.#segments.get(partition)?.find(holds) ?? this.segments(partition).find(holds);
  }

  #opened(file: string): Promise<JournalFileReader> {
    let reader = this.#readers.get(file);
    if (reader === undefined) {
      reader = JournalFileReader.open(file, this.ground);
      reader.catch(() => this.#readers.delete(file));
    } else this.#readers.delete(file);
    this.#readers.set(file, reader);
    for (const oldest of this.#readers.keys()) {
      if (this.#readers.size <= readersMax) break;
      this.#readers.delete(oldest);
    }
    return reader;
  }

  #flushParents(): void {
    for (const parent of [this.directory, path.dirname(this.directory)]) this.ground.flushFolder(parent);
  }

  #folder(partition: number): string {
    return path.join(this.directory, String(partition).padStart(4, '0'));
  }
}

/** Which segment a file of an archive is, or is a companion of; undefined for any other file. */
export function segmentOfFile(file: string): { readonly partition: number; readonly to: number } | undefined {
  const match = /^\d+-(\d+)\.\w+$/.exec(path.basename(file));
  const folder = /^\d+$/.exec(path.basename(path.dirname(file)));
  return match === null || folder === null
    ? undefined
    : { partition: Number(folder[0]), to: Number(match[1]) };
}

/** Also one of an earlier version, which knew no writers. */
function isPart(name: string): boolean {
  return name.startsWith(partPrefix) && name.endsWith(partSuffix);
}

function padded(position: number): string {
  return String(position).padStart(positionDigits, '0');
}
