/**
 * Endpoints of the process itself: health and metrics. No caller, no actor; `/health/*` and `/metrics` are not limited,
 * because an orchestrator and a scraper ask from few addresses.
 */

export interface Health {
  /** The process is worth keeping. */
  readonly live: boolean;
  /** New requests are welcome. */
  readonly ready: boolean;
  /** Shown as they are; nothing secret. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface SystemEndpoint {
  readonly type: 'system';
  readonly pattern: string;
  /** Counts with the public routes. */
  readonly isLimited: boolean;
  /** Answered at once, however full the gateway is. */
  readonly isProbe: boolean;
  /** `done` runs once, at once or later. */
  readonly respond: (done: (status: number, contentType: string, body: string) => void) => void;
}

export interface SystemCallbacks {
  readonly health: () => Health;
  readonly metricsText: () => Promise<string>;
}

const json = 'application/json';
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** `failed` is told where a metrics text could not be made. */
export function systemEndpoints(
  { health, metricsText }: SystemCallbacks,
  failed: (error: unknown) => void,
): SystemEndpoint[] {
  const endpoint = (
    pattern: string,
    respond: SystemEndpoint['respond'],
    { isLimited = false, isProbe = false } = {},
  ): SystemEndpoint => ({ type: 'system', pattern, isLimited, isProbe, respond });
  const probe = (pattern: string, respond: SystemEndpoint['respond']): SystemEndpoint =>
    endpoint(pattern, respond, { isProbe: true });
  return [
    probe('/health/live', (done) => {
      const { live } = health();
      done(live ? 200 : 503, json, JSON.stringify({ status: live ? 'live' : 'failing' }));
    }),
    probe('/health/ready', (done) => {
      const { ready, details } = health();
      done(ready ? 200 : 503, json, JSON.stringify({ status: ready ? 'ready' : 'not-ready', ...details }));
    }),
    // Row 135.
    endpoint(
      '/api/v1/health',
      (done) => {
        const { live, ready } = health();
        const isHealthy = live && ready;
        const body = { status: isHealthy ? 'healthy' : 'unhealthy', service: 'api-gateway' };
        done(isHealthy ? 200 : 503, json, JSON.stringify(body));
      },
      { isLimited: true },
    ),
    endpoint('/metrics', (done) => {
      metricsText().then(
        (text) => done(200, metricsType, text),
        (error: unknown) => {
          failed(error);
          done(500, 'text/plain', 'metrics are not available\n');
        },
      );
    }),
  ];
}
