/**
 * Which trace a request belongs to: the caller's W3C `traceparent` when it is well-formed, else an id of our own.
 *
 * X1  What is answered or logged is either made here or matched against a closed form: no text of a client passes.
 */

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00 and any later one read as 00; all-zero ids are invalid. */
const traceparentPattern = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id inside a well-formed `traceparent`, else undefined. */
export function traceIdOf(traceparent: string): string | undefined {
  return traceparentPattern.exec(traceparent)?.[1];
}

/** Makes ids `trace-{ms}-{n}` (row 140); `n` counts requests of this process. */
export class TraceIds {
  #count = 0;

  next(nowMs: number): string {
    this.#count += 1;
    return `trace-${nowMs}-${this.#count}`;
  }
}
