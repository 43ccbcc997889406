/**
 * The archive of a simulation: where its files lie, how its archivers are hurried and disturbed, and what must hold of it.
 *
 *     P1   only what the tables are made of already is trimmed from the log
 *     W1   what was trimmed is in the archive, entry by entry as it was, whatever crash came after
 *
 * Its chance is its own: a seed without an archive is drawn as if there were none.
 */
import { Archive } from '../../persistence/archive/archive.js';
import { hashEntry, sameHash } from '../../persistence/entry.js';
import type { EntryHash } from '../../persistence/journal.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import type { SeededRandom } from './seeded-random.js';
import { type FileFault, fileFaults, type ProcessGround, SimulatedFiles } from './simulated-files.js';
import { Violation } from './workload.js';

export interface SimulatedArchiveOptions {
  readonly draw: SeededRandom;
  readonly disk: TrimmedDisk;
  /** Whether anything may go wrong now. */
  readonly isOn: () => boolean;
  readonly onFault: (name: string) => void;
}

const directory = '/machine/data/archive';
const plentyBytes = 2 ** 40;
const page = { entriesMax: 64, bytesMax: 2 ** 20 };
const rates = [0, 0, 0.002, 0.02] as const;

export class SimulatedArchive {
  /** Small, so that a run of a few hundred entries has some. */
  readonly segmentBytes: number;
  /** An archiver looks every second; a simulation has no time for that. */
  readonly hurry: number;
  readonly #options: SimulatedArchiveOptions;
  readonly #files: SimulatedFiles;
  readonly #ground: ProcessGround;
  readonly #rates: ReadonlyMap<FileFault, number>;
  readonly #isCramped: boolean;
  #isUnsure = true;

  constructor(options: SimulatedArchiveOptions) {
    const { draw } = options;
    this.#options = options;
    this.#files = new SimulatedFiles(draw);
    this.#ground = this.groundOf(() => undefined, false);
    this.segmentBytes = draw.pick([700, 4_000, 16_000]);
    this.hurry = draw.pick([10, 40, 100]);
    this.#isCramped = draw.below(6) === 0;
    this.#rates = new Map(fileFaults.map((fault) => [fault, draw.pick(rates)]));
  }

  /** The files as one process has them; `onEnd` when it comes to its end between two steps. */
  groundOf(onEnd: () => void, isDisturbed = true): ProcessGround {
    return this.#files.groundOf({
      fault: () => (isDisturbed ? this.#fault() : undefined),
      onEnd,
      freeBytes: () =>
        isDisturbed && this.#isCramped && this.#options.isOn() && this.#options.draw.below(3) === 0
          ? 0
          : plentyBytes,
    });
  }

  on(ground: ProcessGround): Archive {
    return new Archive(directory, ground);
  }

  /** The machine of the nodes. */
  losePower(): void {
    this.#files.losePower();
    this.#isUnsure = true;
  }

  /** The same, by chance. */
  losePowerSometimes(): void {
    if (this.#options.draw.below(3) > 0) return;
    this.#options.onFault('power loss of a node');
    this.losePower();
  }

  /** Segments that stand. */
  get segmentCount(): number {
    const archive = this.on(this.#ground);
    let count = 0;
    for (let partition = 0; partition < this.#options.disk.partitionCount; partition++)
      count += archive.segments(partition).length;
    return count;
  }

  /** What an archiver says. */
  hear(event: string, details: Readonly<Record<string, unknown>>): void {
    const { disk } = this.#options;
    if (event === 'archive-not-of-this-log' && !disk.hasGoneBack)
      disk.violate(new Violation(`P3: ${String(details.message)}`));
  }

  /** Reads all that is no longer in the log (W1), if a power loss may have taken it. */
  async checkAfterCrash(): Promise<void> {
    if (this.#isUnsure) await this.check();
    this.#isUnsure = false;
  }

  /** Reads all that is no longer in the log (W1). */
  async check(): Promise<void> {
    const archive = this.on(this.#ground);
    for (const [partition, hashes] of this.#options.disk.trimmed().entries())
      await checkPartition(archive, partition, hashes);
  }

  #fault(): FileFault | undefined {
    if (!this.#options.isOn()) return undefined;
    const fault = this.#options.draw.rated(this.#rates);
    if (fault !== undefined) this.#options.onFault(`archive: ${fault}`);
    return fault;
  }
}

async function checkPartition(
  archive: Archive,
  partition: number,
  hashes: readonly EntryHash[],
): Promise<void> {
  for (let position = 1; position <= hashes.length; ) {
    const entries = await archive.read(partition, position, page).catch((cause: unknown) => {
      throw new Violation(`W1: partition ${partition}, position ${position}: ${String(cause)}`);
    });
    if (entries.length === 0)
      throw new Violation(`W1: partition ${partition}, position ${position} is neither in log nor archive`);
    for (const { bytes } of entries) {
      const expected = hashes[position - 1];
      if (expected === undefined) return;
      if (!sameHash(hashEntry(bytes), expected))
        throw new Violation(
          `W1: partition ${partition}, position ${position} is another entry in the archive`,
        );
      position++;
    }
  }
}

/** A disk that tells what is trimmed from it, before it is gone, and remembers it by its hash. */
export class TrimmedDisk extends MemoryDisk {
  /** By partition and position; also of what a crash has brought back. */
  readonly #hashes: EntryHash[][] = [];
  #beforeTrim: () => void = () => {};
  #violation: Violation | undefined;
  /** A replica has taken over that lacked something. */
  hasGoneBack = false;

  /** `run` sees every entry of the logs before the next trim. */
  beforeTrim(run: () => void): void {
    this.#beforeTrim = run;
  }

  /** What a trim has broken: whoever asked for it would take a throw for an answer of the store. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  violate(violation: Violation): void {
    this.#violation ??= violation;
  }

  override failOver(): number {
    const lost = super.failOver();
    if (lost > 0) this.hasGoneBack = true;
    return lost;
  }

  override trim(partition: number, below: number): void {
    try {
      this.#beforeTrim();
      this.#note(partition, below);
    } catch (cause) {
      if (!(cause instanceof Violation)) throw cause;
      this.violate(cause);
    }
    super.trim(partition, below);
  }

  /** By partition: hashes of the entries that are not in the log, from position 1 on. */
  trimmed(): readonly (readonly EntryHash[])[] {
    return Array.from({ length: this.partitionCount }, (_, partition) => {
      const hashes = this.#hashes[partition] ?? [];
      const first = hashes.findIndex((_hash, index) => this.entry(partition, index + 1) !== undefined);
      return first === -1 ? hashes : hashes.slice(0, first);
    });
  }

  #note(partition: number, below: number): void {
    const { position: checkpoint } = this.checkpoint(partition);
    if (below > checkpoint)
      throw new Violation(`P1: partition ${partition} is cut at ${below}, its checkpoint is ${checkpoint}`);
    const hashes = this.#hashes[partition] ?? [];
    this.#hashes[partition] = hashes;
    for (let position = hashes.length + 1; position < below; position++) {
      const entry = this.entry(partition, position);
      if (entry === undefined)
        throw new Violation(`I3: partition ${partition} has no entry ${position} to trim`);
      hashes.push(entry.hash);
    }
  }
}
