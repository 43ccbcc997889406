/**
 * What the gateway asks of an HTTP server: complete requests in, one answer out. uWebSockets.js stands behind it
 * (`uws-server.ts`); nothing else in the gateway knows a server library.
 *
 * T1  `head` runs before any body byte is read; what it answers ends the connection. `request` runs only after the
 *     last body byte, so a client that leaves mid-body causes nothing.
 * T2  Everything in a request is copied: it stays valid after the handler returned.
 * T3  An exchange takes one answer. After the client has left, an answer is dropped silently.
 */

/** Header fields the gateway reads, as sent; an absent or empty one is `''`. */
export interface RequestHeaders {
  readonly host: string;
  readonly authorization: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly contentLength: string;
  readonly transferEncoding: string;
  readonly idempotencyKey: string;
  readonly ifMatch: string;
  readonly ifNoneMatch: string;
  readonly prefer: string;
  readonly traceparent: string;
  readonly correlationId: string;
  readonly lastEventId: string;
  readonly origin: string;
  readonly requestedMethod: string;
  /** Name of a field that came twice although it may stand only once, else `''`. */
  readonly repeated: string;
}

export interface TransportRequest extends RequestHeaders {
  /** As sent; methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** Without the query, not decoded. */
  readonly path: string;
  /** After the `?`, not decoded; `''` when there is none. */
  readonly query: string;
  /** Empty until `request`. */
  readonly body: Buffer;
  /** IP address of the peer as text. Costs a call into the server: ask only where it is needed, before answering. */
  remoteAddress(): string;
}

export interface TransportAnswer {
  readonly status: number;
  /** Names and values in turn, none with a line break in it. */
  readonly headers: readonly string[];
  /** `''` for none. */
  readonly body: string;
}

export interface TransportExchange {
  /** True once the client has left: the answer will reach nobody. */
  readonly aborted: boolean;
  send(answer: TransportAnswer): void;
  /** Begins an answer whose body comes in chunks; undefined when there is nobody to answer any more. */
  stream(head: Omit<TransportAnswer, 'body'>): TransportStream | undefined;
}

/** The body of an answer that goes on until one of the two ends it. */
export interface TransportStream {
  /**
   * False: the client does not keep up, and the chunk or a part of it is kept until the next write. That one may come
   * at `onReady`, and what it brings must be small until one is taken.
   */
  write(chunk: string): boolean;
  /** Runs once, when the socket takes something again: what is kept, or only a part of it. */
  onReady(run: () => void): void;
  /** Runs once, when nothing can be written any more; at once when that is so already. */
  onGone(run: () => void): void;
  /** Ends the body and closes the connection once everything is written. */
  end(): void;
  /** Closes the connection at once, whatever is not written yet. */
  cut(): void;
}

export interface TransportHandler {
  /** Refuses a request by its head alone (too large, no length); undefined lets its body be read. */
  head(request: TransportRequest): TransportAnswer | undefined;
  request(request: TransportRequest, exchange: TransportExchange): void;
}

export interface Transport {
  /** Resolves with the port that is really listened on (`port` 0 picks one). Rejects with `listen-failed`. */
  listen(host: string, port: number, handler: TransportHandler): Promise<number>;
  /**
   * Stops listening at once; answers still owed are written, each closing its connection. Resolves when all are out
   * and every connection is closed.
   */
  close(): Promise<void>;
}
