/**
 * The output gate, judged from outside: no byte of a reply leaves before a flush that covers its command.
 *
 *     recv (request) ──> write (entry with the command) ──> flush begins ──> flush ends ──> first byte of the reply
 *
 * O1  The entry is written to a file after the request was received.
 * O2  A flush of that file begins after that write ended, and succeeds.
 * O3  That flush ends before the first send on the request's socket begins.
 */
import type { Syscall } from './syscall-trace.js';

/** How a command is recognised in the trace. */
export interface TracedCommand {
  /** A text of the request that no other request holds. */
  readonly requestMark: string;
  /** A text of the journal entry that no other entry holds. */
  readonly entryMark: string;
}

const receives = new Set(['recvfrom', 'recvmsg', 'read', 'readv']);
const sends = new Set(['sendto', 'sendmsg', 'write', 'writev']);
const writes = new Set(['write', 'writev', 'pwrite64', 'pwritev']);
const flushes = new Set(['fdatasync', 'fsync']);

/** What is wrong, in words; empty when every command kept the order. */
export function findOrderViolations(calls: readonly Syscall[], commands: readonly TracedCommand[]): string[] {
  return commands.flatMap((command) => {
    const wrong = violationOf(calls, command);
    return wrong === undefined ? [] : [`${command.requestMark}: ${wrong}`];
  });
}

function violationOf(
  calls: readonly Syscall[],
  { requestMark, entryMark }: TracedCommand,
): string | undefined {
  const request = calls.find(
    (call) => receives.has(call.name) && isSocket(call) && call.text.includes(requestMark),
  );
  if (request === undefined) return 'the trace holds no such request';
  const reply = calls.find(
    (call) =>
      sends.has(call.name) &&
      call.descriptor === request.descriptor &&
      isSocket(call) &&
      call.beganAt > request.endedAt,
  );
  if (reply === undefined) return 'the trace holds no reply';
  const entries = calls.filter(
    (call) =>
      writes.has(call.name) &&
      isFile(call) &&
      call.beganAt > request.endedAt &&
      call.text.includes(entryMark),
  );
  const [entry] = entries;
  if (entry === undefined || entry.endedAt > reply.beganAt)
    return 'its entry was not written before the reply';
  const covering = calls.filter(
    (call) =>
      flushes.has(call.name) && !call.failed && call.target === entry.target && call.beganAt > entry.endedAt,
  );
  if (covering.length === 0) return 'no flush of the journal began after its entry was written';
  const inTime = covering.some((call) => call.endedAt < reply.beganAt);
  return inTime
    ? undefined
    : 'the first byte of the reply was sent before a flush that covers its entry had ended';
}

function isSocket({ target }: Syscall): boolean {
  return target.startsWith('socket:') || target.startsWith('TCP');
}

function isFile({ target }: Syscall): boolean {
  return target.startsWith('/');
}
