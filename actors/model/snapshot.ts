/**
 * The stored form of an aggregate's state: by default its fields in the order of `initial()`, each as it stands.
 *
 * S1  `decode(unpack(pack(encode(state))))` equals `state`, else the aggregate needs an `encode` and `decode` of its own
 *     (`spec.ts` finds that out in tests).
 * S2  A state that is no plain object (a number, a list, a Map) is one field.
 */
import type { SnapshotSpec } from './aggregate.js';
import { OperatingError } from './errors.js';
import { fieldListHash } from './form.js';

export interface SnapshotForm<State> {
  /** As the aggregate declares it; a snapshot of another version is ignored and the state folded again. */
  readonly version: number;
  /** Field names, or `custom` when the aggregate encodes by itself. */
  readonly description: string;
  readonly hash: string;
  encode(state: State): readonly unknown[];
  /** A state of its own: it shares nothing with `initial()`. Throws `bytes-damaged` when the number of fields is another one. */
  decode(fields: readonly unknown[]): State;
}

/** Compiles once per aggregate. Throws when `initial()` is an instance of a class and the spec has no `encode` and `decode`. */
export function compileSnapshot<State>(spec: SnapshotSpec<State>, initial: () => State): SnapshotForm<State> {
  const { version, encode, decode } = spec;
  if (encode !== undefined && decode !== undefined) {
    return { version, description: 'custom', hash: fieldListHash('custom'), encode, decode };
  }
  if (encode !== undefined || decode !== undefined) {
    throw new TypeError('a snapshot needs both encode and decode, or neither');
  }
  const empty = initial();
  return isPlainObject(empty) ? objectForm(version, empty) : wholeForm(version, empty);
}

function objectForm<State>(version: number, initial: State & object): SnapshotForm<State> {
  const names = Object.keys(initial);
  const count = names.length;
  const description = JSON.stringify(names);
  return {
    version,
    description,
    hash: fieldListHash(description),
    encode: (state) => {
      const fields = new Array<unknown>(count);
      for (let index = 0; index < count; index++) {
        fields[index] = (state as Record<string, unknown>)[names[index] as string];
      }
      return fields;
    },
    decode: (fields) => {
      if (fields.length !== count) throw wrongCount(count, fields.length);
      const state = { ...initial } as Record<string, unknown>;
      for (let index = 0; index < count; index++) state[names[index] as string] = fields[index];
      // Every field of `initial()` is set, and nothing else: that is the state's type as `initial` declares it.
      return state as State;
    },
  };
}

function wholeForm<State>(version: number, initial: State): SnapshotForm<State> {
  if (isInstance(initial)) {
    throw new TypeError('a state that is an instance of a class needs encode and decode of its own');
  }
  return {
    version,
    description: 'value',
    hash: fieldListHash('value'),
    encode: (state) => [state],
    decode: (fields) => {
      if (fields.length !== 1) throw wrongCount(1, fields.length);
      // What `encode` put there.
      return fields[0] as State;
    },
  };
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isInstance(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

function wrongCount(expected: number, found: number): OperatingError {
  return new OperatingError('bytes-damaged', `snapshot has ${found} fields where ${expected} were written`);
}
