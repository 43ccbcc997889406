/**
 * A reader of server-sent events as a browser is one: it remembers the last id, and can stop reading.
 */
import http from 'node:http';

export interface StreamMessage {
  readonly id: string;
  /** `message` when the server names none. */
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test matches against
  readonly data: any;
}

export interface StreamAddress {
  readonly port: number;
  readonly path: string;
  /** With its scheme: `Bearer …`. */
  readonly authorization?: string;
  readonly lastEventId?: string;
}

export class EventStreamClient {
  readonly status: number;
  readonly contentType: string;
  readonly messages: StreamMessage[] = [];
  /** Empty lines with an id and nothing else. */
  heartbeatCount = 0;
  /** As a browser keeps it: from every id, heartbeats included. */
  lastEventId: string;
  isEnded = false;
  /** What came when it was no stream. */
  text = '';
  readonly #response: http.IncomingMessage;
  readonly #waiters = new Set<() => void>();
  #rest = '';

  private constructor(response: http.IncomingMessage, lastEventId: string) {
    this.#response = response;
    this.lastEventId = lastEventId;
    this.status = response.statusCode ?? 0;
    this.contentType = response.headers['content-type'] ?? '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#take(chunk));
    const end = (): void => {
      this.isEnded = true;
      this.#wake();
    };
    response.on('end', end);
    response.on('close', end);
    // A connection that is cut is an end too.
    response.on('error', end);
  }

  /** Resolves with the head of the answer. Rejects when there is none. */
  static open({ port, path, authorization, lastEventId }: StreamAddress): Promise<EventStreamClient> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (authorization !== undefined) headers.authorization = authorization;
    if (lastEventId !== undefined && lastEventId !== '') headers['last-event-id'] = lastEventId;
    return new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
        resolve(new EventStreamClient(response, lastEventId ?? ''));
      });
      request.on('error', reject);
    });
  }

  /** Events of actors, in the order in which they came. */
  get events(): StreamMessage[] {
    return this.messages.filter(({ event }) => event === 'message');
  }

  /** Resolves when the condition holds; rejects when the stream ends before. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isEnded) throw new Error(`the stream ended before: ${holds}`);
      await this.#news();
    }
  }

  /** Resolves when the stream has ended. */
  async ended(): Promise<void> {
    while (!this.isEnded) await this.#news();
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  close(): void {
    this.#response.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }

  #take(chunk: string): void {
    if (!this.contentType.startsWith('text/event-stream')) {
      this.text += chunk;
      return;
    }
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#block(block);
    this.#wake();
  }

  #block(block: string): void {
    let event = 'message';
    let data: string | undefined;
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ');
      const [field, value] = [line.slice(0, colon), line.slice(colon + 2)];
      if (field === 'id') this.lastEventId = value;
      else if (field === 'event') event = value;
      else if (field === 'data') data = value;
    }
    if (data === undefined) this.heartbeatCount++;
    else this.messages.push({ id: this.lastEventId, event, data: JSON.parse(data) });
  }
}
