/**
 * What an error of a command leaves behind: nothing (it was refused before it ran), or in doubt.
 */
import { OperatingError } from '../../actors/model/errors.js';
import { StoreFailure } from '../store-failure.js';

/**
 * Codes with which Redis refuses a command before running it. A Function is refused with them before its first write:
 * memory, disk, replicas and role are looked at when it starts, and once it has written it is let through to its end.
 */
const refusals: ReadonlySet<string> = new Set([
  'LOADING',
  'READONLY',
  'MISCONF',
  'OOM',
  'NOREPLICAS',
  'BUSY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'MOVED',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
]);
const libraryGone = 'ERR Function not found';

export type CommandFault =
  /** It never left, or Redis said that it did not run it: nothing has happened. */
  | { readonly type: 'refused'; readonly detail: string }
  /** In or out. */
  | { readonly type: 'unknown' };

export function faultOf(error: unknown): CommandFault {
  const message = replyOf(error);
  if (message === undefined) return { type: 'unknown' };
  const code = message.split(' ', 1)[0] as string;
  return refusals.has(code) || message.startsWith(libraryGone)
    ? { type: 'refused', detail: shown(message) }
    : { type: 'unknown' };
}

/** True when the connection should be made anew: what it found at its beginning no longer holds. */
export function needsNewConnection(error: unknown): boolean {
  const message = replyOf(error);
  return message !== undefined && /^(ERR Function not found|NOAUTH|READONLY)/.test(message);
}

/** True when Redis does not know us or does not let us: another attempt says the same. */
function isAccessRefusal(error: unknown): boolean {
  return /^(NOAUTH|WRONGPASS|NOPERM)|^ERR (AUTH|invalid password|Client sent AUTH)/.test(
    replyOf(error) ?? '',
  );
}

/** As `StoreFailure` `store-access` when that is what the error says; otherwise the error itself. */
export function accessFailure(error: unknown, shown: string): unknown {
  if (!isAccessRefusal(error)) return error;
  const why = (error as Error).message;
  return new StoreFailure('store-access', `Redis at ${shown} does not let us in: ${why}`, { cause: error });
}

/** The error of a read that found no server. */
export function storageUnavailable(error: unknown): unknown {
  if (
    error instanceof OperatingError ||
    (error instanceof StoreFailure && error.code !== 'store-unreachable')
  )
    return error;
  const message = replyOf(error) ?? (error instanceof Error ? error.message : String(error));
  return new OperatingError('storage-unavailable', `Redis: ${shown(message)}`, { cause: error });
}

/** The text of an error that Redis answered; undefined for every other one. */
function replyOf(error: unknown): string | undefined {
  return error instanceof Error && error.name === 'ReplyError' ? error.message : undefined;
}

/** Redis repeats the beginning of arguments in some errors: keep what says why. */
function shown(message: string): string {
  return message.split(/, with args|script: /, 1)[0]?.slice(0, 200) ?? '';
}
