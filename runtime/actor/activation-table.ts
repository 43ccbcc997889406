/**
 * The activations of a shard, bounded by number and by weight. One map per kind: a look needs no key made of two parts.
 *
 * T1  The weight of an activation is an estimate from the bytes of its row, brought up to date when the row is read or
 *     written: what it costs nothing to know.
 * T2  What is over a bound goes by second chance: a hand passes over the activations in the order of their creation and
 *     takes those that can go and were not used since it passed last.
 * T3  The hand makes `stepsPerAddition` steps for each activation that was added, so that it keeps up with any rate.
 */
import type { Kind } from '../kind-table.js';
import type { Activation } from './activation.js';

/**
 * With its place in the maps of the shard; measured together with a state of 110 packed bytes at 860 bytes. Unpacked, a
 * byte becomes eight where it was a small number and one where it was text.
 */
const activationBytes = 512;
const bytesPerStateByte = 4;
/** One lap clears the marks, the next one takes: the table is an eighth over its bound before that comes round. */
const stepsPerAddition = 8;

/** Estimated bytes of memory. */
export function weightOf({ stateBytes }: { readonly stateBytes: number }): number {
  return activationBytes + bytesPerStateByte * stateBytes;
}

export class ActivationTable {
  readonly #byKind: Map<string, Activation>[];
  readonly #max: number;
  readonly #bytesMax: number;
  #count = 0;
  #bytes = 0;
  #added = 0;
  #handKind = 0;
  #hand: IterableIterator<Activation> | undefined;

  constructor(kindCount: number, max: number, bytesMax: number) {
    this.#byKind = Array.from({ length: kindCount }, () => new Map());
    this.#max = max;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Estimated (T1). */
  get bytes(): number {
    return this.#bytes;
  }

  get(kind: Kind, id: string): Activation | undefined {
    return this.#byKind[kind.index]?.get(id);
  }

  /** True while this very incarnation is in the table. */
  holds(activation: Activation): boolean {
    return activation.isResident;
  }

  add(activation: Activation): void {
    this.#byKind[activation.kind.index]?.set(activation.id, activation);
    activation.isResident = true;
    this.#count++;
    this.#added++;
    this.#weigh(activation, weightOf(activation));
  }

  /** The activation's row was read or written (T1). */
  reweigh(activation: Activation): void {
    const weight = weightOf(activation);
    if (weight !== activation.weight && this.holds(activation)) this.#weigh(activation, weight);
  }

  remove(activation: Activation): void {
    if (this.holds(activation)) this.#drop(activation);
  }

  clear(): void {
    for (const activation of this.values()) activation.isResident = false;
    for (const activations of this.#byKind) activations.clear();
    this.#count = 0;
    this.#bytes = 0;
    this.#hand = undefined;
  }

  /** Those of one kind. */
  ofKind(kind: Kind): Iterable<Activation> {
    return this.#byKind[kind.index]?.values() ?? [];
  }

  *values(): IterableIterator<Activation> {
    for (const activations of this.#byKind) yield* activations.values();
  }

  /**
   * Drops what is over a bound (T2) in at most `stepsMin` steps, or as many more as additions since the last call ask for
   * (T3). Returns how many went.
   */
  passivate(stepsMin: number): number {
    const before = this.#count;
    const stepsMax = Math.max(stepsMin, this.#added * stepsPerAddition);
    this.#added = 0;
    for (let steps = 0; steps < stepsMax && this.#isOver; steps++) this.#step();
    return before - this.#count;
  }

  get #isOver(): boolean {
    return this.#count > this.#max || this.#bytes > this.#bytesMax;
  }

  #step(): void {
    this.#hand ??= (this.#byKind[this.#handKind] as Map<string, Activation>).values();
    const next = this.#hand.next();
    if (next.done === true) {
      this.#hand = undefined;
      this.#handKind = (this.#handKind + 1) % this.#byKind.length;
      return;
    }
    const activation = next.value;
    if (activation.used) activation.used = false;
    else if (activation.isEvictable) this.#drop(activation);
  }

  #drop(activation: Activation): void {
    this.#byKind[activation.kind.index]?.delete(activation.id);
    activation.isResident = false;
    this.#count--;
    this.#weigh(activation, 0);
  }

  #weigh(activation: Activation, weight: number): void {
    this.#bytes += weight - activation.weight;
    activation.weight = weight;
  }
}
