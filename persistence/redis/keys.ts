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
  /** By partition, as these and the tables' below: each name is made once. */
  readonly #logs: string[] = [];
  readonly #fences: string[] = [];
  readonly #marks: string[] = [];
  /** By table name; the names are few and fixed by the modules. */
  readonly #tables = new Map<string, TableKeys[]>();
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.store = `${prefix}:store`;
    this.manifest = `${prefix}:manifest`;
    this.node = `${prefix}:node`;
  }

  log(partition: number): string {
    this.#logs[partition] ??= `${this.#prefix}:{${partition}}:log`;
    return this.#logs[partition];
  }

  fence(partition: number): string {
    this.#fences[partition] ??= `${this.#prefix}:{${partition}}:fence`;
    return this.#fences[partition];
  }

  mark(partition: number): string {
    this.#marks[partition] ??= `${this.#prefix}:{${partition}}:mark`;
    return this.#marks[partition];
  }

  table(partition: number, name: string): TableKeys {
    let keys = this.#tables.get(name);
    if (keys === undefined) {
      keys = [];
      this.#tables.set(name, keys);
    }
    keys[partition] ??= {
      rows: Buffer.from(`${this.#prefix}:{${partition}}:t:${name}`, 'latin1'),
      index: Buffer.from(`${this.#prefix}:{${partition}}:k:${name}`, 'latin1'),
    };
    return keys[partition];
  }
}

/** Bytes, because a table name is one byte per character. */
export interface TableKeys {
  readonly rows: Buffer;
  readonly index: Buffer;
}
