/** Microseconds of the machine's monotonic clock: one for all threads and processes, and it never steps back. */
export function machineMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + nanoseconds / 1_000;
}
