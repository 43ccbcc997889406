/**
 * Requests as promises over a few keep-alive connections: for setting a run up, checking its books, and the tests.
 *
 * C1  `ask` never rejects: a request without an answer resolves as `lost`.
 * C2  `insist` repeats one request (same bytes, same Idempotency-Key) until its answer is definite.
 */
import { type Endpoint, type HttpAnswer, HttpConnection } from './http-connection.js';
import { type RequestParts, requestText } from './http-request.js';

export type Reply =
  | { readonly type: 'answer'; readonly answer: HttpAnswer }
  /** The request may or may not have been executed. */
  | { readonly type: 'lost'; readonly reason: string };

interface Waiting {
  readonly text: string;
  readonly resolve: (reply: Reply) => void;
  readonly timer: NodeJS.Timeout;
}

/** Longer than a held transfer (10 s) and a command's deadline (10 s). */
const defaultTimeoutMs = 20_000;
const firstRetryMs = 10;
const longestRetryMs = 500;

export class HttpClient {
  readonly endpoint: Endpoint;
  readonly #connections: HttpConnection[];
  readonly #idle: HttpConnection[] = [];
  readonly #queue: Waiting[] = [];
  readonly #inFlight = new Map<number, Waiting>();
  #closed = false;

  constructor(endpoint: Endpoint, connectionCount: number) {
    this.endpoint = endpoint;
    const events = {
      idle: (connection: HttpConnection) => {
        this.#idle.push(connection);
        this.#pump();
      },
      answered: (connection: HttpConnection, answer: HttpAnswer) =>
        this.#settle(connection, { type: 'answer', answer }),
      lost: (connection: HttpConnection, reason: string) =>
        this.#settle(connection, { type: 'lost', reason }),
    };
    this.#connections = Array.from(
      { length: connectionCount },
      (_, index) => new HttpConnection(index, endpoint, events),
    );
  }

  /** Waits for a free connection, sends, and resolves with the answer or `lost`. The timeout covers both waits. */
  ask(parts: RequestParts, timeoutMs = defaultTimeoutMs): Promise<Reply> {
    if (this.#closed) return Promise.resolve({ type: 'lost', reason: 'closed' });
    return new Promise((resolve) => {
      const text = requestText(this.endpoint, parts);
      const waiting: Waiting = { text, resolve, timer: setTimeout(() => this.#giveUp(waiting), timeoutMs) };
      this.#queue.push(waiting);
      this.#pump();
    });
  }

  /** Resolves with the first definite answer; rejects when there is none within `patienceMs`. */
  async insist(parts: RequestParts, patienceMs = 30_000): Promise<HttpAnswer> {
    const deadline = performance.now() + patienceMs;
    let delayMs = firstRetryMs;
    for (;;) {
      const reply = await this.ask(parts);
      if (reply.type === 'answer' && isDefinite(reply.answer)) return reply.answer;
      if (performance.now() > deadline) {
        const last =
          reply.type === 'lost' ? `lost: ${reply.reason}` : `${reply.answer.status} ${reply.answer.body}`;
        throw new Error(
          `no definite answer to ${parts.method} ${parts.path} in ${patienceMs} ms; last: ${last}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
  }

  /** Requests in flight or waiting resolve as lost. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    for (const waiting of this.#queue.splice(0)) {
      clearTimeout(waiting.timer);
      waiting.resolve({ type: 'lost', reason: 'closed' });
    }
  }

  #giveUp(waiting: Waiting): void {
    const place = this.#queue.indexOf(waiting);
    if (place >= 0) {
      this.#queue.splice(place, 1);
      waiting.resolve({ type: 'lost', reason: 'no-connection' });
      return;
    }
    for (const [index, inFlight] of this.#inFlight) {
      if (inFlight === waiting) this.#connections[index]?.abandon('timeout');
    }
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      if (!connection.isIdle) continue;
      const waiting = this.#queue.shift() as Waiting;
      this.#inFlight.set(connection.index, waiting);
      connection.send(waiting.text);
    }
  }

  #settle(connection: HttpConnection, reply: Reply): void {
    const inFlight = this.#inFlight.get(connection.index);
    if (inFlight === undefined) return;
    this.#inFlight.delete(connection.index);
    clearTimeout(inFlight.timer);
    inFlight.resolve(reply);
  }
}

/** False when the same request must be asked again to know what became of it: busy, overloaded, still running, unknown. */
export function isDefinite(answer: HttpAnswer): boolean {
  if (answer.status === 429 || answer.status === 503) return false;
  return answer.status !== 409 || errorCode(answer) !== 'idempotency-in-progress';
}

/** The `code` of a problem body, or an empty text. */
export function errorCode(answer: HttpAnswer): string {
  return /"code"\s*:\s*"([^"]*)"/.exec(answer.body)?.[1] ?? '';
}

/** Runs `task` for 0 … count-1, at most `width` at a time; rejects with the first failure. */
export async function inParallel(
  count: number,
  width: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}
