/** What an actor's code gives back at once, or not at all: plain JavaScript may be `async` where nobody waits for it. */

/**
 * The value itself. Throws on a promise, and keeps it from being rejected with nobody there, which would end the process
 * at every try without a word about whose code it was.
 */
export function synchronous<Value>(returned: Value): Value {
  if (returned instanceof Promise) {
    returned.catch(() => undefined);
    throw new TypeError('It returned a promise: what an actor does is not asynchronous.');
  }
  return returned;
}

/** The state after an event. Throws on none: a `return` was forgotten. */
export function evolved(state: unknown): unknown {
  if (state === undefined) throw new TypeError('It returned no state.');
  return synchronous(state);
}
