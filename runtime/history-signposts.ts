/**
 * Where long walks along an actor's history have passed: the lowest position seen in every thousand of versions, kept in
 * memory, so that the next page of a long history begins near its own events and not at the newest ones.
 *
 * S1  A signpost (version, position) says that every event up to `version` lies below `position`, for ever: only durable
 *     entries are walked, and those never change.
 * S2  At most `signpostsMax` are kept; the actor that was asked for longest ago loses all of its own first. What is
 *     forgotten costs a walk, nothing else.
 */

const versionsApart = 1_000;
/** Some 5 MB of a shard, and the way through 50 million events. */
export const signpostsMaxDefault = 50_000;

interface Signpost {
  readonly version: number;
  readonly position: number;
}

export class HistorySignposts {
  readonly #signpostsMax: number;
  /** In the order of their last use; per actor by thousand of versions. */
  readonly #actors = new Map<string, Map<number, Signpost>>();
  #count = 0;

  constructor(signpostsMax = signpostsMaxDefault) {
    this.#signpostsMax = signpostsMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The lowest known position above which no event up to `version` lies; undefined: begin at the newest. */
  above(actor: string, version: number): number | undefined {
    const signposts = this.#used(actor);
    if (signposts === undefined) return undefined;
    const highest = Math.max(...signposts.keys());
    for (let thousand = Math.floor(version / versionsApart); thousand <= highest; thousand++) {
      const signpost = signposts.get(thousand);
      if (signpost !== undefined && signpost.version >= version) return signpost.position;
    }
    return undefined;
  }

  /** A walk has come to the entry at `position`, before which the actor was at `version`. */
  note(actor: string, version: number, position: number): void {
    const thousand = Math.floor(version / versionsApart);
    let signposts = this.#used(actor);
    if (signposts === undefined) {
      // Histories of an ordinary length need none.
      if (thousand === 0) return;
      signposts = new Map();
      this.#actors.set(actor, signposts);
    }
    const known = signposts.get(thousand);
    if (known !== undefined && known.version <= version) return;
    signposts.set(thousand, { version, position });
    if (known === undefined) this.#count++;
    this.#forget(actor);
  }

  #used(actor: string): Map<number, Signpost> | undefined {
    const signposts = this.#actors.get(actor);
    if (signposts === undefined) return undefined;
    this.#actors.delete(actor);
    this.#actors.set(actor, signposts);
    return signposts;
  }

  #forget(current: string): void {
    for (const [actor, signposts] of this.#actors) {
      if (this.#count <= this.#signpostsMax || actor === current) return;
      this.#actors.delete(actor);
      this.#count -= signposts.size;
    }
  }
}
