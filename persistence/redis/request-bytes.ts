/**
 * The bytes of a command on the wire (RESP: an array of bulk strings). An append is a hundred arguments and a slice of rows a
 * thousand: made in one buffer they cost a quarter of what they cost as a list of small ones (append over 16 partitions 42 → 11 µs,
 * 500 rows 470 → 115 µs).
 */
import { Command } from 'ioredis';

export type Argument = string | Buffer;

/** Of `*N`, `$N` with its line end: more digits than any length that Redis takes. */
const headBytesMax = 16;
const lineEnd = '\r\n';

/** Replies with Buffers, as they came. */
export class PlainCommand extends Command {
  readonly #name: string;
  readonly #args: readonly Argument[];

  constructor(name: string, args: readonly Argument[]) {
    super(name, [], { replyEncoding: null });
    this.#name = name;
    this.#args = args;
  }

  override toWritable(): Buffer {
    return requestBytes(this.#name, this.#args);
  }
}

export function requestBytes(name: string, args: readonly Argument[]): Buffer {
  let room = 2 * headBytesMax + name.length + lineEnd.length;
  for (const argument of args) room += headBytesMax + Buffer.byteLength(argument) + lineEnd.length;
  const bytes = Buffer.allocUnsafe(room);
  let at = 0;
  // What is not written yet: one write for all texts between two Buffers.
  let text = `*${args.length + 1}${lineEnd}$${Buffer.byteLength(name)}${lineEnd}${name}${lineEnd}`;
  for (const argument of args) {
    text += `$${Buffer.byteLength(argument)}${lineEnd}`;
    if (typeof argument === 'string') {
      text += argument + lineEnd;
    } else {
      at += bytes.write(text, at);
      at += argument.copy(bytes, at);
      text = lineEnd;
    }
  }
  at += bytes.write(text, at);
  return bytes.subarray(0, at);
}
