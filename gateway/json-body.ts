/**
 * A request body as JSON, or the code of what is wrong with it.
 *
 * J1  Depth, number of keys, string length, repeated and forbidden keys are checked on the bytes in one pass before
 *     `JSON.parse` sees them: it would accept all of these, and take 290 ms for a million brackets.
 * J2  Grammar is left to `JSON.parse`. On a text that it accepts, the pass below saw exactly its strings, keys and
 *     brackets; on any other text both end in a refusal.
 * J3  Text is well-formed Unicode in NFC: invalid UTF-8 and lone surrogates are refused, values are normalised. Pure
 *     ASCII without escapes skips all of that.
 * J4  Numbers are what `JSON.parse` makes of them; money as a number is a matter of the schemas.
 */
import { isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../actors/model/errors.js';

export const jsonDepthMax = 32;
/** Keys of one object, items of one array. */
export const jsonItemsMax = 1_000;
/** Between the quotes, escapes as they are written. */
export const jsonStringBytesMax = 8_192;

export type JsonBody =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'refused'; readonly code: ErrorCode };

/** Decodes a body. Bounded work: an illegal one is refused where the pass meets the fault. */
export function decodeJsonBody(bytes: Buffer): JsonBody {
  if (bytes.length === 0) return refused('body-empty');
  const fault = scan(bytes);
  if (fault !== undefined) return refused(fault);
  if (seen.nonAscii && !isUtf8(bytes)) return refused('utf8-invalid');
  try {
    const text = seen.nonAscii ? bytes.toString('utf8') : bytes.toString('latin1');
    let value: unknown = JSON.parse(text);
    if (seen.nonAscii || seen.unicodeEscape) {
      value = normalised(value);
      if (value === illFormed) return refused('utf8-invalid');
    }
    return { type: 'value', value };
  } catch {
    // The parser's message quotes the input, so it goes no further: the code says all.
    return refused('json-invalid');
  }
}

function refused(code: ErrorCode): JsonBody {
  return { type: 'refused', code };
}

/** What the last pass met; the gateway has one thread and a pass never yields. */
const seen = { nonAscii: false, unicodeEscape: false };

/** Spans of the keys of all open objects, the innermost object's last. Kept between passes to save their growth. */
const keyStart: number[] = [];
const keyEnd: number[] = [];

/** Above this many keys an object is checked through a set: pairwise comparison of 1,000 keys takes milliseconds. */
const pairwiseKeysMax = 16;

function scan(bytes: Buffer): ErrorCode | undefined {
  seen.nonAscii = false;
  seen.unicodeEscape = false;
  const length = bytes.length;
  const isObject: boolean[] = [];
  const itemCount: number[] = [];
  const firstKey: number[] = [];
  const keySets: (Set<string> | undefined)[] = [];
  let depth = 0;
  let keyCount = 0;
  let keyExpected = false;
  let at = 0;
  while (at < length) {
    // `at` is below the length, here and below: a Buffer's element is a number.
    const byte = bytes[at]!;
    if (byte === quote) {
      const start = at + 1;
      const end = stringEnd(bytes, start);
      if (end === -1) return 'json-invalid';
      if (end - start > jsonStringBytesMax) return 'json-string-too-long';
      if (keyExpected) {
        keyExpected = false;
        const first = firstKey[depth]!;
        let keys = keySets[depth];
        if (keys === undefined && (hasEscape(bytes, start, end) || keyCount - first >= pairwiseKeysMax)) {
          keys = new Set();
          for (let key = first; key < keyCount; key++)
            keys.add(bytes.toString('utf8', keyStart[key]!, keyEnd[key]!));
          keySets[depth] = keys;
        }
        if (keys === undefined) {
          if (isForbiddenKey(bytes, start, end)) return 'key-forbidden';
          for (let key = first; key < keyCount; key++) {
            if (sameBytes(bytes, keyStart[key]!, keyEnd[key]!, start, end)) return 'json-duplicate-key';
          }
          keyStart[keyCount] = start;
          keyEnd[keyCount] = end;
          keyCount += 1;
        } else {
          const key = decodedKey(bytes, start, end);
          if (key === undefined) return 'json-invalid';
          if (forbiddenKeys.has(key)) return 'key-forbidden';
          if (keys.has(key)) return 'json-duplicate-key';
          keys.add(key);
        }
      }
      at = end + 1;
      continue;
    }
    if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > jsonDepthMax) return 'json-too-deep';
      keyExpected = byte === openBrace;
      isObject[depth] = keyExpected;
      itemCount[depth] = 1;
      firstKey[depth] = keyCount;
      keySets[depth] = undefined;
    } else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return 'json-invalid';
      keyCount = firstKey[depth]!;
      depth -= 1;
      keyExpected = false;
    } else if (byte === comma) {
      if (depth === 0) return 'json-invalid';
      itemCount[depth]! += 1;
      if (itemCount[depth]! > jsonItemsMax) return 'json-too-many-items';
      keyExpected = isObject[depth]!;
    } else if (byte >= 0x80) {
      seen.nonAscii = true;
    }
    at += 1;
  }
  return undefined;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const lowerU = 0x75;

/** Offset of the closing quote, or -1. Notes what it passes in `seen`. */
function stringEnd(bytes: Buffer, start: number): number {
  const length = bytes.length;
  let at = start;
  while (at < length) {
    const byte = bytes[at]!;
    if (byte === quote) return at;
    if (byte === backslash) {
      if (bytes[at + 1] === lowerU) seen.unicodeEscape = true;
      at += 2;
      continue;
    }
    if (byte >= 0x80) seen.nonAscii = true;
    at += 1;
  }
  return -1;
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === backslash) return true;
  return false;
}

function sameBytes(bytes: Buffer, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let at = start, other = otherStart; at < end; at++, other++)
    if (bytes[at] !== bytes[other]) return false;
  return true;
}

/** A key as `JSON.parse` will read it, escapes resolved; undefined when its escapes are malformed. */
function decodedKey(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\\')) return text;
  try {
    // A JSON string parses to a string.
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Names that change a prototype when somebody copies them onto an object. */
const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

function isForbiddenKey(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (length !== 9 && length !== 11) return false;
  return forbiddenKeys.has(bytes.toString('latin1', start, end));
}

const illFormed: unique symbol = Symbol('ill-formed');
const loneSurrogate = /\p{Surrogate}/u;

/** The value with every string in NFC, or `illFormed`. Arrays and objects are changed in place: nobody else has them. */
function normalised(value: unknown): unknown {
  if (typeof value === 'string') return loneSurrogate.test(value) ? illFormed : value.normalize('NFC');
  if (typeof value !== 'object' || value === null) return value;
  // A parsed object or array: both are read and written by key.
  const container = value as Record<string, unknown>;
  for (const key of Object.keys(container)) {
    if (loneSurrogate.test(key)) return illFormed;
    const part = normalised(container[key]);
    if (part === illFormed) return illFormed;
    container[key] = part;
  }
  return container;
}
