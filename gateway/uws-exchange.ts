/**
 * One answer of uWebSockets.js, from its request to its end.
 *
 * UE1  After the client has left the native response is never touched again.
 * UE2  One cork per answer: status, headers and body leave in one write, unless the body is large (`uws-large-body.ts`).
 * UE3  An exchange has ended when its answer is out: the server does not close before.
 */
import { STATUS_CODES } from 'node:http';
import type { TransportAnswer, TransportExchange, TransportStream } from './transport.js';
import { type EndingResponse, endLargeBody, largeBodyFrom } from './uws-large-body.js';
import { type ChunkedResponse, UwsStream } from './uws-stream.js';

/** The part of uWS's response that is used here. */
export interface AnswerResponse extends ChunkedResponse, EndingResponse {
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  endWithoutBody(reportedContentLength?: number, closeConnection?: boolean): unknown;
}

/** Who counts the exchanges that have begun and not ended. */
export interface OpenExchanges {
  /** From now on an answer closes its connection. */
  readonly isClosing: boolean;
  /** One exchange has begun. */
  begin(): void;
  /** One exchange has ended, answered or abandoned. */
  settle(): void;
}

export class UwsExchange implements TransportExchange {
  readonly #transport: OpenExchanges;
  readonly #res: AnswerResponse;
  #done = false;
  /** Answered, and a part of it is still here. */
  #isGoingOut = false;
  #stream: UwsStream | undefined;
  aborted = false;
  isHead = false;

  constructor(transport: OpenExchanges, res: AnswerResponse) {
    this.#transport = transport;
    this.#res = res;
    transport.begin();
  }

  abort(): void {
    this.aborted = true;
    this.#stream?.aborted();
    if (this.#isGoingOut) this.#isOut();
    if (this.#done) return;
    this.#done = true;
    this.#transport.settle();
  }

  send(answer: TransportAnswer): void {
    if (this.#done) return;
    this.#done = true;
    this.#isGoingOut = true;
    this.#write(answer, this.#transport.isClosing);
  }

  stream({ status, headers }: Omit<TransportAnswer, 'body'>): TransportStream | undefined {
    if (this.#done) return undefined;
    if (this.isHead) {
      this.send({ status, headers, body: '' });
      return undefined;
    }
    this.#done = true;
    this.#res.cork(() => this.#writeHead(status, headers));
    this.#stream = new UwsStream(this.#res, () => this.#transport.settle());
    return this.#stream;
  }

  sendAndClose(answer: TransportAnswer): void {
    this.#done = true;
    this.#isGoingOut = true;
    this.#write(answer, true);
  }

  #isOut(): void {
    this.#isGoingOut = false;
    this.#transport.settle();
  }

  #write({ status, headers, body }: TransportAnswer, close: boolean): void {
    const res = this.#res;
    const isBodiless = this.isHead || status === 204 || status === 304;
    const isLarge = !isBodiless && body.length >= largeBodyFrom;
    res.cork(() => {
      this.#writeHead(status, headers);
      // The client is told; the connection itself is closed with the server.
      if (isLarge && close) res.writeHeader('connection', 'close');
      if (isLarge) endLargeBody(res, Buffer.from(body), () => this.#isOut());
      else if (!isBodiless) res.end(body, close);
      else if (close) res.endWithoutBody(0, true);
      else this.#endWithoutBody(status, body);
    });
    if (!isLarge) this.#isOut();
  }

  #writeHead(status: number, headers: readonly string[]): void {
    this.#res.writeStatus(statusLines[status] ?? `${status} Status`);
    for (let index = 0; index < headers.length; index += 2) {
      // Both indexes are inside: names and values come in pairs.
      this.#res.writeHeader(headers[index]!, headers[index + 1]!);
    }
  }

  /** Never with a length: given one, this uWS waits for the body, and given `undefined` it announces 2^63 bytes. */
  #endWithoutBody(status: number, body: string): void {
    if (this.isHead && status !== 204 && status !== 304) {
      this.#res.writeHeader('content-length', String(Buffer.byteLength(body)));
    }
    this.#res.endWithoutBody();
  }
}

/** `200 OK` and its like, put together once. */
const statusLines: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(STATUS_CODES).map(([status, reason]) => [status, `${status} ${reason}`]),
);
