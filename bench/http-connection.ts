/**
 * One keep-alive HTTP/1.1 connection that carries one request at a time, as cheap as a socket of Node allows: the load
 * generator shares two cores with the server it measures. Also the client of the crash and end-to-end tests.
 *
 * H1  Every `send` ends in exactly one call of `answered` or `lost`; none comes before `send` returned.
 * H2  `lost` says nothing about the request: it may have been executed. Afterwards the connection dials again by itself.
 * H3  Texts are latin1: one character per byte, so that bodies compare byte for byte without decoding.
 *
 *     connecting ── connected ──> idle ── send ──> waiting ── whole answer ──> idle
 *         ^                        │                  │
 *         └──────── closed ────────┴───── closed ─────┘ (lost)
 */
import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  /** Status line and header fields, without the empty line. */
  readonly head: string;
  readonly body: string;
}

export interface HttpConnectionEvents {
  /** Ready for a `send`: after dialling, and after every answer. */
  readonly idle: (connection: HttpConnection) => void;
  readonly answered: (connection: HttpConnection, answer: HttpAnswer) => void;
  /** The request in flight has no answer; `reason` is a stable short word. */
  readonly lost: (connection: HttpConnection, reason: string) => void;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Between two attempts to dial. A server that restarts takes about a second. */
const redialDelayMs = 20;
const receiveBytes = 65_536;
/**
 * One receive buffer for all connections of the thread: a socket fills it and hands it over in one stretch, so nobody
 * else can write to it before its bytes are copied out.
 */
const received = Buffer.allocUnsafeSlow(receiveBytes);

export class HttpConnection {
  /** Of the owner: which of its connections this is. */
  readonly index: number;
  readonly #endpoint: Endpoint;
  readonly #events: HttpConnectionEvents;
  #socket: Socket | undefined;
  #state: 'connecting' | 'idle' | 'waiting' | 'closed' = 'connecting';
  /** The beginning of an answer that came in pieces. */
  #partial = '';
  #redial: NodeJS.Timeout | undefined;

  /** Dials at once; keeps the process alive until `close`. */
  constructor(index: number, endpoint: Endpoint, events: HttpConnectionEvents) {
    this.index = index;
    this.#endpoint = endpoint;
    this.#events = events;
    this.#dial();
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Connected, whether or not a request is in flight. */
  get isOpen(): boolean {
    return this.#state === 'idle' || this.#state === 'waiting';
  }

  /** Sends the bytes of one whole request. The buffer must stay unchanged until the answer. Only when idle. */
  send(request: Buffer | string): void {
    if (this.#state !== 'idle' || this.#socket === undefined)
      throw new Error(`send on a connection that is ${this.#state}`);
    this.#state = 'waiting';
    if (typeof request === 'string') this.#socket.write(request, 'latin1');
    else this.#socket.write(request);
  }

  /** Gives the request in flight up (`lost`) and dials again. */
  abandon(reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#ended(socket, reason);
    socket.destroy();
  }

  /** For good. A request in flight is lost with reason `closed`. */
  close(): void {
    const wasWaiting = this.#state === 'waiting';
    this.#state = 'closed';
    clearTimeout(this.#redial);
    this.#socket?.destroy();
    this.#socket = undefined;
    if (wasWaiting) this.#events.lost(this, 'closed');
  }

  #dial(): void {
    this.#state = 'connecting';
    const socket = connect({
      ...this.#endpoint,
      noDelay: true,
      onread: {
        buffer: received,
        callback: (byteCount) => {
          if (socket === this.#socket) this.#receive(received.toString('latin1', 0, byteCount));
          return true;
        },
      },
    });
    this.#socket = socket;
    socket.once('connect', () => {
      this.#state = 'idle';
      this.#events.idle(this);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => this.#ended(socket, error.code ?? 'socket-error'));
    socket.once('end', () => this.#ended(socket, 'closed-by-server'));
    socket.once('close', () => this.#ended(socket, 'closed-by-server'));
  }

  #ended(socket: Socket, reason: string): void {
    if (socket !== this.#socket || this.#state === 'closed') return;
    const wasWaiting = this.#state === 'waiting';
    this.#socket = undefined;
    this.#partial = '';
    this.#state = 'connecting';
    socket.destroy();
    this.#redial = setTimeout(() => this.#dial(), redialDelayMs);
    if (wasWaiting) this.#events.lost(this, reason);
  }

  #receive(text: string): void {
    if (this.#state !== 'waiting') {
      this.abandon('unasked-answer');
      return;
    }
    const whole = this.#partial === '' ? text : this.#partial + text;
    const answer = parseAnswer(whole);
    if (answer === 'incomplete') {
      this.#partial = whole;
    } else if (answer === 'malformed') {
      this.abandon('malformed-answer');
    } else {
      this.#partial = '';
      this.#state = 'idle';
      this.#events.answered(this, answer);
      if (this.isIdle) this.#events.idle(this);
    }
  }
}

/**
 * Reads one answer that begins at the first character. `malformed` also stands for what this client does not speak:
 * chunked bodies, interim answers, bytes after the answer.
 */
export function parseAnswer(text: string): HttpAnswer | 'incomplete' | 'malformed' {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return text.length > receiveBytes ? 'malformed' : 'incomplete';
  const status = Number(text.slice(9, 12));
  if (!text.startsWith('HTTP/1.1 ') || !(status >= 200 && status <= 599)) return 'malformed';
  const bodyStart = headEnd + 4;
  const bodyLength = contentLength(text, headEnd, status);
  if (bodyLength < 0 || text.length > bodyStart + bodyLength) return 'malformed';
  if (text.length < bodyStart + bodyLength) return 'incomplete';
  return { status, head: text.slice(0, headEnd), body: text.slice(bodyStart) };
}

/** -1 when the length cannot be told. */
function contentLength(text: string, headEnd: number, status: number): number {
  // Servers write the name in one of two ways; a search is cheaper than reading every field.
  let nameStart = text.indexOf('Content-Length: ');
  if (nameStart < 0 || nameStart > headEnd) nameStart = text.indexOf('content-length: ');
  if (nameStart < 0 || nameStart > headEnd) return status === 204 || status === 304 ? 0 : -1;
  const valueStart = nameStart + 16;
  const length = Number(text.slice(valueStart, text.indexOf('\r\n', valueStart)));
  return Number.isSafeInteger(length) ? length : -1;
}

/** The value of a header field by its lower-case name, or undefined. For the rare look; not on the hot path. */
export function headerOf(answer: HttpAnswer, name: string): string | undefined {
  for (const line of answer.head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return undefined;
}
