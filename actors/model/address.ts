/**
 * An actor's address and where it lives.
 *
 * A1  A partition is a pure function of an id and the store's partition count; the kind takes no part in it, so actors
 *     of different kinds that share an id (an account and its risk record) are neighbours.
 * A2  A generated id ends in `~` and eight hex digits: the placement hash of the actor it belongs to. A path may name any
 *     id. Where a new actor's placement shall not be a client's choice, its module refuses ids that hold a `~`
 *     (`isClientChosenId`), as accounts do; who can try many ids chooses a partition in any case.
 */

/** A kind and an id. Two addresses are the same actor when both are equal. */
export interface Address {
  readonly kind: string;
  readonly id: string;
}

/** Ids as `reliability.md` §3 admits them: 1–128 characters, first a letter or digit. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/;
const placementMark = '~';
const placementDigits = 8;

/** True for an id that may appear in a path or a payload, generated ones included. */
export function isActorId(text: string): boolean {
  return idPattern.test(text);
}

/** True for an id that a client may choose: an actor id without a placement mark (A2). */
export function isClientChosenId(text: string): boolean {
  return !text.includes(placementMark) && idPattern.test(text);
}

/**
 * 32-bit hash that decides where an actor lives: the eight hex digits after the last `~` if the id carries them,
 * else a hash of the whole id.
 */
export function placementHash(id: string): number {
  const mark = id.length - placementDigits - 1;
  if (mark > 0 && id.charCodeAt(mark) === 0x7e) {
    const carried = carriedHash(id, mark + 1);
    if (!Number.isNaN(carried)) return carried >>> 0;
  }
  return hash32(id, 0);
}

/** The number after the mark; NaN when there is none. Digits as `placedId` writes them are read without a string of their own. */
function carriedHash(id: string, start: number): number {
  let carried = 0;
  for (let index = start; index < id.length; index++) {
    const unit = id.charCodeAt(index);
    if (unit >= 0x30 && unit <= 0x39) carried = (carried << 4) | (unit - 0x30);
    else if (unit >= 0x61 && unit <= 0x66) carried = (carried << 4) | (unit - 0x57);
    // Whatever else `parseInt` makes of a text, it has made of it for every id that is stored.
    else return Number.parseInt(id.slice(start), 16);
  }
  return carried;
}

/** The partition of an id in a store of `partitionCount` partitions. */
export function partitionOf(id: string, partitionCount: number): number {
  return placementHash(id) % partitionCount;
}

/** An id that lives beside `neighbourId`: `<stem>~<placement>`. The stem must be a valid id without `~`. */
export function placedId(stem: string, neighbourId: string): string {
  return `${stem}${placementMark}${placementHash(neighbourId).toString(16).padStart(placementDigits, '0')}`;
}

/**
 * FNV-1a over the UTF-16 units with a murmur3 finaliser: two multiplications a character, no allocation, and the low
 * bits are as good as the high ones (plain FNV-1a is poor modulo 16). Not for hostile input that must not collide.
 */
export function hash32(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
