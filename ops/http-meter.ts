/**
 * What the edge counts about its requests: plain numbers per endpoint and status, turned into metrics when somebody
 * asks. Updating a prom-client counter with labels on every request would cost more than routing it.
 *
 * H1  Endpoints are route templates (`/api/v1/accounts/{account_id}`), so their number is that of the routes.
 */
import { type LatencyHistogram, newHistogram, observe } from '../runtime/counters.js';

export interface EndpointMeter {
  readonly method: string;
  readonly endpoint: string;
  /** Requests by status − 100. */
  readonly byStatus: Float64Array;
  readonly latency: LatencyHistogram;
}

const statusMin = 100;
const statusMax = 599;

export class HttpMeter {
  readonly #byEndpoint = new Map<string, Map<string, EndpointMeter>>();
  #total = 0;

  /** One answered request. An error of the server counts as any other status does (row 174). */
  answered(request: { method: string; endpoint: string; status: number; durationMs: number }): void {
    const { method, endpoint, status, durationMs } = request;
    const meter = this.#byEndpoint.get(endpoint)?.get(method) ?? this.#add(method, endpoint);
    const slot = Math.min(statusMax, Math.max(statusMin, status)) - statusMin;
    meter.byStatus[slot] = (meter.byStatus[slot] ?? 0) + 1;
    observe(meter.latency, durationMs);
    this.#total += 1;
  }

  /** All requests ever answered. */
  get total(): number {
    return this.#total;
  }

  *endpoints(): IterableIterator<EndpointMeter> {
    for (const methods of this.#byEndpoint.values()) yield* methods.values();
  }

  #add(method: string, endpoint: string): EndpointMeter {
    const meter: EndpointMeter = {
      method,
      endpoint,
      byStatus: new Float64Array(statusMax - statusMin + 1),
      latency: newHistogram(),
    };
    const methods = this.#byEndpoint.get(endpoint) ?? new Map<string, EndpointMeter>();
    methods.set(method, meter);
    this.#byEndpoint.set(endpoint, methods);
    return meter;
  }
}

/** Requests that each status was the answer to, without the zeros. */
export function* statusCounts(
  meter: EndpointMeter,
): IterableIterator<readonly [status: number, count: number]> {
  for (const [slot, count] of meter.byStatus.entries()) if (count > 0) yield [slot + statusMin, count];
}

/**
 * Events per second over the last few seconds, from a total that only grows. `sample` is to be called at even intervals;
 * the rate is that between the oldest and the newest sample kept.
 */
export class RateWindow {
  readonly #samples: { readonly at: number; readonly total: number }[] = [];
  readonly #samplesMax: number;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  sample(atMs: number, total: number): void {
    this.#samples.push({ at: atMs, total });
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
  }

  /** 0 before two samples. */
  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return ((last.total - first.total) * 1000) / (last.at - first.at);
  }
}
