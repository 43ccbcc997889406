/**
 * A position in the feed of all events: per partition, how much of its log has been read. Pure.
 *
 * A position travels as an opaque token: base64url of a version byte, the number of partitions, per partition the
 * place as one or two LEB128 numbers, and two bytes that tell a mistyped token from one that was given out.
 *
 * F1  A token made from a position is decoded to the same position, by a store with as many partitions and by no other.
 */
import { hash32 } from '../../actors/model/address.js';

/** Everything before the entry at `position` has been read, and of that entry the first `taken` events. */
export interface FeedPlace {
  readonly position: number;
  readonly taken: number;
}

/** By partition number. */
export type FeedPosition = readonly FeedPlace[];

const tokenVersion = 1;
const checkBytes = 2;
/** Two numbers of nine bytes a partition at most. */
const placeBytesMax = 18;

/** Before the first event. */
export function feedStart(partitionCount: number): FeedPosition {
  return new Array<FeedPlace>(partitionCount).fill({ position: 1, taken: 0 });
}

/** After the newest entries. */
export function feedEnd(heads: readonly number[]): FeedPosition {
  return heads.map((head) => ({ position: head + 1, taken: 0 }));
}

/** Entries read: a counter that only grows. Not unique: two positions may have the same. */
export function sumOf(position: FeedPosition): number {
  return position.reduce((sum, place) => sum + place.position - 1, 0);
}

export function encodePosition(position: FeedPosition): string {
  const bytes = Buffer.allocUnsafe(8 + position.length * placeBytesMax + checkBytes);
  bytes[0] = tokenVersion;
  let end = writeNumber(bytes, 1, position.length);
  for (const { position: at, taken } of position) {
    end = writeNumber(bytes, end, at * 2 + (taken > 0 ? 1 : 0));
    if (taken > 0) end = writeNumber(bytes, end, taken);
  }
  end = bytes.writeUInt16LE(checkOf(bytes.subarray(0, end)), end);
  return bytes.toString('base64url', 0, end);
}

/** Undefined for a text that is no token of a store with so many partitions. */
export function decodePosition(token: string, partitionCount: number): FeedPosition | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const end = bytes.length - checkBytes;
  if (end < 2 || bytes[0] !== tokenVersion) return undefined;
  if (bytes.readUInt16LE(end) !== checkOf(bytes.subarray(0, end))) return undefined;
  const numbers = readNumbers(bytes.subarray(1, end));
  if (numbers === undefined || numbers[0] !== partitionCount) return undefined;
  const places: FeedPlace[] = [];
  for (let next = 1; places.length < partitionCount; ) {
    const number = numbers[next++];
    if (number === undefined || number < 2) return undefined;
    const taken = number % 2 === 0 ? 0 : numbers[next++];
    if (taken === undefined) return undefined;
    places.push({ position: Math.floor(number / 2), taken });
  }
  return places;
}

function checkOf(bytes: Buffer): number {
  return hash32(bytes.toString('latin1'), 0) & 0xffff;
}

/** Without shifts: positions pass 32 bits. */
function writeNumber(bytes: Buffer, offset: number, number: number): number {
  let rest = number;
  let at = offset;
  for (; rest > 0x7f; at++) {
    bytes[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at] = rest;
  return at + 1;
}

function readNumbers(bytes: Buffer): number[] | undefined {
  const numbers: number[] = [];
  let number = 0;
  let factor = 1;
  for (const byte of bytes) {
    number += (byte & 0x7f) * factor;
    if (!Number.isSafeInteger(number)) return undefined;
    if (byte > 0x7f) {
      factor *= 0x80;
      continue;
    }
    numbers.push(number);
    number = 0;
    factor = 1;
  }
  return factor === 1 ? numbers : undefined;
}
