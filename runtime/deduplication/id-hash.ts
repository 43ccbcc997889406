/**
 * 64 bits of a command id, as two 32-bit halves. Keyed, so that nobody outside can choose ids that fall together; not a
 * proof of anything: whoever finds a match compares the ids themselves.
 *
 * The key belongs to the store, not to the process: stored segments are searched by these bits.
 */

export interface IdHashKey {
  readonly first: number;
  readonly second: number;
}

/** Reads a key from eight random bytes. */
export function idHashKey(bytes: Uint8Array): IdHashKey {
  if (bytes.length < 8) throw new RangeError('a key has eight bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { first: view.getUint32(0, true), second: view.getUint32(4, true) };
}

/**
 * Writes the two halves (u32) to `out[0]` and `out[1]`, and returns it. Two characters a round in two lanes that feed each
 * other, then murmur3's finaliser on both; allocates nothing.
 */
export function idHash(id: string, key: IdHashKey, out: Uint32Array): Uint32Array {
  const { length } = id;
  let first = key.first ^ length;
  let second = key.second ^ Math.imul(length, 0x9e3779b1);
  for (let index = 0; index < length; index += 2) {
    const pair = id.charCodeAt(index) | (index + 1 < length ? id.charCodeAt(index + 1) << 16 : 0);
    first = Math.imul(first ^ pair, 0x85ebca77);
    first = (first << 13) | (first >>> 19);
    second = Math.imul(second ^ pair, 0xc2b2ae3d);
    second = ((second << 17) | (second >>> 15)) + first;
  }
  first = Math.imul(first ^ (first >>> 16) ^ second, 0x85ebca6b);
  first = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  second = Math.imul(second ^ (second >>> 15) ^ first, 0x2c1b3c6d);
  second = Math.imul(second ^ (second >>> 12), 0x297a2d39);
  out[0] = first ^ (first >>> 16);
  out[1] = second ^ (second >>> 15);
  return out;
}
