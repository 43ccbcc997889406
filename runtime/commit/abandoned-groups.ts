/**
 * Groups of a domain that was reset: what waits for them gets a definite answer as far as there is one.
 *
 * B1  A group that was in flight is looked for in the log. Once the epoch is raised, what is not in the log never will be.
 * B2  A group that was never sent is refused.
 */
import type { Journal } from '../../persistence/journal.js';
import { answerFailure, type LinkAnswer } from '../link/link-protocol.js';
import { lookFor } from './committer.js';
import type { Group } from './group.js';

export const refusedDetail = 'The store refused; nothing of the call was done.';
const openDetail = 'Another owner took over before the store answered.';

export interface GroupFates {
  answer(answer: LinkAnswer): void;
  /** Lets out what waited for a durable group. */
  release(group: Group): void;
}

export class AbandonedGroups {
  readonly #journal: Journal;
  readonly #fates: GroupFates;

  constructor(journal: Journal, fates: GroupFates) {
    this.#journal = journal;
    this.#fates = fates;
  }

  /** After the epoch was raised. Takes out of `inFlight` what is settled; throws when one cannot be looked for. */
  async settle(inFlight: Group[]): Promise<void> {
    for (let group = inFlight[0]; group !== undefined; group = inFlight[0]) {
      const found = await lookFor(this.#journal, group);
      if (found === 'unreachable') throw new Error('a group in flight could not be looked for');
      inFlight.shift();
      // The epoch is raised: what is not in the log now never will be.
      if (found === 'present') this.#fates.release(group);
      else this.refuse(group);
    }
  }

  /** Another owner has raised the epoch: what cannot be looked for stays open. */
  async settleForGood(inFlight: readonly Group[]): Promise<void> {
    for (const group of inFlight) {
      const found = await lookFor(this.#journal, group);
      if (found === 'present') this.#fates.release(group);
      else if (found === 'absent') this.refuse(group);
      else this.#end(group, 'outcome-unknown', openDetail);
    }
  }

  /** What was on its way may still arrive: nobody has raised the epoch. */
  leaveOpen(inFlight: readonly Group[]): void {
    for (const group of inFlight) this.#end(group, 'outcome-unknown', openDetail);
  }

  refuse(group: Group): void {
    this.#end(group, 'storage-unavailable', refusedDetail);
  }

  #end(group: Group, code: string, detail: string): void {
    for (const [requestId] of group.gate) this.#fates.answer([requestId, answerFailure, code, detail, false]);
    for (const { refuse } of group.afterDurable) refuse();
  }
}
