/**
 * The few small records about the store itself: the manifest, how often it was opened, and who is about to take what.
 */
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { type BlockFate, fateOf, sendBlock } from './condition-block.js';
import { renewView } from './fresh-view.js';
import type { LogEnvironment } from './log-environment.js';

const manifestKey = 0;
const openingsKey = 1;
/** Of `claims.ts`. */
export const claimsKey = 2;
/** An empty manifest record stands for none. */
const noManifest = Buffer.alloc(0);
/** Threads that open at the same time and each count one up. */
const attemptsMax = 1_000;

/** As it is stored. */
export interface Document {
  readonly value: Buffer;
  readonly version: number;
}

export class StoreDocuments {
  readonly #environment: LogEnvironment;
  readonly #clock: StoreClock;

  constructor(environment: LogEnvironment, clock: StoreClock) {
    this.#environment = environment;
    this.#clock = clock;
  }

  /** Makes the records that are not there yet; durable when it resolves. */
  async create(): Promise<void> {
    const { documents } = this.#environment;
    const writes: Promise<boolean>[] = [];
    if (!documents.doesExist(manifestKey)) writes.push(documents.put(manifestKey, noManifest, 1));
    if (!documents.doesExist(openingsKey)) writes.push(documents.put(openingsKey, Buffer.alloc(8), 1));
    if (!documents.doesExist(claimsKey)) writes.push(documents.put(claimsKey, Buffer.alloc(0), 1));
    await Promise.all(writes);
  }

  /** Counts this opening, from 0. */
  async countOpening(): Promise<number> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const stored = this.#read(openingsKey);
      const count = stored.value.readDoubleLE();
      const next = Buffer.alloc(8);
      next.writeDoubleLE(count + 1);
      if (await this.#replace(openingsKey, stored, next)) return count;
    }
    throw new StoreFailure('store-broken', `${attemptsMax} other threads opened the store at the same time`);
  }

  readManifest(): Uint8Array | undefined {
    return manifestOf(this.#environment);
  }

  async replaceManifest(expected: Uint8Array | undefined, next: Uint8Array): Promise<boolean> {
    if (next.length === 0) throw new RangeError('an empty manifest is no manifest');
    const stored = this.#read(manifestKey);
    if (Buffer.compare(stored.value, expected ?? noManifest) !== 0) return false;
    return this.#replace(manifestKey, stored, Buffer.from(next));
  }

  #read(key: number): Document {
    return readDocument(this.#environment, key);
  }

  /** Durable when true; false when somebody else replaced it. */
  async #replace(key: number, stored: Document, next: Buffer): Promise<boolean> {
    const fate = await replaceDocument(this.#environment, this.#clock, { key, stored, next });
    if (fate.type !== 'unknown') return fate.type === 'durable';
    throw new StoreFailure('store-broken', 'a document of the store could not be written', {
      cause: fate.cause,
    });
  }
}

/** The manifest document; undefined while there is none. */
export function manifestOf(environment: LogEnvironment): Uint8Array | undefined {
  const { value } = readDocument(environment, manifestKey);
  return value.length === 0 ? undefined : value;
}

/** Unmet when somebody else replaced it. */
export function replaceDocument(
  { documents }: LogEnvironment,
  clock: StoreClock,
  { key, stored, next }: { readonly key: number; readonly stored: Document; readonly next: Buffer },
): Promise<BlockFate> {
  const block = sendBlock(documents, [{ key, version: stored.version }], () => {
    void documents.put(key, next, stored.version + 1);
  });
  return fateOf(block, clock, () => false);
}

/** Takes a fresh view. */
export function readDocument(environment: LogEnvironment, key: number): Document {
  renewView(environment.documents, key);
  const stored = environment.documents.getEntry(key);
  if (stored?.version === undefined)
    throw new StoreFailure('store-incompatible', `no document ${key} in the store`);
  return { value: stored.value, version: stored.version };
}
