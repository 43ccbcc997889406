/**
 * The transport on uWebSockets.js, and the only file that imports it.
 *
 * U1  `onAborted` is registered before anything else; after it ran, the native response is never touched again.
 * U2  The native request dies with its callback: method, path, query and header fields are copied first, body chunks
 *     as they come.
 * U3  One cork per answer: status, headers and body leave in one write.
 * U4  A second pipelined request while the first is pending makes uWS close the connection; the first one's command
 *     goes on and its answer is dropped.
 *
 * uWS answers malformed HTTP by itself and closes: 400, 431 for oversized heads, 505 for anything whose request line
 * it cannot read; a head with an illegal field or without Host it leaves unanswered until its own 10 s timeout.
 */

import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  us_socket_local_port,
} from 'uWebSockets.js';
import { STATUS_CODES } from 'node:http';
import { OperatingError } from '../actors/model/errors.js';
import type {
  Transport,
  TransportAnswer,
  TransportExchange,
  TransportHandler,
  TransportRequest,
  TransportStream,
} from './transport.js';
import { UwsStream } from './uws-stream.js';

/** The part of the package that this file uses. */
interface UwsPackage {
  readonly App: () => TemplatedApp;
  readonly us_listen_socket_close: (socket: us_listen_socket) => void;
  readonly us_socket_local_port: typeof us_socket_local_port;
}

/**
 * `LIBUS_LISTEN_EXCLUSIVE_PORT`. Without it uWS shares the port with whoever listens there already, and the kernel deals
 * connections out to both.
 */
const exclusivePort = 1;

interface ExclusiveListener {
  listen(
    host: string,
    port: number,
    options: typeof exclusivePort,
    done: (socket: us_listen_socket | false) => void,
  ): unknown;
}

/** Loads the binary. Rejects with `transport-unavailable`, which says what to do, where there is none for this Node. */
export async function createUwsTransport(): Promise<Transport> {
  let uws: UwsPackage;
  try {
    uws = await import('uWebSockets.js');
  } catch (cause) {
    throw unavailable(cause);
  }
  return new UwsTransport(uws);
}

/** Exported for its test: the message must name the remedy. */
export function unavailable(cause: unknown): OperatingError {
  return new OperatingError(
    'transport-unavailable',
    `uWebSockets.js has no binary for Node ${process.versions.node} on ${process.platform} ${process.arch}: ` +
      'run on Node 20 or 22 with glibc, or install the official uWebSockets.js package over the alias.',
    { cause },
  );
}

class UwsTransport implements Transport {
  readonly #uws: UwsPackage;
  readonly #app: TemplatedApp;
  #socket: us_listen_socket | undefined;
  #handler: TransportHandler | undefined;
  /** Set by the first `close`; every later one gets the same. */
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #openCount = 0;

  constructor(uws: UwsPackage) {
    this.#uws = uws;
    this.#app = uws.App();
    this.#app.any('/*', (res, req) => this.#accept(res, req));
  }

  listen(host: string, port: number, handler: TransportHandler): Promise<number> {
    this.#handler = handler;
    return new Promise((resolve, reject) => {
      // The package's declarations leave out this form, which takes host and options together.
      const app = this.#app as unknown as ExclusiveListener;
      app.listen(host, port, exclusivePort, (socket) => {
        if (socket === false) {
          reject(
            new OperatingError(
              'listen-failed',
              `cannot listen on ${host}:${port}: address in use or not allowed`,
            ),
          );
          return;
        }
        this.#socket = socket;
        resolve(this.#uws.us_socket_local_port(socket));
      });
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  async #drain(): Promise<void> {
    if (this.#socket !== undefined) this.#uws.us_listen_socket_close(this.#socket);
    do {
      if (this.#openCount > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
      // One turn for the kernel to take the last answer: `close` drops what is still buffered. A connection that was
      // open may bring one more request in it.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#openCount > 0);
    this.#app.close();
  }

  /** From now on an answer closes its connection. */
  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /** One exchange has begun. */
  begin(): void {
    this.#openCount += 1;
  }

  /** One exchange has ended, answered or abandoned. */
  settle(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#drained?.();
  }

  #accept(res: HttpResponse, req: HttpRequest): void {
    const exchange = new UwsExchange(this, res);
    res.onAborted(() => exchange.abort());
    // Routes exist only after `listen` set the handler.
    const handler = this.#handler!;
    const request = new UwsRequest(res, req);
    exchange.isHead = request.method === 'HEAD';
    const refusal = handler.head(request);
    if (refusal !== undefined) {
      exchange.sendAndClose(refusal);
      return;
    }
    if (request.contentLength === '' || request.contentLength === '0') {
      handler.request(request, exchange);
      return;
    }
    let chunks: Buffer[] | undefined;
    res.onData((chunk, isLast) => {
      if (!isLast) {
        chunks ??= [];
        chunks.push(Buffer.from(new Uint8Array(chunk)));
        return;
      }
      const last = Buffer.from(new Uint8Array(chunk));
      request.body = chunks === undefined ? last : Buffer.concat([...chunks, last]);
      handler.request(request, exchange);
    });
  }
}

class UwsExchange implements TransportExchange {
  readonly #transport: UwsTransport;
  readonly #res: HttpResponse;
  #done = false;
  #stream: UwsStream | undefined;
  aborted = false;
  isHead = false;

  constructor(transport: UwsTransport, res: HttpResponse) {
    this.#transport = transport;
    this.#res = res;
    transport.begin();
  }

  abort(): void {
    this.aborted = true;
    this.#stream?.aborted();
    if (this.#done) return;
    this.#done = true;
    this.#transport.settle();
  }

  send(answer: TransportAnswer): void {
    if (this.#done) return;
    this.#done = true;
    this.#write(answer, this.#transport.isClosing);
    this.#transport.settle();
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
    this.#write(answer, true);
    this.#transport.settle();
  }

  #write({ status, headers, body }: TransportAnswer, close: boolean): void {
    const res = this.#res;
    res.cork(() => {
      this.#writeHead(status, headers);
      const isBodiless = this.isHead || status === 204 || status === 304;
      if (!isBodiless) res.end(body, close);
      else if (close) res.endWithoutBody(0, true);
      else this.#endWithoutBody(status, body);
    });
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

const noBody = Buffer.alloc(0);

class UwsRequest implements TransportRequest {
  readonly #res: HttpResponse;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  body: Buffer = noBody;
  host = '';
  authorization = '';
  contentType = '';
  contentEncoding = '';
  contentLength = '';
  transferEncoding = '';
  idempotencyKey = '';
  ifMatch = '';
  ifNoneMatch = '';
  prefer = '';
  traceparent = '';
  correlationId = '';
  lastEventId = '';
  origin = '';
  requestedMethod = '';
  repeated = '';
  #address: string | undefined;
  /** A bit for each field that may stand only once and has come. */
  #seen = 0;

  constructor(res: HttpResponse, req: HttpRequest) {
    this.#res = res;
    this.method = req.getCaseSensitiveMethod();
    this.path = req.getUrl();
    // Declared as a string, and undefined without a `?`.
    const query: string | undefined = req.getQuery();
    this.query = query ?? '';
    // One call with the fields that came costs half of asking for each by name, and shows repeats.
    req.forEach((name, value) => {
      this.#field(name, value);
    });
  }

  remoteAddress(): string {
    this.#address ??= Buffer.from(this.#res.getRemoteAddressAsText()).toString('latin1');
    return this.#address;
  }

  #field(name: string, value: string): void {
    switch (name) {
      case 'host':
        this.host = this.#once(1, name, value);
        break;
      case 'authorization':
        this.authorization = this.#once(2, name, value);
        break;
      case 'content-type':
        this.contentType = this.#once(4, name, value);
        break;
      case 'content-length':
        this.contentLength = this.#once(8, name, value);
        break;
      case 'idempotency-key':
        // An empty key is a malformed one, not none: as an empty quoted string it will be refused.
        this.idempotencyKey = this.#once(16, name, value === '' ? '""' : value);
        break;
      case 'if-match':
        this.ifMatch = this.#once(32, name, value);
        break;
      case 'traceparent':
        this.traceparent = this.#once(64, name, value);
        break;
      case 'if-none-match':
        this.ifNoneMatch = this.ifNoneMatch === '' ? value : `${this.ifNoneMatch}, ${value}`;
        break;
      case 'prefer':
        this.prefer = this.prefer === '' ? value : `${this.prefer}, ${value}`;
        break;
      case 'x-correlation-id':
        this.correlationId = value;
        break;
      case 'last-event-id':
        this.lastEventId = value;
        break;
      case 'transfer-encoding':
        // Present is what counts, whatever it names.
        this.transferEncoding = value === '' ? 'unnamed' : value;
        break;
      case 'content-encoding':
        this.contentEncoding = value;
        break;
      case 'origin':
        this.origin = value;
        break;
      case 'access-control-request-method':
        this.requestedMethod = value;
        break;
    }
  }

  #once(bit: number, name: string, value: string): string {
    if ((this.#seen & bit) !== 0) this.repeated = name;
    this.#seen |= bit;
    return value;
  }
}

/** `200 OK` and its like, put together once. */
const statusLines: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(STATUS_CODES).map(([status, reason]) => [status, `${status} ${reason}`]),
);
