/** One table of one partition in memory: a map, and its keys in order, sorted anew only when keys came or went. */
import type { RangeQuery, TableKey, TableRow } from '../tables.js';

export class MemoryTable {
  readonly #rows = new Map<TableKey, Uint8Array>();
  #sortedKeys: TableKey[] | undefined;

  get(key: TableKey): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  /** `undefined` deletes. */
  set(key: TableKey, value: Uint8Array | undefined): void {
    if (value === undefined) {
      if (this.#rows.delete(key)) this.#sortedKeys = undefined;
      return;
    }
    if (!this.#rows.has(key)) this.#sortedKeys = undefined;
    this.#rows.set(key, value);
  }

  range({ from, to, limit }: RangeQuery): TableRow[] {
    const rows: TableRow[] = [];
    const keys = this.#keysInOrder();
    for (let index = firstAtLeast(keys, from); index < keys.length && rows.length < limit; index++) {
      const key = keys[index] as TableKey;
      if (to !== undefined && key >= to) break;
      const value = this.#rows.get(key);
      if (value !== undefined) rows.push({ key, value: value.slice() });
    }
    return rows;
  }

  #keysInOrder(): readonly TableKey[] {
    // Characters are bytes (T3), so the default order of strings is the order of bytes.
    this.#sortedKeys ??= [...this.#rows.keys()].sort((left, right) => (left < right ? -1 : 1));
    return this.#sortedKeys;
  }
}

function firstAtLeast(keys: readonly TableKey[], from: TableKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as TableKey) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
