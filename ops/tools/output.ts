/**
 * How the tools print: lines on stdout at the reader's pace, progress and remarks on stderr.
 *
 * P1  Progress is written only to a terminal, or when it was asked for; nothing of it ever reaches stdout.
 * P2  A reader that goes away (`… | head`) ends the tool quietly.
 */
import { once } from 'node:events';

/** Between two lines of progress where the last one cannot be overwritten. */
const progressLineMs = 2_000;
const progressMs = 100;

export class Output {
  #isClosed = false;

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.#isClosed = true;
    });
  }

  /** True once nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async line(text: string): Promise<void> {
    if (this.#isClosed || process.stdout.write(`${text}\n`)) return;
    // A reader that goes away while we wait settles this as well.
    await once(process.stdout, 'drain').catch(() => undefined);
  }

  remark(text: string): void {
    process.stderr.write(`troupe: ${text}\n`);
  }
}

export interface Progress {
  /** `text` says what has been done so far; at most ten times a second of it is shown. */
  show(text: () => string): void;
  end(): void;
}

/** `wanted` shows progress where stderr is no terminal, line by line; on a terminal it is always shown, in place. */
export function progressOn(wanted: boolean): Progress {
  const isTerminal = process.stderr.isTTY === true;
  if (!isTerminal && !wanted) return { show: () => undefined, end: () => undefined };
  const every = isTerminal ? progressMs : progressLineMs;
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    show(text) {
      if (performance.now() - shownAt < every) return;
      shownAt = performance.now();
      process.stderr.write(isTerminal ? `\r\u001b[K${text()}` : `${text()}\n`);
    },
    end() {
      if (isTerminal) process.stderr.write('\r\u001b[K');
    },
  };
}

/** JSON of anything that is stored: big integers as decimal strings, bytes as base64, maps as lists of pairs. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) => {
    if (typeof held === 'bigint') return held.toString();
    if (held instanceof Map) return [...held];
    // Buffers arrive here already as `{type, data}`; the stored form has only plain Uint8Arrays.
    if (held instanceof Uint8Array) return Buffer.from(held).toString('base64');
    return held;
  });
}

/** `1,234,567` */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `3.2 MB`, in binary units. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
