/** Whether a process that left its pid somewhere is still that process, where the kernel tells (`/proc`). */
import { readFileSync, readlinkSync } from 'node:fs';
import { errorCode } from '../actors/model/error-code.js';

export const unknownStart = '-';

/** Of this process, as `isProcessAlive` takes it; `unknownStart` where the kernel does not tell. */
export function processStart(): string {
  return statOf(process.pid)?.start ?? unknownStart;
}

/** Pids mean something only within it; `-` where the kernel does not tell. */
export function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '-';
  }
}

/** Whether `start` was told since this machine booted: a pid of any other machine, or of before, cannot be looked for here. */
export function isOfThisBoot(start: string): boolean {
  return start !== unknownStart && bootOf(start) === bootOf(processStart());
}

function bootOf(start: string): string | undefined {
  return start.split(':', 1)[0];
}

/** `start` tells a pid that is used again from the one that was meant. A process that waits to be noticed dead is dead. */
export function isProcessAlive(pid: number, start: string | undefined): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if (errorCode(error) === 'ESRCH') return false;
  }
  const now = statOf(pid);
  if (now?.state === 'Z') return false;
  return start === undefined || start === unknownStart || now === undefined || now.start === start;
}

interface ProcessStat {
  /** One letter; `Z` has died and waits for its parent to notice. */
  readonly state: string | undefined;
  /** `BOOT:TICKS`: the boot's id, and the ticks since then at which it started. */
  readonly start: string;
}

/** Undefined where there is no such process, or no /proc. */
function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // From field 3 on; the name in field 2 may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { state: fields[0], start: `${bootId}:${fields[19]}` };
  } catch {
    // The pid alone decides.
    return undefined;
  }
}
