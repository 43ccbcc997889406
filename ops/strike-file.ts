/**
 * The strikes that outlive a process: of actors in whose code a thread hung or ended (runtime/actor/strike-book.ts). The
 * next process starts with them, so that a command that loops for ever parks its actor instead of crashing everybody
 * again and again.
 *
 * S1  A strike is on disk before the process that it ends is gone; it is written whole or not at all.
 * S2  An orderly stop forgets them: whoever starts again after that has mended the code, or wants to see.
 * S3  The file is a help, not a truth: one that cannot be read or written is reported and costs nothing else.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { errorCode } from '../actors/model/error-code.js';
import { Type } from '../actors/model/typebox.js';
import { compileValidator } from '../actors/model/validation.js';
import {
  type ActorHashes,
  isForgotten,
  noStrikes,
  oneMore,
  type StruckActor,
  strikeKey,
} from '../runtime/actor/strike-book.js';
import type { Report } from '../runtime/clock.js';

/** Actors that are remembered; the one struck longest ago goes first. Each strike costs its process two seconds. */
export const struckActorsMax = 100;

const Hash = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
const checkStored = compileValidator(
  Type.Array(
    Type.Object({ placement: Hash, hash: Hash, count: Type.Integer({ minimum: 1 }), at: Type.Number() }),
  ),
);

export function strikesIn(directory: string): string {
  return path.join(directory, 'strikes.json');
}

export class StrikeFile {
  readonly #file: string;
  readonly #memoryMs: number;
  readonly #report: Report;
  #struck: readonly StruckActor[];

  /** Reads what earlier processes left and is not forgotten. */
  constructor(options: {
    readonly file: string;
    readonly now: number;
    readonly strikeMemoryMs: number;
    readonly report: Report;
  }) {
    this.#file = options.file;
    this.#memoryMs = options.strikeMemoryMs;
    this.#report = options.report;
    this.#struck = this.#read().filter((strikes) => !isForgotten(strikes, options.now, this.#memoryMs));
  }

  get struck(): readonly StruckActor[] {
    return this.#struck;
  }

  /** One more strike (S1). Does not return before it is on disk, or reported not to be. */
  add(actor: ActorHashes, now: number): void {
    const key = strikeKey(actor);
    const earlier = this.#struck.find((other) => strikeKey(other) === key) ?? noStrikes;
    const others = this.#struck.filter((other) => strikeKey(other) !== key);
    const struck = { ...actor, ...oneMore(earlier, now, this.#memoryMs) };
    this.#struck = [...others, struck].slice(-struckActorsMax);
    this.#guarded('strike-not-kept', () => this.#write());
  }

  /** S2. */
  forget(): void {
    this.#struck = [];
    this.#guarded('strikes-not-forgotten', () => rmSync(this.#file, { force: true }));
  }

  #read(): readonly StruckActor[] {
    try {
      const stored: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      const problem = checkStored(stored);
      if (problem !== undefined) throw new TypeError(`${problem.pointer} ${problem.detail}`);
      // The check has just proved it.
      return stored as readonly StruckActor[];
    } catch (error) {
      if (!isMissing(error)) this.#report('warn', 'strikes-unreadable', { file: this.#file, error });
      return [];
    }
  }

  #write(): void {
    const draft = `${this.#file}.${process.pid}`;
    mkdirSync(path.dirname(this.#file), { recursive: true });
    const descriptor = openSync(draft, 'w', 0o600);
    try {
      writeSync(descriptor, JSON.stringify(this.#struck));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, this.#file);
  }

  #guarded(event: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#report('error', event, { file: this.#file, error });
    }
  }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}
