/**
 * The free-space guard. Below the minimum the store says that it takes no new data (the edge refuses commands); below half
 * of it the store itself refuses writes, so what was under way has room to finish and LMDB never sees a full disk.
 */
import { statfs } from 'node:fs/promises';
import type { StoreClock } from '../store-clock.js';

const freeBytesMinDefault = 256 * 1024 * 1024;
/** Of the whole file system, when that is more. */
const freeShareMinDefault = 0.02;
/** 400 MB/s, LMDB's fastest here, fill half the default minimum in 0.3 s; 1 s of commands is 50–100 MB. */
const refreshMs = 1_000;

export interface Space {
  readonly freeBytes: number;
  readonly acceptsWrites: boolean;
}

export class SpaceGuard {
  readonly #directory: string;
  readonly #clock: StoreClock;
  readonly #freeBytesMinGiven: number | undefined;
  #freeBytes = Number.POSITIVE_INFINITY;
  #freeBytesMin = 0;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #measuring: Promise<Space> | undefined;

  constructor(directory: string, clock: StoreClock, freeBytesMin: number | undefined) {
    this.#directory = directory;
    this.#clock = clock;
    this.#freeBytesMinGiven = freeBytesMin;
  }

  measure(): Promise<Space> {
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  /** By the last measurement, at most about a second old while it is asked. */
  hasReserve(): boolean {
    if (this.#clock.now() - this.#measuredAt > refreshMs) {
      // A failed look leaves the last one standing; the write itself will tell.
      this.measure().catch(() => undefined);
    }
    return this.#freeBytes >= this.#freeBytesMin / 2;
  }

  describe(): string {
    return `${this.#freeBytes} bytes free, below half the minimum of ${this.#freeBytesMin}`;
  }

  async #measure(): Promise<Space> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    this.#measuredAt = this.#clock.now();
    this.#freeBytes = bavail * bsize;
    this.#freeBytesMin =
      this.#freeBytesMinGiven ??
      Math.max(freeBytesMinDefault, Math.floor(blocks * bsize * freeShareMinDefault));
    return { freeBytes: this.#freeBytes, acceptsWrites: this.#freeBytes >= this.#freeBytesMin };
  }
}
