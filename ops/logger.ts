/**
 * Log lines: one JSON object per line on stdout, or one short line for a person at a terminal.
 *
 * L1  Every line has `time`, `level` and `event`, a short stable name; the rest are the details as reported.
 * L2  No secret leaves by a field of its own: the names in `secrets` are replaced wherever they stand, two levels deep.
 * L3  A line about work that came with a W3C `traceparent` has its `trace_id` and `span_id`, wherever it was reported.
 * L4  Lines are written synchronously on the main thread: the last words before a crash are not lost. Shard threads
 *     hold no logger; they post what they report to the main thread.
 */
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import type { Report } from '../runtime/clock.js';
import type { Config } from './settings.js';

export interface LoggerOptions {
  readonly level: Config['logLevel'];
  /** `lines` is NDJSON, `terminal` is for a person. */
  readonly form: 'lines' | 'terminal';
  /** Takes whole lines; default: stdout. */
  readonly write?: (line: string) => void;
}

const secrets = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'access_token',
  'api_key',
  'signing_key',
  'idempotency_key',
];

/** A person reads along when stdout is a terminal and nobody collects the lines. */
export function logForm(mode: Config['mode'], isTerminal: boolean): LoggerOptions['form'] {
  return mode === 'development' && isTerminal ? 'terminal' : 'lines';
}

export function createReport(options: LoggerOptions): Report {
  const logger = createLogger(options);
  return (level, event, details) => {
    if (details === undefined) logger[level](event);
    else logger[level](details, event);
  };
}

function createLogger({ level, form, write }: LoggerOptions): Logger {
  const sink: DestinationStream = write === undefined ? destination({ fd: 1, sync: true }) : { write };
  return pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: traceFields,
      serializers: { cause: stdSerializers.err, error: stdSerializers.err },
      redact: {
        paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    form === 'lines' ? sink : { write: (line) => sink.write(terminalLine(line)) },
  );
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceparentPattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** L3. Reports carry the `traceparent` as the command had it; shards know no tracer. */
function traceFields(details: object): object {
  if (!('traceparent' in details) || typeof details.traceparent !== 'string') return {};
  const [, trace_id, span_id] = traceparentPattern.exec(details.traceparent) ?? [];
  return trace_id === undefined ? {} : { trace_id, span_id };
}

/** `10:31:07.412 warn  table-lag partition=3 entries=12000`; an error keeps its stack, indented below. */
export function terminalLine(line: string): string {
  // Written by the logger above, so it is an object with these fields.
  const { time, level, event, pid: _, ...details } = JSON.parse(line) as Record<string, unknown>;
  const stacks: string[] = [];
  const shown = Object.entries(details).map(([name, value]) => {
    const stack = stackOf(value);
    if (stack === undefined) return ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
    stacks.push(stack.replaceAll(/^/gm, '    '));
    return '';
  });
  const clock = String(time).slice(11, 23);
  const head = `${clock} ${String(level).padEnd(5)} ${String(event)}${shown.join('')}`;
  return `${[head, ...stacks].join('\n')}\n`;
}

function stackOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return undefined;
  return typeof value.stack === 'string' ? value.stack : undefined;
}
