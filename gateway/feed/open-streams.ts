/**
 * The streams that are open: bounded per principal, ended together when the gateway closes.
 */
import type { EventStream } from './event-stream.js';

/** `reliability.md` W88: the 51st of one principal is refused. */
export const streamsPerPrincipalMaxDefault = 50;

export class OpenStreams {
  readonly #perPrincipalMax: number;
  readonly #streams = new Set<EventStream>();
  readonly #byPrincipal = new Map<string, number>();
  #isClosed = false;

  constructor(perPrincipalMax = streamsPerPrincipalMaxDefault) {
    this.#perPrincipalMax = perPrincipalMax;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Takes a place for a principal, given back by the function that it returns; undefined when there is none left. */
  reserve(principal: string): (() => void) | undefined {
    const count = this.#byPrincipal.get(principal) ?? 0;
    if (count >= this.#perPrincipalMax || this.#isClosed) return undefined;
    this.#byPrincipal.set(principal, count + 1);
    let isReserved = true;
    return () => {
      if (!isReserved) return;
      isReserved = false;
      const left = (this.#byPrincipal.get(principal) ?? 1) - 1;
      if (left === 0) this.#byPrincipal.delete(principal);
      else this.#byPrincipal.set(principal, left);
    };
  }

  /** Runs a stream to its end. */
  async run(stream: EventStream): Promise<void> {
    this.#streams.add(stream);
    const running = stream.run();
    if (this.#isClosed) stream.end('shutting-down');
    await running;
    this.#streams.delete(stream);
  }

  /** No new streams; those that are open end. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.end('shutting-down');
  }
}
