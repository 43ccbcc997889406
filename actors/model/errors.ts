/**
 * The one registry of operating and edge errors: what a code means to an HTTP client, and who must act on it.
 *
 * O1  A code, once published, keeps its meaning. Codes are compared, never classes: class identity dies between threads.
 * O2  `outcome-unknown` is the only code under which something may have happened. Every other one is definite: nothing did.
 * O3  A domain's own "no" is a rejection, declared with its status in the actor's contract; it needs no line here. The
 *     two bank codes below stand here because `reliability.md` §3 fixes their answers.
 */

/** `now`: the same request may be sent again at once. `later`: after a pause. `never`: it has to change first. */
export type RetryAdvice = 'now' | 'later' | 'never';

export interface ErrorEntry {
  /** HTTP status; WebSocket error frames carry the same number. */
  readonly status: number;
  readonly title: string;
  readonly retry: RetryAdvice;
  /** `Retry-After` when the thrower knows no better. */
  readonly retryAfterSeconds?: number;
}

const entries = {
  // The request as bytes.
  'length-required': { status: 411, title: 'Content-Length is required', retry: 'never' },
  'media-type': { status: 415, title: 'Content type is not supported', retry: 'never' },
  'content-encoding': { status: 415, title: 'Content encoding is not supported', retry: 'never' },
  'body-too-large': { status: 413, title: 'Body is too large', retry: 'never' },
  'body-empty': { status: 400, title: 'Body is empty', retry: 'never' },
  'json-invalid': { status: 400, title: 'Body is not valid JSON', retry: 'never' },
  'utf8-invalid': { status: 400, title: 'Body is not valid UTF-8', retry: 'never' },
  'json-too-deep': { status: 400, title: 'JSON is nested too deeply', retry: 'never' },
  'json-too-many-items': { status: 400, title: 'JSON has too many keys or items', retry: 'never' },
  'json-string-too-long': { status: 400, title: 'JSON holds a string that is too long', retry: 'never' },
  'json-duplicate-key': { status: 400, title: 'JSON repeats a key', retry: 'never' },
  'key-forbidden': { status: 400, title: 'JSON holds a forbidden key', retry: 'never' },
  'msgpack-invalid': { status: 400, title: 'Message is not valid MessagePack', retry: 'never' },

  // The request as a request.
  'not-found': { status: 404, title: 'Not found', retry: 'never' },
  'method-not-allowed': { status: 405, title: 'Method is not allowed here', retry: 'never' },
  'id-invalid': { status: 400, title: 'Id is not valid', retry: 'never' },
  'query-unknown': { status: 400, title: 'Query parameter is not known', retry: 'never' },
  'query-invalid': { status: 400, title: 'Query parameter is not valid', retry: 'never' },
  'limit-out-of-range': { status: 400, title: 'Limit is out of range', retry: 'never' },
  'cursor-invalid': { status: 400, title: 'Cursor is not valid', retry: 'never' },
  'header-invalid': { status: 400, title: 'Header is not valid', retry: 'never' },
  'field-unknown': { status: 422, title: 'Field is not known', retry: 'never' },
  'validation-failed': { status: 422, title: 'Input is not valid', retry: 'never' },
  'command-unknown': { status: 422, title: 'Command is not known', retry: 'never' },

  // Money.
  'money-not-string': { status: 422, title: 'Money must be a decimal string', retry: 'never' },
  'amount-not-positive': { status: 422, title: 'Amount must be positive', retry: 'never' },
  'amount-scale': { status: 422, title: 'Amount has too many decimals', retry: 'never' },
  'amount-overflow': { status: 422, title: 'Amount is too large', retry: 'never' },
  currency: { status: 422, title: 'Currency is not accepted', retry: 'never' },
  'same-account': { status: 422, title: 'Sender and receiver are the same account', retry: 'never' },
  'insufficient-funds': { status: 409, title: 'Insufficient funds', retry: 'never' },

  // Who asks.
  'credentials-missing': { status: 401, title: 'Credentials are missing', retry: 'never' },
  'credentials-in-url': { status: 400, title: 'Credentials do not belong in the URL', retry: 'never' },
  'token-invalid': { status: 401, title: 'Token is not valid', retry: 'never' },
  'token-expired': { status: 401, title: 'Token has expired', retry: 'never' },
  'token-not-yet-valid': { status: 401, title: 'Token is not valid yet', retry: 'later' },
  'token-revoked': { status: 401, title: 'Token was revoked', retry: 'never' },
  'api-key-invalid': { status: 401, title: 'API key is not valid', retry: 'never' },
  'client-cert-missing': { status: 401, title: 'Client certificate is missing', retry: 'never' },
  'scope-missing': { status: 403, title: 'Not allowed', retry: 'never' },
  'origin-forbidden': { status: 403, title: 'Origin is not allowed', retry: 'never' },
  'rate-limited': { status: 429, title: 'Rate limit exceeded', retry: 'later', retryAfterSeconds: 1 },
  'connection-limit': { status: 429, title: 'Too many connections', retry: 'later', retryAfterSeconds: 5 },

  // WebSocket sessions.
  'upgrade-required': { status: 426, title: 'WebSocket upgrade is required', retry: 'never' },
  'not-authenticated': { status: 401, title: 'Session has not said hello', retry: 'never' },
  'hello-timeout': { status: 408, title: 'Session said no hello in time', retry: 'now' },
  'subscription-limit': { status: 429, title: 'Too many subscriptions', retry: 'never' },
  'resync-required': { status: 410, title: 'History was cut; start from a snapshot', retry: 'never' },

  // Repeats.
  'idempotency-key-missing': { status: 400, title: 'Idempotency-Key is required', retry: 'never' },
  'idempotency-key-invalid': { status: 400, title: 'Idempotency-Key is not valid', retry: 'never' },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency-Key was used for another body',
    retry: 'never',
  },
  'idempotency-in-progress': {
    status: 409,
    title: 'The first request with this key is still running',
    retry: 'later',
    retryAfterSeconds: 1,
  },
  'version-conflict': { status: 412, title: 'The actor is at another version', retry: 'never' },

  // What operators see and ask.
  'dead-letter-ahead': {
    status: 503,
    title: 'An earlier message to this actor waits as a dead letter',
    retry: 'later',
    retryAfterSeconds: 1,
  },
  'timer-of-saga': { status: 409, title: 'The timer belongs to a saga', retry: 'never' },

  // The runtime is busy or on the move. Nothing happened; the client comes back.
  overloaded: { status: 503, title: 'Overloaded', retry: 'later', retryAfterSeconds: 1 },
  'mailbox-full': {
    status: 503,
    title: 'The actor has too much waiting',
    retry: 'later',
    retryAfterSeconds: 1,
  },
  'deadline-passed': { status: 503, title: 'The deadline passed before the work began', retry: 'now' },
  moved: { status: 503, title: 'The actor is moving', retry: 'now' },
  'partition-silent': {
    status: 503,
    title: 'A partition does not answer',
    retry: 'later',
    retryAfterSeconds: 1,
  },
  'shutting-down': { status: 503, title: 'Shutting down', retry: 'later', retryAfterSeconds: 2 },
  'storage-unavailable': {
    status: 503,
    title: 'Storage refuses writes',
    retry: 'later',
    retryAfterSeconds: 5,
  },
  'storage-behind': { status: 503, title: 'Storage is behind', retry: 'later', retryAfterSeconds: 2 },
  fenced: { status: 503, title: 'Another owner has taken over', retry: 'later', retryAfterSeconds: 1 },
  'outcome-unknown': {
    status: 503,
    title: 'The outcome is not known; repeat with the same key',
    retry: 'later',
    retryAfterSeconds: 1,
  },

  // A provider outside, behind a port.
  'circuit-open': { status: 503, title: 'The circuit is open', retry: 'later', retryAfterSeconds: 30 },
  'bulkhead-full': {
    status: 503,
    title: 'Too many calls to the provider are under way',
    retry: 'later',
    retryAfterSeconds: 1,
  },
  'provider-unavailable': {
    status: 503,
    title: 'The provider was not reached',
    retry: 'later',
    retryAfterSeconds: 5,
  },
  'provider-refused': { status: 502, title: 'The provider does not take the call', retry: 'never' },
  'port-unknown': { status: 500, title: 'No adapter serves this port', retry: 'never' },

  // The process cannot serve.
  'transport-unavailable': { status: 500, title: 'No HTTP server for this platform', retry: 'never' },
  'listen-failed': { status: 500, title: 'The address cannot be listened on', retry: 'never' },

  // Something is broken and stays so until a person acts.
  internal: { status: 500, title: 'Internal error', retry: 'never' },
  'actor-parked': { status: 503, title: 'The actor is parked until somebody looks at it', retry: 'never' },
  'state-too-large': { status: 500, title: 'The state of the actor is too large', retry: 'never' },
  'event-too-large': { status: 500, title: 'An event of the command is too large', retry: 'never' },
  'command-too-large': { status: 500, title: 'The command produced too much', retry: 'never' },
  'not-storable': { status: 500, title: 'A value has no stored form', retry: 'never' },
  'store-went-back': {
    status: 503,
    title: 'The store holds an older history than was acknowledged',
    retry: 'never',
  },
  'history-too-long': { status: 422, title: 'The history is too long for this request', retry: 'never' },
  'schema-unknown': { status: 500, title: 'A stored form is not known to this program', retry: 'never' },
  'schema-changed': { status: 500, title: 'A field list changed under an old version', retry: 'never' },
  'saga-version-missing': {
    status: 500,
    title: 'A saga is under way under a definition that no module has',
    retry: 'never',
  },
  'bytes-damaged': { status: 500, title: 'Stored bytes cannot be decoded', retry: 'never' },
  'journal-gap': { status: 500, title: 'The journal has a gap', retry: 'never' },
  'journal-damaged': { status: 500, title: 'The journal is damaged', retry: 'never' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof entries;

/** Code → what it means. Plain data: the gateway answers from it and the documentation is checked against it. */
export const errorRegistry: Readonly<Record<ErrorCode, ErrorEntry>> = entries;

/** True for a code of the registry. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(entries, code);
}

/** The entry of a code that may come from elsewhere (another version, another thread); unknown ones read as `internal`. */
export function errorEntry(code: string): ErrorEntry {
  return isErrorCode(code) ? entries[code] : entries.internal;
}

export interface OperatingErrorOptions {
  /** `kind/id` of the actor, or `partition 7`. */
  readonly address?: string;
  readonly cause?: unknown;
}

/** What an operating error looks like after it crossed a thread. */
export interface OperatingErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Conflict, busy, timeout, store down: an error with a code that tells who must act. The message holds no payload. */
export class OperatingError extends Error {
  readonly code: ErrorCode;
  readonly retry: RetryAdvice;
  readonly address: string | undefined;

  constructor(code: ErrorCode, detail: string, options: OperatingErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = entries[code].retry;
    this.address = options.address;
  }

  override get name(): string {
    return 'OperatingError';
  }
}

/** True for anything that carries a code of the registry, whatever its class (O1). */
export function isOperatingError(error: unknown): error is OperatingErrorShape {
  return typeof error === 'object' && error !== null && 'code' in error && isErrorCode(error.code);
}
