/**
 * A value as a restart would find it: through its stored form and back. Used by `spec.ts`; not for hot paths.
 *
 * What does not come back as it went in is an AssertionError with `actual` (what came back) and `expected` (what went in).
 */
import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { AggregateDefinition } from './aggregate.js';
import { packCopy, unpack } from './codec.js';
import type { Contract } from './contract.js';
import { compileForm } from './form.js';
import { compileSnapshot } from './snapshot.js';
import type { TSchema } from './typebox.js';

/** Data of a schema. Properties that are undefined count as absent. */
export function storedCopy(what: string, schema: TSchema, data: unknown): unknown {
  const form = compileForm(schema);
  const copy = form.fromFields(unpack(packCopy(form.toFields(data))) as readonly unknown[]);
  if (!isDeepStrictEqual(copy, withoutAbsent(data))) {
    throw differs(`${what} does not survive its stored form; is its schema complete?`, copy, data);
  }
  return copy;
}

/** A state, through its snapshot. Does not compare: a state that was changed in place is its own evidence. */
export function storedState<K extends Contract, State>(
  aggregate: AggregateDefinition<K, State>,
  state: State,
): State {
  const form = compileSnapshot(aggregate.snapshot, aggregate.initial);
  return form.decode(unpack(packCopy(form.encode(state))) as readonly unknown[]);
}

/** A value that has no schema at hand (the payload of a message to another actor). */
export function storedValue(what: string, value: unknown): unknown {
  const copy = unpack(packCopy(value));
  if (!isDeepStrictEqual(copy, value)) throw differs(`${what} does not survive its stored form`, copy, value);
  return copy;
}

/** A copy without properties that are undefined. */
export function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  const kept = Object.entries(value).filter(([, held]) => held !== undefined);
  return Object.fromEntries(kept.map(([key, held]) => [key, withoutAbsent(held)]));
}

export function differs(message: string, actual: unknown, expected: unknown): AssertionError {
  return new AssertionError({ message, actual, expected, operator: 'deepStrictEqual' });
}
