/**
 * How the gateway, the command line and in-process users ask actors: one call, one answer.
 *
 * C1  Every submitted call is answered exactly once, no later than its deadline.
 * C2  An answer is given out only after everything it was computed from is durable.
 */
import type { ActorCall } from '../actors/model/call.js';
import type { Caller } from '../actors/model/message.js';

export interface ActorRequest {
  readonly call: ActorCall;
  readonly caller: Caller;
  /** 22 characters, hash of (principal, route, key) when the client sent a key, else fresh and unique. */
  readonly commandId: string;
  /** Present when the client sent an Idempotency-Key: HMAC of the body, 22 characters. Turns deduplication on. */
  readonly fingerprint?: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
  /** `If-Match`: the actor must be at this version, else failure `version-conflict`. */
  readonly expectedVersion?: number;
  /** Of the request as it came, for the bound on what waits. Default 1,024. */
  readonly bytes?: number;
  /** Default 10,000 (decision D22); a call's own wait comes on top, and a little for its way. */
  readonly deadlineMs?: number;
}

export type ActorAnswer =
  | {
      readonly type: 'reply';
      readonly reply: unknown;
      /** The actor's version after the command, or as read. */
      readonly version: number;
      /** True when this is the recorded answer to an earlier command with the same id. */
      readonly replayed: boolean;
    }
  | {
      readonly type: 'rejection';
      readonly code: string;
      readonly detail: string;
      /** HTTP status that the contract declares for the code. */
      readonly status: number;
      readonly replayed: boolean;
    }
  /** Operating: nothing happened, except under `outcome-unknown`. Codes and statuses: `errors.ts` of the model. */
  | {
      readonly type: 'failure';
      readonly code: string;
      readonly detail: string;
      readonly retryAfterSeconds?: number;
    };

export interface ActorClient {
  /** `answered` runs exactly once, never before `submit` returned. Throws only on a programmer's error (unknown kind). */
  submit(request: ActorRequest, answered: (answer: ActorAnswer) => void): void;
}
