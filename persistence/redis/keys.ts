/**
 * The names of an installation's keys. Everything of one partition carries its hash tag.
 *
 *     PREFIX:store           hash: format, partitions, id, created_at      PREFIX:{7}:log      stream, ids POSITION-0
 *     PREFIX:manifest        the runtime's document                        PREFIX:{7}:fence    owner and head of the log
 *     PREFIX:node            lease of the node that runs on it             PREFIX:{7}:mark     owner and checkpoint of the tables
 *                                                                          PREFIX:{7}:t:TABLE  hash: key → value
 *                                                                          PREFIX:{7}:k:TABLE  sorted set of a table's keys
 */
export class RedisKeys {
  readonly store: string;
  readonly manifest: string;
  readonly node: string;
  readonly #logs: readonly string[];
  readonly #fences: readonly string[];
  readonly #marks: readonly string[];
  /** By table name; the names are few and fixed by the modules. */
  readonly #tables = new Map<string, readonly TableKeys[]>();
  readonly #prefix: string;
  readonly #partitionCount: number;

  constructor(prefix: string, partitionCount: number) {
    this.#prefix = prefix;
    this.#partitionCount = partitionCount;
    this.store = `${prefix}:store`;
    this.manifest = `${prefix}:manifest`;
    this.node = `${prefix}:node`;
    this.#logs = this.#perPartition((partition) => `${prefix}:{${partition}}:log`);
    this.#fences = this.#perPartition((partition) => `${prefix}:{${partition}}:fence`);
    this.#marks = this.#perPartition((partition) => `${prefix}:{${partition}}:mark`);
  }

  log(partition: number): string {
    return this.#logs[partition] as string;
  }

  fence(partition: number): string {
    return this.#fences[partition] as string;
  }

  mark(partition: number): string {
    return this.#marks[partition] as string;
  }

  table(partition: number, name: string): TableKeys {
    let keys = this.#tables.get(name);
    if (keys === undefined) {
      keys = this.#perPartition((number) => ({
        rows: Buffer.from(`${this.#prefix}:{${number}}:t:${name}`, 'latin1'),
        index: Buffer.from(`${this.#prefix}:{${number}}:k:${name}`, 'latin1'),
      }));
      this.#tables.set(name, keys);
    }
    return keys[partition] as TableKeys;
  }

  #perPartition<T>(make: (partition: number) => T): readonly T[] {
    return Array.from({ length: this.#partitionCount }, (_, partition) => make(partition));
  }
}

/** Bytes, because a table name is one byte per character. */
export interface TableKeys {
  readonly rows: Buffer;
  readonly index: Buffer;
}
