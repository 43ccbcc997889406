/**
 * HTTP/1.1 over a bare socket, for what `fetch` will not send: malformed heads, half bodies, silence, and for what it
 * hides: whether the connection stayed open.
 */
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** Lower-case names; the last of equal ones. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface RequestParts {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with its Content-Length. */
  readonly body?: string | Buffer;
}

/** A request's bytes, well-formed unless its parts are not. */
export function requestBytes({ method = 'GET', path, headers = {}, body }: RequestParts): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`];
  if (!('host' in headers)) lines.push('host: 127.0.0.1');
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  const content = body === undefined ? undefined : Buffer.from(body);
  if (content !== undefined) lines.push(`content-length: ${content.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return content === undefined ? head : Buffer.concat([head, content]);
}

/** One connection. Answers are read in their order. */
export class HttpConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    // A reset is a close too; what matters to a test is what came before it.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static open(port: number, host = '127.0.0.1'): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  write(bytes: Buffer | string): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** Sends a request and resolves with its answer. */
  send(parts: RequestParts): Promise<RawResponse> {
    this.write(requestBytes(parts));
    return this.response(parts.method === 'HEAD');
  }

  /** The next answer. Rejects when the connection closes before it is complete. */
  async response(isHead = false): Promise<RawResponse> {
    for (;;) {
      const parsed = parseResponse(this.#received, isHead, this.#closed);
      if (parsed !== undefined) {
        this.#received = this.#received.subarray(parsed.bytes);
        return parsed.response;
      }
      if (this.#closed) throw new Error('the connection closed without a complete answer');
      await this.#change();
    }
  }

  /** Resolves when the server has closed, with what it sent since the last answer read. */
  async closed(): Promise<string> {
    while (!this.#closed) await this.#change();
    return this.#received.toString('latin1');
  }

  /** True when the server answers another request on this connection. */
  async isUsable(path = '/health/live'): Promise<boolean> {
    try {
      return (await this.send({ path })).status > 0;
    } catch {
      return false;
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** One request on a connection of its own. */
export async function requestOnce(port: number, parts: RequestParts): Promise<RawResponse> {
  const connection = await HttpConnection.open(port);
  try {
    return await connection.send(parts);
  } finally {
    connection.destroy();
  }
}

interface Parsed {
  readonly response: RawResponse;
  readonly bytes: number;
}

/** A complete answer at the start of `received`. Without Content-Length its body ends with the connection. */
function parseResponse(received: Buffer, isHead: boolean, isClosed: boolean): Parsed | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const status = Number(statusLine.split(' ')[1]);
  const bodyStart = headEnd + 4;
  if (status === 100) return parseResponse(received.subarray(bodyStart), isHead, isClosed);
  const length = headers.get('content-length');
  const isBodiless = isHead || status === 204 || status === 304;
  if (!isBodiless && length === undefined && !isClosed) return undefined;
  const bodyBytes = isBodiless ? 0 : length === undefined ? received.length - bodyStart : Number(length);
  if (received.length < bodyStart + bodyBytes) return undefined;
  const body = received.toString('utf8', bodyStart, bodyStart + bodyBytes);
  return { response: { status, headers, body }, bytes: bodyStart + bodyBytes };
}
