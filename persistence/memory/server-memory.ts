/**
 * What a client of a server's disk remembers of it, as the Redis driver does: whenever its connection was broken it asks
 * whether the server still has what it acknowledged. One that went back is halted for this client; any other is one on which nothing
 * was taken yet.
 */
import { sameHash } from '../entry.js';
import type { GroupAppend, StoredEntry } from '../journal.js';
import type { Taken } from '../ownership.js';
import { AcknowledgedHeads } from '../redis/acknowledged-heads.js';
import { ServerBinding } from '../server-binding.js';
import type { MemoryDisk } from './memory-disk.js';

export class ServerMemory {
  readonly #disk: MemoryDisk;
  readonly #heads: AcknowledgedHeads;
  readonly binding = new ServerBinding();
  #generation: number;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
    this.#generation = disk.generation;
    this.#heads = new AcknowledgedHeads(() => {});
    this.binding.moveTo(String(disk.generation));
  }

  noteAppended(group: GroupAppend): void {
    for (const entry of group.entries) this.#heads.note(entry.partition, entry);
  }

  noteRead(partition: number, entries: readonly StoredEntry[]): void {
    this.#heads.noteRead(partition, entries);
  }

  noteTaken(partition: number, taken: Taken): void {
    this.#heads.note(partition, { fence: taken.fence, ...taken.head });
    this.binding.noteTaken(partition, this.binding.server);
  }

  /** Why nothing may be asked of the server any more. */
  halted(): Error | undefined {
    if (this.#generation !== this.#disk.generation) {
      this.#generation = this.#disk.generation;
      this.#compare();
      this.binding.moveTo(String(this.#generation));
    }
    return this.#heads.halted;
  }

  #compare(): void {
    for (const [partition, newest] of this.#heads.known()) {
      const fence = this.#disk.fence(partition);
      const stored = fence === undefined ? undefined : { fence, head: this.#disk.head(partition) };
      this.#heads.check(partition, newest, stored);
      // Another owner went on from here: then what we know must be in its log.
      if (newest.position === 0 || fence?.epoch === newest.fence.epoch) continue;
      const entry = this.#disk.entry(partition, newest.position);
      if (entry !== undefined && !sameHash(entry.hash, newest.hash))
        this.#heads.halt(`partition ${partition}: another entry stands at ${newest.position}`);
    }
  }
}
