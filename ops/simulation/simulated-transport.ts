/**
 * The transport of a simulated gateway: requests arrive whole, as turns of the gateway's thread.
 */
import type {
  Transport,
  TransportExchange,
  TransportHandler,
  TransportRequest,
} from '../../gateway/transport.js';
import type { ClientRequest } from './http-requests.js';
import type { ThreadClock } from './thread-clock.js';

/** A connection as the gateway has it. */
export interface Arrival extends TransportExchange {
  /** Set here: how to reach the gateway's thread, and what is to be done when nothing is owed any more. */
  inGateway: (run: () => void) => void;
  settled: () => void;
  /** The server has closed it. */
  break(): void;
}

export class SimulatedTransport implements Transport {
  readonly #thread: ThreadClock;
  #handler: TransportHandler | undefined;
  readonly #owed = new Set<Arrival>();
  #whenSettled: (() => void) | undefined;

  constructor(thread: ThreadClock) {
    this.#thread = thread;
  }

  async listen(_host: string, port: number, handler: TransportHandler): Promise<number> {
    this.#handler = handler;
    return port;
  }

  close(): Promise<void> {
    this.#handler = undefined;
    return new Promise((resolve) => {
      this.#whenSettled = resolve;
      this.#look();
    });
  }

  arrive(request: ClientRequest, connection: Arrival): void {
    this.#thread.defer(() => {
      const handler = this.#handler;
      if (handler === undefined) return connection.break();
      connection.inGateway = (run) => this.#thread.defer(run);
      connection.settled = () => {
        this.#owed.delete(connection);
        this.#look();
      };
      if (connection.aborted) return;
      this.#owed.add(connection);
      const whole = toTransport(request);
      const refused = handler.head({ ...whole, body: Buffer.alloc(0) });
      if (refused === undefined) handler.request(whole, connection);
      else connection.send(refused);
    });
  }

  #look(): void {
    if (this.#owed.size === 0) this.#whenSettled?.();
  }
}

function toTransport(request: ClientRequest): TransportRequest {
  const body = Buffer.from(request.body, 'utf8');
  return {
    method: request.method,
    path: request.path,
    query: request.query ?? '',
    body,
    remoteAddress: () => '127.0.0.1',
    host: 'simulated',
    authorization: JSON.stringify(request.caller),
    contentType: body.length === 0 ? '' : 'application/json',
    contentEncoding: '',
    contentLength: body.length === 0 ? '' : String(body.length),
    transferEncoding: '',
    idempotencyKey: request.idempotencyKey ?? '',
    ifMatch: '',
    ifNoneMatch: '',
    prefer: request.prefer ?? '',
    traceparent: '',
    correlationId: '',
    lastEventId: request.lastEventId ?? '',
    origin: '',
    requestedMethod: '',
    repeated: '',
  };
}
