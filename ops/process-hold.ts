/**
 * Keeps the process alive while calls are open. The runtime's own timers do not (a program ends when its work is done), but a
 * call may wait for nothing else: a saga that sleeps, an actor that is loaded again after a pause.
 */

/** A timer that never fires in earnest. */
const idleMs = 2 ** 30;

export class ProcessHold {
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  begin(): void {
    if (this.#count++ === 0) this.#timer = setInterval(() => undefined, idleMs);
  }

  /** Once for each `begin`. */
  end(): void {
    if (--this.#count === 0) clearInterval(this.#timer);
  }
}
