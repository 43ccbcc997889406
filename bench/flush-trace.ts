/**
 * Counts the flushes of a server from outside, with strace. Only the flush calls stop the traced threads (a seccomp
 * filter lets all others pass), so a run loses a few percent, not a factor.
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
    '-e',
    'trace=fdatasync,fsync,msync',
    '-o',
    file,
    '--',
  ];
}

/** Flushes that began between two wall-clock times (Unix ms). */
export function countFlushes(file: string, fromMs: number, toMs: number): number {
  let count = 0;
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const match = /^\d+\s+(\d+\.\d+) (?:fdatasync|fsync|msync)\(/.exec(line);
    if (match === null) continue;
    const atMs = Number(match[1]) * 1_000;
    if (atMs >= fromMs && atMs < toMs) count++;
  }
  return count;
}
