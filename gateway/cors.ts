/**
 * Cross-origin requests (decision D25): any origin in development, a list in production; tokens travel in headers, so
 * credentials stay off.
 */

export type AllowedOrigins = 'any' | readonly string[];

const allowedHeaders =
  'authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, prefer, traceparent, x-correlation-id';
const exposedHeaders =
  'etag, idempotency-replayed, location, preference-applied, ratelimit, ratelimit-policy, retry-after, traceparent, x-trace-id';
const preflightSeconds = 600;

/** The origin to name in `Access-Control-Allow-Origin`, or undefined where a browser shall keep the answer to itself. */
export function admittedOrigin(origin: string, allowed: AllowedOrigins): string | undefined {
  if (allowed === 'any') return '*';
  return allowed.includes(origin) ? origin : undefined;
}

/** Headers of an answer to a request with an `Origin`, appended as names and values in turn. */
export function pushCorsHeaders(headers: string[], origin: string, allowed: AllowedOrigins): void {
  if (allowed !== 'any') headers.push('vary', 'origin');
  const admitted = admittedOrigin(origin, allowed);
  if (admitted === undefined) return;
  headers.push('access-control-allow-origin', admitted, 'access-control-expose-headers', exposedHeaders);
}

/** What a preflight answer says besides; `methods` are those of the path. */
export function preflightHeaders(methods: string): string[] {
  return [
    'access-control-allow-methods',
    methods,
    'access-control-allow-headers',
    allowedHeaders,
    'access-control-max-age',
    String(preflightSeconds),
  ];
}
