/**
 * Reads what strace wrote: which thread called what, and the order in which calls began and ended.
 *
 * The order of lines is the order in which strace saw them, and a traced thread goes on only after strace has seen it
 * stop. So when the end of call A stands before the beginning of call B, A had ended before B could do anything.
 */

export interface Syscall {
  readonly thread: number;
  readonly name: string;
  /** First argument when it is a descriptor, and what strace says it is: a path, or `socket:[…]`. */
  readonly descriptor: number | undefined;
  readonly target: string;
  /** Arguments and result as text, data included. */
  readonly text: string;
  /** Places in the order of all beginnings and ends. `endedAt` is infinite for a call that never ended. */
  readonly beganAt: number;
  readonly endedAt: number;
  readonly failed: boolean;
}

/** Arguments of strace that write a trace this file can read. The traced program follows. */
export function traceWrapper(file: string): readonly string[] {
  const calls =
    'fdatasync,fsync,msync,write,writev,pwrite64,pwritev,sendto,sendmsg,recvfrom,recvmsg,read,readv';
  // A seccomp filter stops only on these calls. -y names what a descriptor is; -s keeps whole pages.
  return [
    'strace',
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-y',
    '-s',
    '65536',
    '-e',
    `trace=${calls}`,
    '-o',
    file,
    '--',
  ];
}

const wholeCall = /^(\d+)\s+(\w+)\((.*)$/s;
const resumedCall = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)$/s;
const unfinishedMark = ' <unfinished ...>';
const firstDescriptor = /^(\d+)<([^>]*)>/;

type Open = { -readonly [K in keyof Syscall]: Syscall[K] };

export function parseTrace(trace: string): Syscall[] {
  const calls: Open[] = [];
  const unfinished = new Map<number, Open>();
  let place = 0;
  for (const line of trace.split('\n')) {
    const resumed = resumedCall.exec(line);
    if (resumed !== null) {
      const call = unfinished.get(Number(resumed[1]));
      if (call === undefined || call.name !== resumed[2]) continue;
      call.text += resumed[3];
      call.endedAt = place++;
      call.failed = hasFailed(call.text);
      unfinished.delete(call.thread);
      continue;
    }
    const whole = wholeCall.exec(line);
    if (whole === null) continue;
    const call = begun(Number(whole[1]), whole[2] as string, whole[3] as string, place++);
    calls.push(call);
    if (call.text.endsWith(unfinishedMark)) unfinished.set(call.thread, call);
    else {
      call.endedAt = place++;
      call.failed = hasFailed(call.text);
    }
  }
  return calls;
}

function begun(thread: number, name: string, text: string, beganAt: number): Open {
  const descriptor = firstDescriptor.exec(text);
  return {
    thread,
    name,
    descriptor: descriptor === null ? undefined : Number(descriptor[1]),
    target: descriptor?.[2] ?? '',
    text,
    beganAt,
    endedAt: Number.POSITIVE_INFINITY,
    failed: false,
  };
}

function hasFailed(text: string): boolean {
  return / = (?:-\d+|\?)(?: E[A-Z]+ \(.*\))?$/.test(text);
}
