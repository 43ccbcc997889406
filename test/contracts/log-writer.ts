/**
 * An owner's side of a log, for tests: takes partitions, makes entries that follow one another, and says what the next group
 * looks like. Moves its heads when a group is made, as a committer with several groups in flight does.
 */
import { EntryWriter, hashEntry } from '../../persistence/entry.js';
import type { EntryAppend, EntryIdentity, Fence, GroupAppend, Head } from '../../persistence/journal.js';
import type { Store } from '../../persistence/store.js';

const recordBytesDefault = 150;

export class LogWriter {
  readonly store: Store;
  readonly #owned = new Map<number, { readonly fence: Fence; head: Head }>();
  readonly #writer = new EntryWriter();
  #group = 0;

  constructor(store: Store) {
    this.store = store;
  }

  /** Takes partitions and follows their heads. */
  static async take(store: Store, partitions: readonly number[], nonce = 'owner-01'): Promise<LogWriter> {
    const writer = new LogWriter(store);
    for (const partition of partitions) await writer.take(partition, nonce);
    return writer;
  }

  async take(partition: number, nonce: string): Promise<void> {
    this.#owned.set(partition, { ...(await this.store.ownership.take(partition, nonce)) });
  }

  fence(partition: number): Fence {
    return this.#of(partition).fence;
  }

  head(partition: number): Head {
    return this.#of(partition).head;
  }

  /** Puts a head back, after a group that was made was refused. */
  rewind(partition: number, head: Head): void {
    this.#of(partition).head = head;
  }

  /** The next entry of each partition; moves the heads. */
  group(
    partitions: readonly number[],
    options: { after?: GroupAppend; record?: Uint8Array } = {},
  ): GroupAppend {
    this.#group += 1;
    const siblings = partitions.map((partition) => ({
      partition,
      position: this.head(partition).position + 1,
    }));
    const entries = partitions.map((partition) => this.#entry(partition, siblings, options.record));
    return { entries, after: identities(options.after) };
  }

  async append(partitions: readonly number[], record?: Uint8Array): Promise<GroupAppend> {
    const group = this.group(partitions, record === undefined ? {} : { record });
    const result = await this.store.journal.append(group);
    if (result.type !== 'appended') throw new Error(`append: ${JSON.stringify(result)}`);
    return group;
  }

  #entry(
    partition: number,
    siblings: readonly { partition: number; position: number }[],
    record: Uint8Array = Buffer.alloc(recordBytesDefault, `${partition}:${this.#group} `),
  ): EntryAppend {
    const owned = this.#of(partition);
    const position = owned.head.position + 1;
    this.#writer.add(partition, this.#group, record);
    const bytes = this.#writer.finish({
      partition,
      epoch: owned.fence.epoch,
      position,
      previousHash: owned.head.hash,
      time: 1_700_000_000_000 + position,
      group: this.#group,
      siblings: siblings.filter((sibling) => sibling.partition !== partition),
      watermarks: [],
    });
    const previousHash = owned.head.hash;
    owned.head = { position, hash: hashEntry(bytes) };
    return { partition, position, fence: owned.fence, bytes, hash: owned.head.hash, previousHash };
  }

  #of(partition: number): { readonly fence: Fence; head: Head } {
    const owned = this.#owned.get(partition);
    if (owned === undefined) throw new Error(`partition ${partition} was not taken`);
    return owned;
  }
}

export function identities(group: GroupAppend | undefined): EntryIdentity[] {
  return (group?.entries ?? []).map(({ partition, position, hash }) => ({ partition, position, hash }));
}
