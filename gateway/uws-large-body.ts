/**
 * The end of an answer that is larger than what a socket may take at once.
 *
 * LB1  `out` runs when the kernel has all of it, and not before: what uWS itself still holds is lost when the server
 *      closes. It does not run when the client leaves.
 */

/** Characters; what is smaller goes out with its head in one write. */
export const largeBodyFrom = 16_384;

/** The part of uWS's response that is used here. */
export interface EndingResponse {
  /** Writes what the socket takes, from the first byte that it has not; the length stands in the head. */
  tryEnd(rest: Uint8Array, totalBytes: number): [isTaken: boolean, isDone: boolean];
  onWritable(handler: (offset: number) => boolean): unknown;
}

export function endLargeBody(response: EndingResponse, body: Uint8Array, out: () => void): void {
  /** True when the socket took all that was given. */
  const go = (offset: number): boolean => {
    const [isTaken, isDone] = response.tryEnd(body.subarray(offset), body.length);
    // From here on the response is not touched.
    if (isDone) out();
    return isTaken;
  };
  response.onWritable(go);
  go(0);
}
