/**
 * What travels: who calls (`Caller`), why (`Trail`), and what comes of it (`Outcome`).
 *
 * Every command, message between actors and journal entry carries a trail from the start, so that an audit, a trace or
 * a saga's history can be read off the journal alone.
 */

/** Who is behind a command. `internal` is true for messages between actors and timers, which no client can forge. */
export interface Caller {
  readonly principal: string;
  readonly roles: readonly string[];
  readonly internal: boolean;
}

/** Where a command comes from. `traceparent` is the W3C header or empty. */
export interface Trail {
  /** Shared by everything that follows from one outside command. */
  readonly correlationId: string;
  /** The command or event id that caused this one; empty for an outside command. */
  readonly causationId: string;
  readonly principal: string;
  readonly traceparent: string;
}

/** A domain "no". A value, never thrown; `detail` is shown to the caller. */
export interface Rejection<Code extends string = string> {
  readonly type: 'rejection';
  readonly code: Code;
  readonly detail: string;
}

/** Says no. Only codes declared in the actor's contract compile where a decision is expected. */
export function reject<const Code extends string>(code: Code, detail: string): Rejection<Code> {
  return { type: 'rejection', code, detail };
}

/** The recorded answer to a command id, as the caller of an actor sees it. */
export type Outcome =
  | { readonly type: 'reply'; readonly reply: unknown }
  | Rejection
  /** An operating error: the command had no effect. `code` is from the registry in `errors.ts`. */
  | { readonly type: 'failure'; readonly code: string; readonly detail: string };

/** Carries the type of a reply from what asks to whoever is answered. Never a value. */
export interface Answered<Reply> {
  readonly '~reply'?: Reply;
}

/** A command for another actor, made by `send`. `tag` asks for the outcome to come back as a reply to the sender. */
export interface MessageOrder {
  readonly kind: string;
  readonly id: string;
  readonly command: string;
  readonly payload: unknown;
  readonly tag?: string;
}

/** A timer to set or to cancel. Names are per actor; setting a name again replaces it. Fired as `command`, never early. */
export type TimerOrder =
  | {
      readonly type: 'set';
      readonly name: string;
      /** Unix ms. */
      readonly dueAt: number;
      readonly command: string;
      readonly payload: unknown;
    }
  | { readonly type: 'cancel'; readonly name: string }
  | ActivityTimer;

/**
 * Falls due when its activity has an outcome: the activity is begun once this decision is durable, and again after a
 * crash, until `command` has been run with what came of it: `{ tag: name, type, value, code, detail }`.
 */
export interface ActivityTimer {
  readonly type: 'perform';
  readonly name: string;
  readonly port: string;
  readonly activity: string;
  readonly input: unknown;
  /** Equal for every repeat. */
  readonly idempotencyKey: string;
  /** Time for the activity with all its attempts, from when it is begun. */
  readonly timeoutMs: number;
  readonly command: string;
}
