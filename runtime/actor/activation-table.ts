/**
 * The activations of a shard, bounded by number and by weight. One map by id, in which actors of several kinds with one id (an
 * account, its risk record, its notices) are a chain: a look needs no key made of two parts, and what works together is found
 * with one.
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
  readonly #byId = new Map<string, Activation>();
  readonly #max: number;
  readonly #bytesMax: number;
  #count = 0;
  #bytes = 0;
  #added = 0;
  /** Chains yet to be passed over, and what is left of the one under it. */
  #hand: IterableIterator<Activation> | undefined;
  #underHand: Activation | undefined;

  constructor(max: number, bytesMax: number) {
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
    return inChain(this.#byId.get(id), kind);
  }

  /** The same where some activation is at hand that may have the same id: what works together is a step from each other. */
  getNear(near: Activation | undefined, kind: Kind, id: string): Activation | undefined {
    const beside = near?.isResident === true && near.id === id ? inChain(near, kind) : undefined;
    return beside ?? this.get(kind, id);
  }

  /** True while this very incarnation is in the table. */
  holds(activation: Activation): boolean {
    return activation.isResident;
  }

  add(activation: Activation): void {
    const first = this.#byId.get(activation.id);
    if (first === undefined) {
      this.#byId.set(activation.id, activation);
    } else {
      activation.nextOfId = first.nextOfId;
      first.nextOfId = activation;
    }
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
    this.#byId.clear();
    this.#count = 0;
    this.#bytes = 0;
    this.#hand = undefined;
    this.#underHand = undefined;
  }

  /** Those of one kind. */
  *ofKind(kind: Kind): IterableIterator<Activation> {
    for (const activation of this.values()) if (activation.kind === kind) yield activation;
  }

  *values(): IterableIterator<Activation> {
    for (const first of this.#byId.values()) {
      let next: Activation | undefined = first;
      while (next !== undefined) {
        const activation: Activation = next;
        // Whoever looks through them may drop this one.
        next = activation.nextOfId;
        yield activation;
      }
    }
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
    const activation = this.#underHand ?? this.#nextChain();
    // What is passed over may have been dropped since the hand came to it; it is the end of its chain then.
    this.#underHand = activation?.nextOfId;
    if (activation === undefined) return;
    if (activation.used) activation.used = false;
    else if (activation.isResident && activation.isEvictable) this.#drop(activation);
  }

  /** Undefined at the end of a lap. */
  #nextChain(): Activation | undefined {
    this.#hand ??= this.#byId.values();
    const next = this.#hand.next();
    if (next.done !== true) return next.value;
    this.#hand = undefined;
    return undefined;
  }

  #drop(activation: Activation): void {
    const { id, nextOfId } = activation;
    const first = this.#byId.get(id);
    if (first !== activation) unlink(first, activation);
    else if (nextOfId === undefined) this.#byId.delete(id);
    else this.#byId.set(id, nextOfId);
    activation.nextOfId = undefined;
    activation.isResident = false;
    this.#count--;
    this.#weigh(activation, 0);
  }

  #weigh(activation: Activation, weight: number): void {
    this.#bytes += weight - activation.weight;
    activation.weight = weight;
  }
}

/** The one of a kind from an activation of its id on. */
function inChain(from: Activation | undefined, kind: Kind): Activation | undefined {
  let activation = from;
  while (activation !== undefined && activation.kind !== kind) activation = activation.nextOfId;
  return activation;
}

function unlink(first: Activation | undefined, activation: Activation): void {
  let before = first;
  while (before !== undefined && before.nextOfId !== activation) before = before.nextOfId;
  if (before !== undefined) before.nextOfId = activation.nextOfId;
}
