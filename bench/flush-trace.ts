/**
 * Counts the flushes of a server from outside, with strace. Only the calls below stop the traced threads (a seccomp filter
 * lets all others pass), so a run loses some percent, not a factor.
 *
 * A flush is a call of fdatasync, fsync or msync, or a write of the embedded store into a write-ahead file that was opened
 * with O_DSYNC: it returns when its bytes are on the disk. LMDB's synchronous write of its meta page after each of its
 * flushes is not counted.
 */
import { readFileSync } from 'node:fs';

/** The program and arguments that run a server under the trace. */
export function flushTraceWrapper(file: string): readonly string[] {
  return [
    'strace',
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-ttt',
    // Names what a descriptor is; nothing of what is written.
    '-y',
    '-s',
    '0',
    '-e',
    'trace=fdatasync,fsync,msync,pwritev,open,openat',
    '-o',
    file,
    '--',
  ];
}

const flush = /^\d+\s+(\d+\.\d+) (?:fdatasync|fsync|msync)\(/;
/** By the end of the path: a data directory may be named relative to somewhere. */
const synchronousOpening = /^\d+\s+\d+\.\d+ open(?:at)?\(.*\/(ahead\/[^/"]+)", [A-Z_|]*\bO_D?SYNC\b/;
const aheadWrite = /^\d+\s+(\d+\.\d+) pwritev\(\d+<[^>]*\/(ahead\/[^/>]+)>/;

/** Flushes that began between two wall-clock times (Unix ms). */
export function countFlushes(file: string, fromMs: number, toMs: number): number {
  const synchronous = new Set<string>();
  let count = 0;
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const opening = synchronousOpening.exec(line);
    if (opening !== null) synchronous.add(opening[1] as string);
    const match = flush.exec(line) ?? aheadWrite.exec(line);
    if (match === null) continue;
    const [, seconds, name] = match;
    if (name !== undefined && !synchronous.has(name)) continue;
    const atMs = Number(seconds) * 1_000;
    if (atMs >= fromMs && atMs < toMs) count++;
  }
  return count;
}
