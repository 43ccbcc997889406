/** Where a command comes from, and what ties what it does to that. */
import type { Caller, Trail } from '../actors/model/message.js';
import {
  type Cause,
  causeCommand,
  type StoredLetter,
  type StoredTimer,
  type StoredTrail,
} from './commit/record.js';
import type { MessageItem } from './link/link-protocol.js';

/** Where a command comes from and where its outcome goes. */
export interface Origin {
  readonly cause: Cause;
  /** Not before this, Unix ms: the time on the message; 0 for outside commands. */
  readonly time: number;
  readonly caller: Caller;
  readonly trail: StoredTrail;
  readonly commandId: string;
  /** The outcome must be recorded even when it is a rejection: the command carried a key, or is a message or timer. */
  readonly mustRecord: boolean;
  /** A message that nobody waits for an answer to: refused, it becomes a dead letter. */
  readonly letter?: MessageItem | undefined;
  /** The dead letter that this runs again: accepted, it is gone; refused, nothing is recorded. */
  readonly takes?: StoredLetter | undefined;
  /** A reply, as the timer that gives it again: the actor that broke or is parked gets it once it was mended. */
  readonly kept?: ((dueAt: number) => StoredTimer | undefined) | undefined;
  /** The actor that asked by a tagged message. */
  readonly replyTo?: { readonly kindSchemaId: number; readonly id: string; readonly tag: string } | undefined;
}

/** What ties a report to the command and the trace that it is about. */
export function traceOf(origin: Origin | undefined): Readonly<Record<string, string>> {
  if (origin === undefined) return {};
  const traceparent = origin.trail[3];
  const { commandId: command_id } = origin;
  return traceparent === 0 ? { command_id } : { command_id, traceparent };
}

export function trailOf(origin: Origin): Trail {
  const [correlationId, causationId, principal, traceparent] = origin.trail;
  return {
    correlationId: correlationId === 0 ? origin.commandId : correlationId,
    causationId: causationId === 0 ? '' : causationId,
    principal,
    traceparent: traceparent === 0 ? '' : traceparent,
  };
}

/** The origin of a rejected command from outside with the command in it: its outcome will not say which one it was. */
export function naming(origin: Origin, schemaId: number): Origin {
  const { cause } = origin;
  if (cause[0] !== causeCommand) return origin;
  return { ...origin, cause: [causeCommand, cause[1], cause[2], schemaId] };
}
