/**
 * What a running server used, read from outside: `/proc` for processor, memory and disk, `/metrics` for its own counts.
 */
import { readFileSync } from 'node:fs';
import type { HttpClient } from './http-client.js';

/** One reading; differences of two are what happened between them. */
export interface ServerReading {
  /** Processor seconds of the main thread (gateway) and of all other threads. */
  readonly mainThreadSeconds: number;
  readonly otherThreadsSeconds: number;
  /** All of the process, and what of it is not a page of a file: the store's own pages come and go with the page cache. */
  readonly residentBytes: number;
  readonly anonymousBytes: number;
  /**
   * Bytes handed to the kernel in write calls. LMDB writes whole pages, and sockets are not among them (uWS sends), but a
   * Redis client's are. Not `write_bytes`: where the page cache uses large folios that counts a whole folio for a page of
   * 4 KB, five times what reached the disk. The file system's own journal comes on top.
   */
  readonly writtenBytes: number;
  /** Sums over all labels of each counter and gauge. */
  readonly metrics: ReadonlyMap<string, number>;
}

/** Linux counts processor time in these units, whatever the kernel's own tick. */
const ticksPerSecond = 100;

/** `pid` absent: a server that somebody else started; only its metrics are read. */
export async function readServer(client: HttpClient, pid: number | undefined): Promise<ServerReading> {
  const threads = pid === undefined ? { main: 0, others: 0 } : threadSeconds(pid);
  return {
    mainThreadSeconds: threads.main,
    otherThreadsSeconds: threads.others,
    residentBytes: pid === undefined ? 0 : memoryBytes(pid, 'VmRSS'),
    anonymousBytes: pid === undefined ? 0 : memoryBytes(pid, 'RssAnon'),
    writtenBytes: pid === undefined ? 0 : writtenBytes(pid),
    metrics: await readMetrics(client),
  };
}

/** Sums over all labels of each metric; empty when the server does not answer. */
export async function readMetrics(client: HttpClient): Promise<ReadonlyMap<string, number>> {
  const reply = await client.ask({ method: 'GET', path: '/metrics' }, 5_000);
  return reply.type === 'answer' && reply.answer.status === 200 ? sumMetrics(reply.answer.body) : new Map();
}

/** Prometheus text → sum per metric name over its labels. */
export function sumMetrics(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z_:][\w:]*)(?:\{.*\})? (\S+)/.exec(line);
    if (match === null) continue;
    const value = Number(match[2]);
    if (Number.isFinite(value)) sums.set(match[1] as string, (sums.get(match[1] as string) ?? 0) + value);
  }
  return sums;
}

/** Processor seconds. The process's own sum counts threads that have ended since. */
export function threadSeconds(pid: number): { main: number; others: number } {
  const main = cpuSeconds(`/proc/${pid}/task/${pid}/stat`);
  return { main, others: cpuSeconds(`/proc/${pid}/stat`) - main };
}

function cpuSeconds(statFile: string): number {
  const stat = readFileSync(statFile, 'latin1');
  // The name in parentheses may hold spaces: fields are counted from behind it. utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function memoryBytes(pid: number, field: 'VmRSS' | 'RssAnon'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  );
  return match === null ? 0 : Number(match[1]) * 1024;
}

function writtenBytes(pid: number): number {
  const match = /^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'));
  return match === null ? 0 : Number(match[1]);
}

/** The child that a wrapper (strace) runs, or the process itself. */
export function workingPid(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const comm = readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  const first = children.split(' ')[0];
  return comm === 'strace' && first !== undefined && first !== '' ? Number(first) : pid;
}
