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
import { type Condition, fateOf, sendBlock } from './condition-block.js';
import { renewView } from './fresh-view.js';
import type { LogEnvironment } from './log-environment.js';
import { claimsKey } from './store-documents.js';

/** Others that claim something at the same time; more is a fault somewhere else. */
const attemptsMax = 1_000;
const epochBytes = 4;

export class Claims {
  readonly #environment: LogEnvironment;
  readonly #clock: StoreClock;
  /** As of the last look. */
  #version = 0;
  #epochs: Buffer = Buffer.alloc(0);

  constructor(environment: LogEnvironment, clock: StoreClock) {
    this.#environment = environment;
    this.#clock = clock;
  }

  /** Everybody sees it when this resolves. Resolves at once when that epoch, or a later one, is claimed already. */
  async claim(partition: number, epoch: number): Promise<void> {
    await this.#raise((epochs) => setEpoch(epochs, partition, epoch));
  }

  /** The next epoch of every partition, for an owner of the whole store whose predecessor may only be asleep. */
  async claimAll(partitionCount: number): Promise<void> {
    const fences = this.#environment.readHeads(partitionCount).map(({ fence }) => fence);
    await this.#raise((stored) => {
      let epochs = stored;
      for (const [partition, { epoch }] of fences.entries()) epochs = setEpoch(epochs, partition, epoch + 1);
      return epochs;
    });
  }

  /** Takes notice of what is claimed now. Throws as `renewView`. */
  look(): void {
    const { documents } = this.#environment;
    renewView(documents, claimsKey);
    if (!documents.doesExist(claimsKey, this.#version)) this.#read();
  }

  /** True when somebody is about to take the partition from the owner of that epoch, as of the last look. */
  isClaimed(partition: number, epoch: number): boolean {
    return epochIn(this.#epochs, partition) > epoch;
  }

  async #raise(raise: (epochs: Buffer) => Buffer): Promise<void> {
    const { documents } = this.#environment;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      renewView(documents, claimsKey);
      this.#read();
      const next = raise(this.#epochs);
      if (next === this.#epochs) return;
      const condition: Condition = { key: claimsKey, version: this.#version };
      const block = sendBlock(documents, [condition], () => {
        void documents.put(claimsKey, next, condition.version + 1);
      });
      const fate = await fateOf(block, this.#clock, () => false);
      if (fate.type === 'durable') return;
      if (fate.type === 'unknown') {
        const code = fate.isLate === true ? 'store-unreachable' : 'store-broken';
        throw new StoreFailure(code, 'a partition could not be claimed', { cause: fate.cause });
      }
    }
    throw new StoreFailure('store-broken', `others claimed partitions ${attemptsMax} times in a row`);
  }

  #read(): void {
    const stored = this.#environment.documents.getEntry(claimsKey);
    if (stored?.version === undefined)
      throw new StoreFailure('store-incompatible', 'the store says nothing of who takes it');
    this.#epochs = stored.value;
    this.#version = stored.version;
  }
}

function epochIn(epochs: Buffer, partition: number): number {
  const at = partition * epochBytes;
  return at < epochs.length ? epochs.readUInt32LE(at) : 0;
}

/** The same buffer when nothing is to be raised. */
function setEpoch(epochs: Buffer, partition: number, epoch: number): Buffer {
  if (epochIn(epochs, partition) >= epoch) return epochs;
  const raised = Buffer.alloc(Math.max(epochs.length, (partition + 1) * epochBytes));
  raised.set(epochs);
  raised.writeUInt32LE(epoch, partition * epochBytes);
  return raised;
}
