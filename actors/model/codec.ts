/**
 * Values as bytes: plain MessagePack, for journal entries, table rows and links between threads. The only file that
 * knows the MessagePack library.
 *
 * B1  What comes back equals what went in, or packing throws `not-storable`. A number stays a number (integers beyond
 *     32 bits travel as float64), a bigint stays a bigint (int64 or uint64), `undefined` stays `undefined` (extension 0),
 *     `null` stays `null`, a Map stays a Map (extension 1), binary comes back as Uint8Array.
 * B2  Not storable: Date, Set, Error, RegExp, typed arrays but Uint8Array, functions, symbols, instances of classes,
 *     bigints beyond 64 bits. Two things do come back otherwise, and the edge refuses both: an own key `__proto__` (as
 *     `__proto_`) and a lone surrogate in a string (as U+FFFD).
 * B3  `unpack` refuses every extension but those two with `bytes-damaged`, and bytes that are cut or go on.
 * B4  Bytes from a client do not belong here: this decoder trusts lengths and depth.
 */
// This entry of the package, and not its main one, reads strings one by one. The main one loads an addon that makes one
// string of all that lie near each other and gives out slices of it: whoever keeps an id keeps up to 6,000 characters with
// it, and every look into a map with a slice leaves compiled code. That cost a transfer 6 µs of 120.
import { addExtension, Packr, RESET_BUFFER_MODE } from 'msgpackr/pack';
import { OperatingError } from './errors.js';
import { packedPlain, packPlain } from './plain-packer.js';

/** The packer's own buffer is given back after a value larger than this, so one large state does not stay for ever. */
const keptBytesMax = 1_048_576;
const freshBytes = 16_384;

/** Of one byte, which says nothing; the entries stand behind it, as an array of keys and values in turn. */
export const mapExtension = 1;
const binaryExtension = 2;

/** Carries a Map through the packer, which would write it as if it were an object. */
class PackedMap {
  readonly entries: readonly unknown[];
  constructor(entries: readonly unknown[]) {
    this.entries = entries;
  }
}

/** Set while the packer works, when it met what it writes with loss; `pack` then starts again with a prepared copy. */
let needsCare = false;

/**
 * The library reads text of more than 64 bytes with a decoder of its own, which swallows a byte order mark at the beginning: it
 * gets one that does not. (Its decoder shows itself when it decodes.)
 */
function keepByteOrderMarks(library: Packr): void {
  const { prototype } = TextDecoder;
  const { decode } = prototype;
  const faithful = new TextDecoder('utf-8', { ignoreBOM: true });
  const long = library.pack('x'.repeat(100));
  prototype.decode = function (this: typeof faithful, ...given): string {
    this.decode = (bytes) => faithful.decode(bytes);
    return decode.apply(this, given);
  };
  try {
    library.unpack(long);
  } finally {
    prototype.decode = decode;
  }
}

const settings = { useRecords: false, variableMapSize: true, copyBuffers: true } as const;
const packer = new Packr({ ...settings });
/** For prepared values: they hold nothing that needs care any more. */
const carefulPacker = new Packr({ ...settings });
keepByteOrderMarks(packer);
// `packer` asks for these two settings only when it has a Map, or an object of a class it does not know, in hand: asking
// costs nothing on values without either, and looking through every value first would. (Throwing from here instead of
// setting a flag makes every later call ten times slower: the packer's compiled code is thrown away.)
Object.defineProperty(packer, 'mapAsEmptyObject', {
  get(): boolean {
    needsCare = true;
    return true;
  },
});
Object.defineProperty(packer, 'useToJSON', {
  get(): boolean {
    needsCare = true;
    return false;
  },
});

addExtension({
  Class: PackedMap,
  type: mapExtension,
  write: (map: PackedMap) => map.entries,
  read: (entries: readonly unknown[]) => {
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < entries.length; index += 2) map.set(entries[index], entries[index + 1]);
    return map;
  },
});
// Written as plain binary by the library too, but only after it asked for `useToJSON`.
addExtension({
  Class: Uint8Array,
  type: binaryExtension,
  // The library's declaration knows neither the second argument nor that writing into it returns nothing.
  pack: packBinary as unknown as (value: Uint8Array) => Buffer,
});
// Classes the library would write in a form that comes back as something else. Registered for the process: nothing else
// in it packs with this library (the embedded store is given bytes).
for (const Class of [Date, Set, Error, RegExp, ArrayBuffer, DataView]) {
  addExtension({
    Class,
    write: () => {
      throw new OperatingError('not-storable', `${Class.name} has no stored form`);
    },
  });
}
// Extensions the library would read: errors, ids and pointers, sets, typed arrays, expressions, bundles, big integers, dates.
for (const type of [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x74, 0x78, 0xff]) {
  addExtension({
    type,
    unpack: () => {
      throw new OperatingError('bytes-damaged', `extension ${type} is not part of the stored form`);
    },
  });
}

/** The value's bytes in a buffer that the next `pack` overwrites: copy at once. Throws `not-storable` (B2). */
export function pack(value: unknown): Uint8Array {
  const { bytes, length } = packPart(value);
  return bytes.subarray(0, length);
}

/** A value is the first `length` bytes of a buffer that the next `pack` overwrites. */
export interface PackedPart {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Given out again and again: it is read before the next value is packed. */
const part = { bytes: packedPlain, length: 0 };

/** As `pack`, without a view of the bytes alone: what is a third of the cost of a small value. Throws `not-storable` (B2). */
export function packPart(value: unknown): PackedPart {
  const length = packPlain(value);
  part.bytes = length < 0 ? packByLibrary(value) : packedPlain;
  part.length = length < 0 ? part.bytes.length : length;
  return part;
}

function packByLibrary(value: unknown): Uint8Array {
  const bytes = packInPlace(value);
  if (bytes.length > keptBytesMax) packer.useBuffer(Buffer.allocUnsafeSlow(freshBytes));
  return bytes;
}

/** The value's bytes in an ArrayBuffer of their own, which may be kept or transferred. */
export function packCopy(value: unknown): Uint8Array {
  const bytes = pack(value);
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** The value in `bytes`; nothing in it refers to them. Throws `bytes-damaged` (B3). */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packer.unpack(
      Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
  } catch (cause) {
    throw cause instanceof OperatingError
      ? cause
      : new OperatingError('bytes-damaged', 'bytes cannot be decoded', { cause });
  }
}

function packInPlace(value: unknown): Uint8Array {
  needsCare = false;
  try {
    const bytes = packer.pack(value, RESET_BUFFER_MODE);
    return needsCare ? carefulPacker.pack(prepared(value), RESET_BUFFER_MODE) : bytes;
  } catch (thrown) {
    throw notStorable(thrown);
  }
}

function notStorable(cause: unknown): OperatingError {
  if (cause instanceof OperatingError) return cause;
  return new OperatingError('not-storable', 'a value has no stored form', { cause });
}

/** The library's hook for a class: asks it for room, writes there, and returns nothing further to write. */
function packBinary(
  bytes: Uint8Array,
  allocate: (size: number) => { target: Uint8Array; targetView: DataView; position: number },
): undefined {
  const { target, targetView, position } = allocate(bytes.length + 5);
  target[position] = 0xc6;
  targetView.setUint32(position + 1, bytes.length);
  target.set(bytes, position + 5);
}

/** The value with every Map wrapped; throws on an instance of any other class. */
function prepared(value: unknown): unknown {
  if (typeof value === 'function') throw new OperatingError('not-storable', 'a function has no stored form');
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(prepared);
  if (value instanceof Map) {
    const entries: unknown[] = [];
    for (const [key, held] of value) entries.push(prepared(key), prepared(held));
    return new PackedMap(entries);
  }
  if (value instanceof Uint8Array) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new OperatingError('not-storable', `an instance of ${value.constructor.name} has no stored form`);
  }
  const copy: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value)) copy[key] = prepared(held);
  return copy;
}
