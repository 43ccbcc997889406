/**
 * Who is about to take a partition. An owner's newest groups may stand in its write-ahead file alone, where a taker has to find
 * them, and the owner has to stop telling anybody that they are in as soon as it may have missed one:
 *
 *     taker:  claim ─▸ read the files, put them into LMDB ─▸ raise the epoch
 *     owner:  write to the file ─▸ look for a claim ─▸ none: it is in · one: LMDB decides
 *
 * C1  Either the owner's look finds the claim, or the look came before the claim, and so the write before the reading of the files.
 * C2  A claim names the epoch that is going to be, and never goes back. The owner of that epoch is not concerned.
 */
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { failureOf } from './condition-block.js';
import { renewView } from './fresh-view.js';
import type { LogEnvironment } from './log-environment.js';
import { claimsKey, type Document, readDocument, replaceDocument } from './store-documents.js';

/** Others that claim something at the same time; more is a fault somewhere else. */
const attemptsMax = 1_000;
const epochBytes = 4;

type Claim = readonly [partition: number, epoch: number];

export class Claims {
  readonly #environment: LogEnvironment;
  readonly #clock: StoreClock;
  /** As of the last look. */
  #stored: Document = { value: Buffer.alloc(0), version: 0 };

  constructor(environment: LogEnvironment, clock: StoreClock) {
    this.#environment = environment;
    this.#clock = clock;
  }

  /** Everybody sees it when this resolves. Resolves at once when that epoch, or a later one, is claimed already. */
  async claim(partition: number, epoch: number): Promise<void> {
    await this.#raise([[partition, epoch]]);
  }

  /** The next epoch of every partition, for an owner of the whole store whose predecessor may only be asleep. */
  async claimAll(partitionCount: number): Promise<void> {
    const heads = this.#environment.readHeads(partitionCount);
    await this.#raise(heads.map(({ fence }, partition) => [partition, fence.epoch + 1]));
  }

  /** Takes notice of what is claimed now. Throws as `renewView`. */
  look(): void {
    const { documents } = this.#environment;
    renewView(documents, claimsKey);
    if (!documents.doesExist(claimsKey, this.#stored.version)) this.#read();
  }

  /** True when somebody is about to take the partition from the owner of that epoch, as of the last look. */
  isClaimed(partition: number, epoch: number): boolean {
    return epochIn(this.#stored.value, partition) > epoch;
  }

  async #raise(claims: readonly Claim[]): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      this.#read();
      const stored = this.#stored;
      const higher = claims.filter(([partition, epoch]) => epoch > epochIn(stored.value, partition));
      if (higher.length === 0) return;
      const next = raised(stored.value, higher);
      const fate = await replaceDocument(this.#environment, this.#clock, { key: claimsKey, stored, next });
      if (fate.type === 'durable') return;
      if (fate.type === 'unknown') throw failureOf(fate, 'a partition could not be claimed');
    }
    throw new StoreFailure('store-broken', `others claimed partitions ${attemptsMax} times in a row`);
  }

  #read(): void {
    this.#stored = readDocument(this.#environment, claimsKey);
  }
}

function epochIn(epochs: Buffer, partition: number): number {
  const at = partition * epochBytes;
  return at < epochs.length ? epochs.readUInt32LE(at) : 0;
}

/** A copy: of a whole store's claims there is one, however many partitions it has. */
function raised(epochs: Buffer, claims: readonly Claim[]): Buffer {
  const partitionCount = claims.reduce((count, [partition]) => Math.max(count, partition + 1), 0);
  const next = Buffer.alloc(Math.max(epochs.length, partitionCount * epochBytes));
  next.set(epochs);
  for (const [partition, epoch] of claims) next.writeUInt32LE(epoch, partition * epochBytes);
  return next;
}
