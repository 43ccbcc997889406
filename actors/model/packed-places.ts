/**
 * Where values begin and end in packed bytes, for who wants few of many and no values made of the others. Pure.
 *
 * It reads what `codec.ts` packs. Offsets past the end of the bytes are for the caller to find: what it walked over must end
 * where its bytes do.
 */
import { mapExtension } from './codec.js';
import { OperatingError } from './errors.js';

/** The offset behind `count` values, from `offset` on. Throws `bytes-damaged` on what begins no value. */
export function skipValues(bytes: Uint8Array, offset: number, count: number): number {
  let at = offset;
  for (let left = count; left > 0; left--) {
    const tag = byteAt(bytes, at++);
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag < 0xc0) {
      // A short map, array or text.
      if (tag < 0x90) left += 2 * (tag & 15);
      else if (tag < 0xa0) left += tag & 15;
      else at += tag & 31;
      continue;
    }
    const behind = bytesBehind[tag - 0xc0] as number;
    if (behind >= 0) {
      // A Map is an extension of one byte with the entries in an array behind it.
      if (tag === 0xd4 && byteAt(bytes, at) === mapExtension) left++;
      at += behind;
    } else if (behind === invalid) throw damaged('no value begins with 0xc1');
    else if (tag < 0xdc) at = skipVarying(bytes, at, tag);
    else {
      // An array or a map of more than 15.
      const isLong = (tag & 1) === 1;
      const items = isLong ? uint32At(bytes, at) : uint16At(bytes, at);
      at += isLong ? 4 : 2;
      left += tag >= 0xde ? 2 * items : items;
    }
  }
  return at;
}

/** Items of the array that begins there; -1 when none does. */
export function itemCount(bytes: Uint8Array, offset: number): number {
  const tag = byteAt(bytes, offset);
  if ((tag & 0xf0) === 0x90) return tag & 15;
  if (tag === 0xdc) return uint16At(bytes, offset + 1);
  return tag === 0xdd ? uint32At(bytes, offset + 1) : -1;
}

/** Where the first item of an array stands. */
export function itemsOffset(bytes: Uint8Array, offset: number): number {
  const tag = byteAt(bytes, offset);
  return offset + (tag === 0xdc ? 3 : tag === 0xdd ? 5 : 1);
}

/** The whole number that stands there, from 0 to 2³² − 1. Throws `bytes-damaged` on anything else. */
export function countAt(bytes: Uint8Array, offset: number): number {
  const tag = byteAt(bytes, offset);
  if (tag < 0x80) return tag;
  if (tag === 0xcc) return byteAt(bytes, offset + 1);
  if (tag === 0xcd) return uint16At(bytes, offset + 1);
  if (tag === 0xce) return uint32At(bytes, offset + 1);
  throw damaged('no count stands there');
}

/** The text that stands there; undefined when something else does. */
export function textAt(bytes: Buffer, offset: number): string | undefined {
  const tag = byteAt(bytes, offset);
  if ((tag & 0xe0) === 0xa0) return bytes.toString('utf8', offset + 1, offset + 1 + (tag & 31));
  if (tag < 0xd9 || tag > 0xdb) return undefined;
  const start = offset + 1 + lengthBytesOf(tag);
  return bytes.toString('utf8', start, skipVarying(bytes, offset + 1, tag));
}

/** What stands behind the tags from 0xc0 on: bytes, or one of the two below. */
const byContent = -1;
const invalid = -2;
const bytesBehind: readonly number[] = [
  ...[0, invalid, 0, 0, byContent, byContent, byContent, byContent],
  ...[byContent, byContent, 4, 8, 1, 2, 4, 8],
  ...[1, 2, 4, 8, 2, 3, 5, 9],
  ...[17, byContent, byContent, byContent, byContent, byContent, byContent, byContent],
];

/** Binary, extensions and text, whose length stands first. */
function skipVarying(bytes: Uint8Array, offset: number, tag: number): number {
  const lengthBytes = lengthBytesOf(tag);
  const length =
    lengthBytes === 1
      ? byteAt(bytes, offset)
      : lengthBytes === 2
        ? uint16At(bytes, offset)
        : uint32At(bytes, offset);
  const isExtension = tag >= 0xc7 && tag <= 0xc9;
  return offset + lengthBytes + (isExtension ? 1 : 0) + length;
}

function lengthBytesOf(tag: number): 1 | 2 | 4 {
  const rank = tag < 0xc7 ? tag - 0xc4 : tag < 0xca ? tag - 0xc7 : tag - 0xd9;
  return rank === 0 ? 1 : rank === 1 ? 2 : 4;
}

function uint16At(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 8) | byteAt(bytes, offset + 1);
}

function uint32At(bytes: Uint8Array, offset: number): number {
  return uint16At(bytes, offset) * 65_536 + uint16At(bytes, offset + 2);
}

function byteAt(bytes: Uint8Array, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) throw damaged('a value is cut off');
  return byte;
}

function damaged(why: string): OperatingError {
  return new OperatingError('bytes-damaged', why);
}
