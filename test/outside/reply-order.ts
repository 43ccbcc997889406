/**
 * The output gate, judged from outside: no byte of a reply leaves before the entry of its command is on the disk.
 *
 *     recv (request) ──> write (entry with the command) ──> flush begins ──> flush ends ──> first byte of the reply
 *     recv (request) ──> write begins (entry, synchronous) ──> write ends ────────────────> first byte of the reply
 *
 * O1  The entry is written to a file, and its write begins after the request was received.
 * O2  That write covers it, where it succeeds on a descriptor that was opened with O_DSYNC or O_SYNC; or else a flush of that file
 *     does, which begins after the write ended, and succeeds.
 * O3  What covers it ends before the first send on the request's socket begins.
 *
 * An entry may be written several times; one write that keeps these rules is enough.
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
      !call.failed &&
      call.beganAt > request.endedAt &&
      call.text.includes(entryMark),
  );
  if (entries.every((entry) => entry.endedAt > reply.beganAt))
    return 'its entry was not written before the reply';
  const covered = entries.map((entry) => coveredAt(calls, entry));
  if (covered.every((place) => place === Infinity))
    return 'its entry was not written synchronously, and no flush of its file began after it was written';
  return covered.some((place) => place < reply.beganAt)
    ? undefined
    : 'the first byte of the reply was sent before its entry was flushed, or written synchronously';
}

/** The end of the first call that covers what this write wrote (O2); infinite when there is none. */
function coveredAt(calls: readonly Syscall[], entry: Syscall): number {
  if (isSynchronous(calls, entry)) return entry.endedAt;
  const covering = calls.filter(
    (call) =>
      flushes.has(call.name) && !call.failed && call.target === entry.target && call.beganAt > entry.endedAt,
  );
  return Math.min(...covering.map((call) => call.endedAt));
}

/**
 * By the newest opening that gave this descriptor. The file alone says nothing: LMDB has its file open both ways. Of which process a
 * thread is the trace does not say; only one process opens the files of a store.
 */
function isSynchronous(calls: readonly Syscall[], { descriptor, target, beganAt }: Syscall): boolean {
  const opening = calls.findLast(
    ({ opened, endedAt }) =>
      opened?.descriptor === descriptor && opened?.target === target && endedAt < beganAt,
  );
  return opening?.opened?.isSynchronous === true;
}

function isSocket({ target }: Syscall): boolean {
  return target.startsWith('socket:') || target.startsWith('TCP');
}

function isFile({ target }: Syscall): boolean {
  return target.startsWith('/');
}
