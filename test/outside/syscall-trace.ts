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
  /** What a call that opens a file has opened. */
  readonly opened: OpenedFile | undefined;
}

export interface OpenedFile {
  readonly descriptor: number;
  readonly target: string;
  /** Opened with O_DSYNC or O_SYNC: a write to this descriptor, not to others of the same file, returns when its bytes are on the disk. */
  readonly isSynchronous: boolean;
}

/** Arguments of strace that write a trace this file can read. The traced program follows. */
export function traceWrapper(file: string): readonly string[] {
  const calls =
    'open,openat,fdatasync,fsync,msync,write,writev,pwrite64,pwritev,sendto,sendmsg,recvfrom,recvmsg,read,readv';
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
const openingCall = /^open(?:at)?$/;
/** The end of its text: the flags, the mode where one is given, the new descriptor. */
const openingResult = /, (O_\w+(?:\|\w+)*)(?:, 0\d*)?\) = (\d+)<([^>]*)>$/;
const synchronousFlag = /\bO_D?SYNC\b/;

type Begun = { -readonly [K in keyof Syscall]: Syscall[K] };

export function parseTrace(trace: string): Syscall[] {
  const calls: Begun[] = [];
  const unfinished = new Map<number, Begun>();
  let place = 0;
  for (const line of trace.split('\n')) {
    const resumed = resumedCall.exec(line);
    if (resumed !== null) {
      const call = unfinished.get(Number(resumed[1]));
      if (call === undefined || call.name !== resumed[2]) continue;
      call.text = call.text.slice(0, -unfinishedMark.length) + resumed[3];
      end(call, place++);
      unfinished.delete(call.thread);
      continue;
    }
    const whole = wholeCall.exec(line);
    if (whole === null) continue;
    const call = begun(Number(whole[1]), whole[2] as string, whole[3] as string, place++);
    calls.push(call);
    if (call.text.endsWith(unfinishedMark)) unfinished.set(call.thread, call);
    else end(call, place++);
  }
  return calls;
}

function begun(thread: number, name: string, text: string, beganAt: number): Begun {
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
    opened: undefined,
  };
}

function end(call: Begun, endedAt: number): void {
  call.endedAt = endedAt;
  call.failed = hasFailed(call.text);
  if (openingCall.test(call.name)) call.opened = openedFile(call.text);
}

function openedFile(text: string): OpenedFile | undefined {
  const [, flags, descriptor, target] = openingResult.exec(text) ?? [];
  if (flags === undefined || target === undefined) return undefined;
  return { descriptor: Number(descriptor), target, isSynchronous: synchronousFlag.test(flags) };
}

function hasFailed(text: string): boolean {
  return / = (?:-\d+|\?)(?: E[A-Z]+ \(.*\))?$/.test(text);
}
