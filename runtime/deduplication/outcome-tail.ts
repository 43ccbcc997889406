/**
 * Where the newest outcomes of a partition stand, in memory: those that no written segment holds yet. Columns in the
 * order of the commits with a hash table of their places beside them, all typed arrays: no object an id, nothing for
 * the garbage collector to walk.
 */
import type { OutcomeColumns } from './outcome-segment.js';

const rowsAtFirst = 64;
/** Places in the hash table for each row that the columns can hold: at most half full. */
const slotsPerRow = 2;

export class OutcomeTail implements OutcomeColumns {
  highs = new Uint32Array(rowsAtFirst);
  lows = new Uint32Array(rowsAtFirst);
  positions = new Float64Array(rowsAtFirst);
  /** Row + 1 of the id that hashes here or shortly before; 0 = free. */
  #slots = new Int32Array(rowsAtFirst * slotsPerRow);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(high: number, low: number, position: number): void {
    if (this.#count === this.positions.length) this.#grow();
    const row = this.#count;
    this.highs[row] = high;
    this.lows[row] = low;
    this.positions[row] = position;
    this.#count += 1;
    this.#place(row);
  }

  /** Appends the positions noted for this hash, oldest first. */
  find(high: number, low: number, found: number[]): void {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#slots[slot] as number) - 1;
      if (row < 0) return;
      if (this.lows[row] === low && this.highs[row] === high) found.push(this.positions[row] as number);
    }
  }

  /** Rows after `position`, in a tail of their own; this one keeps those up to it. Positions never run back. */
  splitAfter(position: number): OutcomeTail {
    const later = new OutcomeTail();
    let kept = this.#count;
    while (kept > 0 && (this.positions[kept - 1] as number) > position) kept -= 1;
    for (let row = kept; row < this.#count; row++) {
      later.add(this.highs[row] as number, this.lows[row] as number, this.positions[row] as number);
    }
    if (kept < this.#count) this.#keep(kept);
    return later;
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.lows[row] as number) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #keep(count: number): void {
    this.#count = count;
    this.#slots.fill(0);
    for (let row = 0; row < count; row++) this.#place(row);
  }

  #grow(): void {
    const rows = this.positions.length * 2;
    const { highs, lows, positions } = this;
    this.highs = new Uint32Array(rows);
    this.lows = new Uint32Array(rows);
    this.positions = new Float64Array(rows);
    this.highs.set(highs);
    this.lows.set(lows);
    this.positions.set(positions);
    this.#slots = new Int32Array(rows * slotsPerRow);
    this.#keep(this.#count);
  }
}
