/**
 * A request of uWebSockets.js, copied.
 *
 * UR1  The native request dies with its callback: method, path, query and header fields are copied first, body chunks
 *      as they come.
 */
import type { TransportRequest } from './transport.js';

/** The part of uWS's request that is used here. */
export interface HeadRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** Undefined without a `?`, though the package declares a string. */
  getQuery(): string | undefined;
  forEach(field: (name: string, value: string) => void): void;
}

/** The part of uWS's response that is used here. */
export interface PeerResponse {
  getRemoteAddressAsText(): ArrayBuffer;
}

const noBody = Buffer.alloc(0);

export class UwsRequest implements TransportRequest {
  readonly #res: PeerResponse;
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

  constructor(res: PeerResponse, req: HeadRequest) {
    this.#res = res;
    this.method = req.getCaseSensitiveMethod();
    this.path = req.getUrl();
    this.query = req.getQuery() ?? '';
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
