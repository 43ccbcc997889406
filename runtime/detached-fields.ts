/**
 * Fields that share nothing with a state: what stands in one may change in place before the fields are written or sent.
 *
 * Plain arrays and objects are copied by hand; packing and reading back, which anything else takes, costs ten times as
 * much. Flat fields, which are most, are given back as they are.
 */
import { packCopy, unpack } from '../actors/model/codec.js';

/** Throws `not-storable` for what has no stored form (functions, class instances). */
export function detached(fields: readonly unknown[]): readonly unknown[] {
  for (let index = 0; index < fields.length; index++)
    if (!isFlat(fields[index])) return copyOf(fields) as unknown[];
  return fields;
}

function copyOf(value: unknown): unknown {
  if (isFlat(value)) return value;
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let index = 0; index < value.length; index++) copy[index] = copyOf(value[index]);
    return copy;
  }
  if (isPlainObject(value)) {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) copy[key] = copyOf(value[key]);
    return copy;
  }
  return unpack(packCopy(value));
}

function isFlat(value: unknown): boolean {
  return (
    value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
