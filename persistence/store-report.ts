/** What a driver reports; the runtime's `Report` is one. `event` is a short stable name, `details` holds no payloads. */
export type StoreReport = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  details?: Readonly<Record<string, unknown>>,
) => void;
