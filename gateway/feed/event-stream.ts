/**
 * One stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): what a source gives,
 * written as fast as the client reads.
 *
 *     id: …  event: open    data: {"position": …}                first: a client that loses the connection before any event resumes here
 *     id: …                 data: {"event_id": …, …}              an event
 *     id: …                                                       heartbeat: the position goes on although no event is wanted
 *     id: …  event: resync  data: {"code": "resync-required", …}  what lay between is gone; state must be read anew
 *            event: end     data: {"code": …}                     the server ends the stream; the client may come back
 *
 * E1  Every id stands behind everything that was written before it: whoever resumes there misses nothing and gets
 *     nothing twice.
 * E2  While the client does not read, nothing is taken from the source and nothing is kept but what was written last;
 *     after `stallMs` of that the connection is closed.
 * E3  A stream ends with the credentials that it was opened with.
 */
import type { RecordedEvent } from '../../actors/model/call.js';
import { isOperatingError } from '../../actors/model/errors.js';
import { eventJson } from '../../actors/model/recorded-event.js';
import type { CancelTimer, Clock } from '../../runtime/clock.js';
import { jsonText } from '../json-text.js';
import type { TransportStream } from '../transport.js';
import type { EventSource, SourceNews, StreamedEvent } from './event-source.js';

/** Written at a time: a client that does not read costs so much memory, and what its socket takes. */
const chunkCharactersMax = 65_536;
/** A comment, which clients pass over. */
const nothing = ':\n\n';
/** How long a browser waits before it comes back. */
const retryMs = 1_000;

export interface StreamTimes {
  /** Also what keeps the connection alive: uWS closes one that is silent for longer. */
  readonly heartbeatMs: number;
  /** A client that reads nothing for so long is cut off. */
  readonly stallMs: number;
}

export interface EventStreamParts extends StreamTimes {
  readonly source: EventSource;
  readonly stream: TransportStream;
  readonly clock: Clock;
  readonly expiresAtMs: number;
  /** The source failed in a way that has no code. */
  readonly failed: (cause: unknown) => void;
}

type EndCode = 'shutting-down' | 'token-expired' | 'internal' | (string & {});

export class EventStream {
  readonly #parts: EventStreamParts;
  #cancelHeartbeat: CancelTimer | undefined;
  #cancelExpiry: CancelTimer | undefined;
  #isOver = false;
  /** Settles the wait for a client that does not read. */
  #release: (() => void) | undefined;
  /** Why the stream ends, if it is the server that ends it. */
  #endCode: EndCode = 'shutting-down';

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
  }

  /** Resolves when the stream is over, whoever ended it. Never rejects. */
  async run(): Promise<void> {
    const { stream, source, clock, expiresAtMs, failed } = this.#parts;
    stream.onGone(() => this.#leave());
    if (Number.isFinite(expiresAtMs)) {
      const expire = (): void => this.end('token-expired');
      this.#cancelExpiry = clock.after(Math.max(0, expiresAtMs - clock.now()), expire);
    }
    try {
      await this.#write(`retry: ${retryMs}\n${named('open', source.id, { position: source.id })}`);
      for (;;) {
        this.#armHeartbeat();
        const news = await source.next();
        this.#cancelHeartbeat?.();
        if (news === undefined || this.#isOver) break;
        await this.#give(news);
      }
    } catch (cause) {
      this.#endCode = isOperatingError(cause) ? cause.code : 'internal';
      if (this.#endCode === 'internal') failed(cause);
    }
    this.#finish();
  }

  /** Ends the stream from here; the client is told why and may come back. */
  end(code: EndCode): void {
    this.#endCode = code;
    this.#leave();
  }

  async #give(news: SourceNews): Promise<void> {
    if (news.type === 'resync') {
      const { id } = this.#parts.source;
      return this.#write(named('resync', id, { code: 'resync-required', position: id }));
    }
    let chunk = '';
    for (const streamed of news.events) {
      chunk += eventText(streamed);
      if (chunk.length < chunkCharactersMax) continue;
      await this.#write(chunk);
      chunk = '';
      if (this.#isOver) return;
    }
    if (chunk !== '') await this.#write(chunk);
  }

  /** Resolves when the socket has taken it all (E2), or the stream is over. */
  async #write(text: string): Promise<void> {
    const { stream } = this.#parts;
    let rest = text;
    while (!this.#isOver && !stream.write(rest) && !this.#isOver) {
      await this.#room();
      // The socket has taken something; only another write tells whether that was all.
      rest = nothing;
    }
  }

  /** Resolves when the client has read something, or the stream is over. */
  #room(): Promise<void> {
    const { stream, clock, stallMs } = this.#parts;
    return new Promise<void>((resolve) => {
      const cancelStall = clock.after(stallMs, () => stream.cut());
      this.#release = () => {
        this.#release = undefined;
        cancelStall();
        resolve();
      };
      stream.onReady(() => this.#release?.());
    });
  }

  /** Only while the source has nothing: then its id is the place of what was written last (E1). */
  #armHeartbeat(): void {
    const { stream, source, clock, heartbeatMs } = this.#parts;
    this.#cancelHeartbeat = clock.after(heartbeatMs, () => {
      if (this.#isOver) return;
      stream.write(`id: ${source.id}\n\n`);
      this.#armHeartbeat();
    });
  }

  #leave(): void {
    this.#isOver = true;
    this.#cancelHeartbeat?.();
    this.#cancelExpiry?.();
    this.#parts.source.close();
    this.#release?.();
  }

  #finish(): void {
    const { stream } = this.#parts;
    this.#leave();
    stream.write(`event: end\ndata: ${JSON.stringify({ code: this.#endCode })}\n\n`);
    stream.end();
  }
}

function named(event: string, id: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Streams that keep up share the events themselves, so each is put into words once. */
const dataLines = new WeakMap<RecordedEvent, string>();

function eventText({ id, event }: StreamedEvent): string {
  let data = dataLines.get(event);
  if (data === undefined) {
    // JSON holds no line breaks outside of strings, and in strings it escapes them.
    data = `data: ${jsonText(eventJson(event))}\n\n`;
    dataLines.set(event, data);
  }
  return `id: ${id}\n${data}`;
}
