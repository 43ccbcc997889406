/**
 * One request on its way to its one answer: what was found out about it so far, and how the answer is put together.
 *
 * W1  Every exchange ends in exactly one of `json`, `refuse`, `send`, `stream`; a second one is dropped.
 * W2  Every answer carries the trace id, and what rate limit and origin ask for.
 */
import { errorEntry } from '../actors/model/errors.js';
import { type AllowedOrigins, pushCorsHeaders } from './cors.js';
import { type Problem, problemContentType, problemReply } from './problem.js';
import { pushRateHeaders, type RateLimiter, type RateVerdict } from './rate-limit.js';
import type { TransportExchange, TransportRequest, TransportStream } from './transport.js';

export interface ExchangeContext {
  readonly origins: AllowedOrigins;
  /** Runs once, when the answer has been handed over. */
  readonly ended: (exchange: HttpExchange, status: number) => void;
}

/** Label of requests that no route took. */
export const unmatchedPattern = 'unmatched';

export class HttpExchange {
  readonly request: TransportRequest;
  readonly startedAt: number;
  readonly traceId: string;
  /** The caller's, when well-formed; answered as it came. */
  readonly traceparent: string;
  pattern: string = unmatchedPattern;
  readonly #out: TransportExchange;
  readonly #context: ExchangeContext;
  #limiter: RateLimiter | undefined;
  #verdict: RateVerdict | undefined;
  #done = false;

  constructor(
    request: TransportRequest,
    out: TransportExchange,
    context: ExchangeContext,
    start: { readonly startedAt: number; readonly traceId: string; readonly traceparent: string },
  ) {
    this.request = request;
    this.startedAt = start.startedAt;
    this.traceId = start.traceId;
    this.traceparent = start.traceparent;
    this.#out = out;
    this.#context = context;
  }

  /** Remembers a verdict for the answer's headers; true when the request may pass. */
  passes(limiter: RateLimiter, verdict: RateVerdict): boolean {
    this.#limiter = limiter;
    this.#verdict = verdict;
    return verdict.allowed;
  }

  refuse(problem: Problem, headers: readonly string[] = []): void {
    const { status, body, retryAfterSeconds } = problemReply(problem, this.traceId);
    const all = [...headers];
    if (status === 401) all.push('www-authenticate', challenge(problem.code));
    if (retryAfterSeconds !== undefined) all.push('retry-after', String(retryAfterSeconds));
    this.send(status, problemContentType, body, all);
  }

  json(status: number, body: string, headers: readonly string[]): void {
    this.send(status, 'application/json', body, headers);
  }

  send(status: number, contentType: string, body: string, headers: readonly string[] = []): void {
    if (this.#done) return;
    this.#done = true;
    const all = body === '' ? [] : ['content-type', contentType];
    this.#pushOwnHeaders(all, headers);
    this.#out.send({ status, headers: all, body });
    this.#context.ended(this, status);
  }

  /** A body that goes on; undefined when there is nobody to answer any more. It counts as answered when it begins. */
  stream(contentType: string, headers: readonly string[]): TransportStream | undefined {
    if (this.#done) return undefined;
    this.#done = true;
    const all = ['content-type', contentType];
    this.#pushOwnHeaders(all, headers);
    const stream = this.#out.stream({ status: 200, headers: all });
    this.#context.ended(this, 200);
    return stream;
  }

  #pushOwnHeaders(all: string[], headers: readonly string[]): void {
    all.push('x-trace-id', this.traceId);
    if (this.traceparent !== '') all.push('traceparent', this.traceparent);
    if (this.#limiter !== undefined && this.#verdict !== undefined)
      pushRateHeaders(all, this.#limiter, this.#verdict);
    if (this.request.origin !== '') pushCorsHeaders(all, this.request.origin, this.#context.origins);
    for (const each of headers) all.push(each);
  }
}

/** RFC 6750 §3: no error code where no credentials came. */
function challenge(code: string): string {
  return code === 'credentials-missing'
    ? 'Bearer'
    : `Bearer error="invalid_token", error_description="${errorEntry(code).title}"`;
}
