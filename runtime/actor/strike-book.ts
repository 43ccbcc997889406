/**
 * Strikes: how often an actor has failed so badly that trying it again costs others. At `strikesMax` it is parked.
 *
 * K1  Strikes count together while none comes later than `strikeMemoryMs` after the one before. No success wipes them
 *     out: a command that hangs once in ten would restart its process for ever.
 * K2  Those given from outside the shard, by whoever saw its thread end in an actor's code, come with the next start: the
 *     shard they were given in is gone. They name an actor by two hashes of its address, 64 bits, which is what a thread
 *     can note before each command at no cost.
 */

/** What names an actor where its address is not at hand (K2). */
export interface ActorHashes {
  readonly placement: number;
  readonly hash: number;
}

export interface Strikes {
  readonly count: number;
  /** Of the newest one, Unix ms. */
  readonly at: number;
}

export type StruckActor = ActorHashes & Strikes;

export const noStrikes: Strikes = { count: 0, at: 0 };

/** One more (K1). */
export function oneMore(strikes: Strikes, now: number, strikeMemoryMs: number): Strikes {
  return { count: isForgotten(strikes, now, strikeMemoryMs) ? 1 : strikes.count + 1, at: now };
}

export function isForgotten({ at }: Strikes, now: number, strikeMemoryMs: number): boolean {
  return now - at > strikeMemoryMs;
}

export class StrikeBook {
  readonly #byActor: Map<string, StruckActor>;

  constructor(struck: readonly StruckActor[]) {
    this.#byActor = new Map(struck.map((actor) => [strikeKey(actor), actor]));
  }

  /** An operator wants the actor tried again. */
  forget(actor: ActorHashes): void {
    this.#byActor.delete(strikeKey(actor));
  }

  /** The strikes that an actor has when it comes to life. */
  of(actor: ActorHashes, now: number, strikeMemoryMs: number): Strikes {
    if (this.#byActor.size === 0) return noStrikes;
    const strikes = this.#byActor.get(strikeKey(actor));
    return strikes === undefined || isForgotten(strikes, now, strikeMemoryMs) ? noStrikes : strikes;
  }
}

/** Hashes are compared as the unsigned numbers they are, whatever memory they were kept in. */
export function strikeKey({ placement, hash }: ActorHashes): string {
  return `${placement >>> 0}/${hash >>> 0}`;
}
