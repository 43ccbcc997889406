/** What a thread sees of an LMDB environment. */
import type { Database, Key } from 'lmdb';
import { OperatingError } from '../../actors/model/errors.js';

/**
 * What is read from here on is what is visible now: a reader keeps its view to the end of the turn. Throws `storage-unavailable` once a
 * failed write has put the environment beyond use; its process is about to end. `key` is any of the database's, there or not.
 */
export function renewView<K extends Key>(database: Database<Buffer, K>, key: K): void {
  // A method of every lmdb-js database that the declarations give to the outermost only.
  (database as Database<Buffer, K> & { resetReadTxn(): void }).resetReadTxn();
  try {
    database.get(key);
  } catch (cause) {
    throw new OperatingError('storage-unavailable', 'The store has broken; a new process opens it.', {
      cause,
    });
  }
}
