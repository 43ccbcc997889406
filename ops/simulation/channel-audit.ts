/**
 * The channels between partitions as the journal tells of them, and what must hold of each:
 *
 *     I2   a message is consumed once, in the order of its channel, none left out
 *     I5   a message that its own group consumes is of an entry of that group
 */
import type { EntryReader } from '../../persistence/entry.js';
import { Violation } from './workload.js';

interface Channel {
  /** Those that stand in the log. */
  readonly sent: string[];
  consumed: number;
  /** Newest place consumed, in the log or within a group. */
  newest: string;
}

export class ChannelAudit {
  readonly #channels = new Map<string, Channel>();

  /** `source>destination`, the place of the next message and how many there are, of each channel with messages not consumed. */
  *open(): IterableIterator<string> {
    for (const [name, { sent, consumed }] of this.#channels) {
      if (consumed < sent.length)
        yield `${name}: ${sent.length - consumed} messages from ${sent[consumed]} on`;
    }
  }

  /** A message that stands in a log. */
  sent(source: number, destination: number, position: number, ordinal: number): void {
    this.#channel(source, destination).sent.push(`${position}.${ordinal}`);
  }

  /** A message out of a log is consumed. */
  take(source: number, position: number, ordinal: number, partition: number, where: string): void {
    const channel = this.#channel(source, partition);
    const expected = channel.sent[channel.consumed++];
    const found = `${position}.${ordinal}`;
    if (found !== expected)
      throw new Violation(`I2: ${where}: consumes message ${found} of partition ${source}, not ${expected}`);
    note(channel, position, ordinal, where);
  }

  /** A message that its own group has consumed stands in no log: its sender's entry is of this group, and it passes nobody. */
  takeGroupMail(
    source: number,
    position: number,
    ordinal: number,
    partition: number,
    reader: EntryReader,
    where: string,
  ): void {
    const channel = this.#channel(source, partition);
    const isOfGroup =
      source === partition
        ? position === reader.position
        : reader.siblings().some((sibling) => sibling.partition === source && sibling.position === position);
    if (!isOfGroup)
      throw new Violation(
        `I5: ${where}: message ${position}.${ordinal} of partition ${source} is of another group`,
      );
    const outstanding = channel.sent[channel.consumed];
    if (outstanding !== undefined && isPlaceBefore(outstanding, position, ordinal))
      throw new Violation(
        `I2: ${where}: message ${position}.${ordinal} passes ${outstanding} of partition ${source}`,
      );
    note(channel, position, ordinal, where);
  }

  #channel(source: number, destination: number): Channel {
    const key = `${source}>${destination}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = { sent: [], consumed: 0, newest: '0.-1' };
      this.#channels.set(key, channel);
    }
    return channel;
  }
}

/** Places of one channel are consumed in their order, each once. */
function note(channel: Channel, position: number, ordinal: number, where: string): void {
  if (!isPlaceBefore(channel.newest, position, ordinal))
    throw new Violation(`I2: ${where}: consumes message ${position}.${ordinal} after ${channel.newest}`);
  channel.newest = `${position}.${ordinal}`;
}

function isPlaceBefore(place: string, position: number, ordinal: number): boolean {
  const [before = 0, beforeOrdinal = 0] = place.split('.').map(Number);
  return before < position || (before === position && beforeOrdinal < ordinal);
}
