/**
 * What goes wrong between us and a store, outside the answers that `append` and `commit` give as values. Compared by
 * `code`; the class is only there to carry it.
 */

/**
 * `store-locked`: another process has the directory. `store-incompatible`: written with another partition count or by a
 * newer format. `store-address`: no store answers to that URL. `store-closed`: used after `close` or after its disk
 * crashed. `store-broken`: an earlier write failed in a way only a new process settles. `store-unreachable`: there is no
 * connection now. `store-access`: the server does not let us in. `store-unsafe`: it would not keep what it acknowledges.
 */
export type StoreFailureCode =
  | 'store-locked'
  | 'store-incompatible'
  | 'store-address'
  | 'store-closed'
  | 'store-broken'
  | 'store-unreachable'
  | 'store-access'
  | 'store-unsafe';

export class StoreFailure extends Error {
  readonly code: StoreFailureCode;
  /** What the store has, where another count was asked for: whoever asked knows how that is put right. */
  readonly storedPartitions: number | undefined;

  constructor(
    code: StoreFailureCode,
    message: string,
    options: ErrorOptions & { readonly storedPartitions?: number } = {},
  ) {
    super(message, options);
    this.code = code;
    this.storedPartitions = options.storedPartitions;
  }
}
