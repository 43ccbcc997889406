/**
 * On which server a store in another process is, and on which one each partition was taken.
 *
 * A server that took over from another, was started again, or followed another for a while, may hold the whole log and lack rows of
 * the tables that were written last. Nothing of the tables says so: what an owner counts as written is just not there. So whoever has a
 * partition takes it again, and reads it again from the checkpoint and the log that are there.
 *
 * B1  All connections of one holder are on one server, as soon as they may be used.
 * B2  A partition's log is written, and its tables are read and written, only on the server on which it was taken.
 */
import { OperatingError } from '../actors/model/errors.js';

/** Tells one run of one server from any other, and from itself before it took over the data of another. */
export type ServerRun = string;

export class ServerBinding {
  #server: ServerRun | undefined;
  /** By partition; undefined where somebody else is the owner. */
  readonly #takenOn: (ServerRun | undefined)[] = [];

  /** Undefined before the first connection. */
  get server(): ServerRun | undefined {
    return this.#server;
  }

  moveTo(server: ServerRun): void {
    this.#server = server;
  }

  /** `server`: where it was asked for. */
  noteTaken(partition: number, server: ServerRun | undefined): void {
    this.#takenOn[partition] = server;
  }

  forget(partition: number): void {
    this.#takenOn[partition] = undefined;
  }

  /** True when the partition was taken on another server than the one that is asked now (B2). */
  isElsewhere(partition: number): boolean {
    const server = this.#takenOn[partition];
    return server !== undefined && server !== this.#server;
  }

  assertHere(partition: number): void {
    if (this.isElsewhere(partition)) throw new OperatingError('storage-unavailable', elsewhere(partition));
  }
}

/** Why nothing is read or written until the partition was taken again. */
export function elsewhere(partition: number): string {
  return `the store is on another server than the one on which partition ${partition} was taken`;
}
