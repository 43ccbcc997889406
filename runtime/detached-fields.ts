/**
 * Fields that share nothing with a state: what stands in one may change in place before the fields are written or sent.
 *
 * Plain arrays and objects are copied by hand; packing and reading back, which anything else takes, costs ten times as
 * much. Flat fields, which are most, are given back as they are.
 */
import { packCopy, unpack } from '../actors/model/codec.js';
import { OperatingError } from '../actors/model/errors.js';

/** Deeper ones would overflow the stack of who packs them, and clients may send a fraction of it. */
const depthMax = 500;
const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

/**
 * Fields that can be packed, whatever an actor's code put in. Throws `not-storable` for what has no stored form
 * (functions, class instances, bigints beyond 64 bits).
 */
export function detached(fields: readonly unknown[]): readonly unknown[] {
  for (let index = 0; index < fields.length; index++)
    if (!isFlat(fields[index])) return copyOf(fields) as unknown[];
  return fields;
}

function copyOf(value: unknown, depth = 0): unknown {
  if (isFlat(value)) return value;
  if (depth > depthMax)
    throw new OperatingError('not-storable', `a value is nested more than ${depthMax} deep`);
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let index = 0; index < value.length; index++) copy[index] = copyOf(value[index], depth + 1);
    return copy;
  }
  if (isPlainObject(value)) {
    // All names at once: setting one after the other takes three times as long.
    const copy: Record<string, unknown> = { ...value };
    for (const key in copy) {
      // Assigned by who reads it, it would become a prototype.
      if (key === '__proto__') throw new OperatingError('not-storable', 'a key __proto__ has no stored form');
      const held = copy[key];
      if (!isFlat(held)) copy[key] = copyOf(held, depth + 1);
    }
    return copy;
  }
  return unpack(packCopy(value));
}

function isFlat(value: unknown): boolean {
  if (typeof value === 'object') return value === null;
  if (typeof value === 'bigint') return value >= int64Min && value <= uint64Max;
  return typeof value !== 'function' && typeof value !== 'symbol';
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
