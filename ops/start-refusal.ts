/**
 * What stops a start until a person acts, told apart from what another attempt may cure.
 *
 * F1  A refusal carries a message for that person; a process that meets one ends with code 2 and is not started again.
 * F2  An error without a code is a mistake in the modules or in the program, which another attempt repeats. With a code
 *     it is a refusal when the code says that only a person can change it; a busy or failing disk is not.
 */
import type { Clock } from '../runtime/clock.js';

export interface StartRefusal {
  readonly code: 'start-refused';
  readonly message: string;
  readonly cause: unknown;
}

export function isStartRefusal(error: unknown): error is StartRefusal {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'start-refused';
}

/** A place that is taken may be left in a moment: a server whose parent was killed takes up to two seconds to stop. */
const placeWaitMs = 3_000;
const placeRetryMs = 100;

/** Rejects as a refusal whatever the promise rejects with. */
export async function orRefuse<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (cause) {
    throw refusal(cause);
  }
}

/** Tries again for a while when a place is taken. Rejects with a refusal where that is what it is (F2). */
export async function patiently<T>(clock: Clock, attempt: () => Promise<T>): Promise<T> {
  const until = clock.monotonic() + placeWaitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!takenCodes.has(codeOf(error)) || clock.monotonic() >= until) throw refusalOr(error);
      await pause(placeRetryMs);
    }
  }
}

/** The error as a refusal, or itself when another attempt may succeed (F2). */
export function refusalOr(error: unknown): unknown {
  if (isStartRefusal(error)) return error;
  const code = codeOf(error);
  return code === '' || takenCodes.has(code) || refusedCodes.has(code) ? refusal(error) : error;
}

function refusal(cause: unknown): StartRefusal {
  return { code: 'start-refused', message: cause instanceof Error ? cause.message : String(cause), cause };
}

const takenCodes: ReadonlySet<string> = new Set(['listen-failed', 'store-locked']);
const refusedCodes: ReadonlySet<string> = new Set([
  'store-incompatible',
  'store-address',
  'store-access',
  'store-unsafe',
  'store-went-back',
  'schema-changed',
  'schema-unknown',
  'saga-version-missing',
  'transport-unavailable',
  'journal-damaged',
  'journal-gap',
  'bytes-damaged',
]);

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function pause(milliseconds: number): Promise<void> {
  // Not the clock's timer: before the gateway listens nothing else may keep the process alive.
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
