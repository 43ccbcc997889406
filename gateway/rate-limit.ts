/**
 * Rate limits (decision D24): a sliding window per address on public routes, GCRA per principal elsewhere. Pure: the
 * caller brings the time, which never goes back.
 *
 * L1  Never more than `limit` requests pass in any span of `windowMs`: exactly for the window; GCRA lets one full
 *     burst pass and then refills evenly.
 * L2  Memory is bounded by `keysMax`; past it the key that was not seen for longest is forgotten.
 * L3  A refused request does not count, so a client that waits as told gets through.
 */

export interface RateLimitSettings {
  /** Requests per window. */
  readonly limit: number;
  readonly windowMs: number;
  /** Addresses or principals tracked. */
  readonly keysMax: number;
}

export interface RateVerdict {
  readonly allowed: boolean;
  /** How many more would pass right now. */
  readonly remaining: number;
  /** Until the next one passes (refused), or until the quota is whole or begins to come back (allowed). */
  readonly resetMs: number;
}

export interface RateLimiter {
  readonly settings: RateLimitSettings;
  /** @param nowMs monotonic: a wall clock that is set back would lock everybody out for as long. */
  take(key: string, nowMs: number): RateVerdict;
}

/** The times of the requests in the window, in a ring: exact, 8 bytes a request. */
interface WindowLog {
  readonly times: Float64Array;
  oldest: number;
  count: number;
}

export class SlidingWindow implements RateLimiter {
  readonly settings: RateLimitSettings;
  readonly #logs = new Map<string, WindowLog>();

  constructor(settings: RateLimitSettings) {
    this.settings = settings;
  }

  take(key: string, nowMs: number): RateVerdict {
    const { limit, windowMs, keysMax } = this.settings;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { times: new Float64Array(limit), oldest: 0, count: 0 };
      if (this.#logs.size >= keysMax) forgetFirst(this.#logs);
    } else {
      this.#logs.delete(key);
    }
    // At the end again: the map's order is the order of last use.
    this.#logs.set(key, log);
    while (log.count > 0 && log.times[log.oldest]! + windowMs <= nowMs) {
      log.oldest = (log.oldest + 1) % limit;
      log.count -= 1;
    }
    const allowed = log.count < limit;
    if (allowed) {
      log.times[(log.oldest + log.count) % limit] = nowMs;
      log.count += 1;
    }
    return { allowed, remaining: limit - log.count, resetMs: log.times[log.oldest]! + windowMs - nowMs };
  }

  get keyCount(): number {
    return this.#logs.size;
  }
}

/** Generic cell rate algorithm (ITU-T I.371): one number per key, the time at which its quota is whole again. */
export class Gcra implements RateLimiter {
  readonly settings: RateLimitSettings;
  readonly #wholeAt = new Map<string, number>();

  constructor(settings: RateLimitSettings) {
    this.settings = settings;
  }

  take(key: string, nowMs: number): RateVerdict {
    const { limit, windowMs, keysMax } = this.settings;
    const intervalMs = windowMs / limit;
    const known = this.#wholeAt.get(key);
    const before = known === undefined || known < nowMs ? nowMs : known;
    const after = before + intervalMs;
    const allowed = after - nowMs <= windowMs;
    if (!allowed) return { allowed, remaining: 0, resetMs: after - nowMs - windowMs };
    if (known !== undefined) this.#wholeAt.delete(key);
    else if (this.#wholeAt.size >= keysMax) forgetFirst(this.#wholeAt);
    this.#wholeAt.set(key, after);
    return {
      allowed,
      remaining: Math.floor((windowMs - (after - nowMs)) / intervalMs),
      resetMs: after - nowMs,
    };
  }

  get keyCount(): number {
    return this.#wholeAt.size;
  }
}

function forgetFirst(map: Map<string, unknown>): void {
  const first = map.keys().next();
  if (first.done !== true) map.delete(first.value);
}

/** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), appended as names and values in turn. */
export function pushRateHeaders(headers: string[], { settings }: RateLimiter, verdict: RateVerdict): void {
  const resetSeconds = Math.ceil(verdict.resetMs / 1000);
  headers.push(
    'ratelimit-policy',
    `"default";q=${settings.limit};w=${settings.windowMs / 1000}`,
    'ratelimit',
    `"default";r=${verdict.remaining};t=${resetSeconds}`,
  );
}
