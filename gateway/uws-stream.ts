/**
 * An answer of uWebSockets.js that goes on: chunks are written while the client reads them.
 *
 * US1  After the client has left or the answer has ended, the native response is never touched.
 * US2  What the client does not read is buffered by uWS without a bound, and with a handler for room it moves on only
 *      when something is written. After a `false` the caller writes next to nothing, once for each `onReady`, until that
 *      is taken: so at most one chunk more than the socket takes is ever buffered.
 */
import type { TransportStream } from './transport.js';

/** The part of uWS's response that is used here. */
export interface ChunkedResponse {
  cork(run: () => void): unknown;
  write(chunk: string): boolean;
  onWritable(handler: (offset: number) => boolean): unknown;
  end(body: string, closeConnection: boolean): unknown;
  close(): unknown;
}

export class UwsStream implements TransportStream {
  readonly #response: ChunkedResponse;
  readonly #settled: () => void;
  #onReady: (() => void) | undefined;
  #onGone: (() => void) | undefined;
  #isOver = false;

  /** `settled` runs once, when nothing more will be written. */
  constructor(response: ChunkedResponse, settled: () => void) {
    this.#response = response;
    this.#settled = settled;
    response.onWritable(() => {
      const onReady = this.#onReady;
      this.#onReady = undefined;
      onReady?.();
      return true;
    });
  }

  write(chunk: string): boolean {
    if (this.#isOver) return false;
    let isTaken = true;
    this.#response.cork(() => {
      isTaken = this.#response.write(chunk);
    });
    return isTaken;
  }

  onReady(run: () => void): void {
    this.#onReady = run;
  }

  onGone(run: () => void): void {
    if (this.#isOver) run();
    else this.#onGone = run;
  }

  end(): void {
    if (this.#isOver) return;
    this.#response.cork(() => this.#response.end('', true));
    this.#over();
  }

  cut(): void {
    // Closing makes uWS report an abort, which is the end.
    if (!this.#isOver) this.#response.close();
  }

  /** The client has left. */
  aborted(): void {
    if (!this.#isOver) this.#over();
  }

  #over(): void {
    this.#isOver = true;
    this.#onReady = undefined;
    this.#settled();
    this.#onGone?.();
  }
}
