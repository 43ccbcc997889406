/**
 * Where something was thrown, for the log: names and places of the code, never the message, which may quote input.
 */
const framesMax = 4;

export function errorPlace(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return 'unknown';
  const frames = error.stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [error.name, ...frames.slice(0, framesMax).map((line) => line.trim())].join(' ');
}
