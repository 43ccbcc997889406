/**
 * The transport on uWebSockets.js, and the only file that imports it.
 *
 * U1  `onAborted` is registered before anything else; after it ran, the native response is never touched again
 *     (`uws-exchange.ts`).
 * U2  The native request dies with its callback: what it says is copied first (`uws-request.ts`).
 * U3  A second pipelined request while the first is pending makes uWS close the connection; the first one's command
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
import { OperatingError } from '../actors/model/errors.js';
import type { Transport, TransportHandler } from './transport.js';
import { type OpenExchanges, UwsExchange } from './uws-exchange.js';
import { UwsRequest } from './uws-request.js';

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

class UwsTransport implements Transport, OpenExchanges {
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

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  begin(): void {
    this.#openCount += 1;
  }

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
