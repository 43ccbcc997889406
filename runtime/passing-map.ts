/**
 * A map for entries that come and go by the ten thousand a second, a few at a time. Keys are strings that no client has
 * chosen letter by letter (digests): their hash is not hardened against those who look for collisions.
 *
 * Why not `Map`: whenever V8 makes a `Map` a new table, after some dozens of changes, the old one points to the new one and
 * keeps the entries it had. Once one of these tables has grown old, all that follow, and what they hold, survive every
 * scavenge until the next full collection: of each deposit one and a half kilobytes, copied twice.
 *
 * Open addressing, at most half full, with removal by shifting back: no marks of what was removed are left behind.
 */
import { hash32 } from '../actors/model/address.js';

const slotsAtFirst = 256;

export class PassingMap<Value> {
  #keys: (string | undefined)[] = new Array<string | undefined>(slotsAtFirst).fill(undefined);
  #values: (Value | undefined)[] = new Array<Value | undefined>(slotsAtFirst).fill(undefined);
  #hashes = new Uint32Array(slotsAtFirst);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#values[this.#slotOf(key, hash32(key, 0))];
  }

  set(key: string, value: Value): void {
    const hash = hash32(key, 0);
    const slot = this.#slotOf(key, hash);
    if (this.#keys[slot] === undefined) {
      if (++this.#size * 2 > this.#keys.length) {
        this.#grow();
        return this.#put(this.#slotOf(key, hash), key, value, hash);
      }
    }
    this.#put(slot, key, value, hash);
  }

  /** Takes the entry out and gives its value; undefined when there is none. */
  take(key: string): Value | undefined {
    const mask = this.#keys.length - 1;
    let gap = this.#slotOf(key, hash32(key, 0));
    if (this.#keys[gap] === undefined) return undefined;
    const value = this.#values[gap];
    this.#size--;
    // Whoever stands behind the gap only because its own place was taken moves into it.
    for (let slot = (gap + 1) & mask; this.#keys[slot] !== undefined; slot = (slot + 1) & mask) {
      const hash = this.#hashes[slot] as number;
      if (((slot - hash) & mask) < ((slot - gap) & mask)) continue;
      this.#put(gap, this.#keys[slot], this.#values[slot], hash);
      gap = slot;
    }
    this.#put(gap, undefined, undefined, 0);
    return value;
  }

  *values(): IterableIterator<Value> {
    for (const [slot, key] of this.#keys.entries()) if (key !== undefined) yield this.#values[slot] as Value;
  }

  clear(): void {
    this.#keys.fill(undefined);
    this.#values.fill(undefined);
    this.#size = 0;
  }

  /** Where the key stands, or the free slot where it would. */
  #slotOf(key: string, hash: number): number {
    const mask = this.#keys.length - 1;
    let slot = hash & mask;
    for (let held = this.#keys[slot]; held !== undefined; held = this.#keys[slot]) {
      if (this.#hashes[slot] === hash && held === key) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, key: string | undefined, value: Value | undefined, hash: number): void {
    this.#keys[slot] = key;
    this.#values[slot] = value;
    this.#hashes[slot] = hash;
  }

  #grow(): void {
    const [keys, values, hashes] = [this.#keys, this.#values, this.#hashes];
    const slots = keys.length * 2;
    this.#keys = new Array<string | undefined>(slots).fill(undefined);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
    this.#hashes = new Uint32Array(slots);
    for (const [slot, key] of keys.entries()) {
      if (key === undefined) continue;
      const hash = hashes[slot] as number;
      this.#put(this.#slotOf(key, hash), key, values[slot], hash);
    }
  }
}
