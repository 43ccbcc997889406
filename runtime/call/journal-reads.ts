/**
 * Calls that are answered from the journal rather than from the state: pages of history, and the state as it was.
 *
 * J1  A read begins once everything that the call has looked at is durable, and goes no further: what the actor has done since may
 *     not be durable yet.
 * J2  What runs an actor's code, and every answer, is part of a turn of the shard.
 */
import { isOperatingError } from '../../actors/model/errors.js';
import type { Activation } from '../actor/activation.js';
import { failureOutcome, type StoredOutcome } from '../commit/outcome.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import type { Executor } from '../execution.js';
import { foldedAt, historyPage, wholeHistory } from '../history-page.js';
import { HistorySignposts } from '../history-signposts.js';
import type { QueryEntry } from '../kind-table.js';
import { answerHistory, type HistoryItem, type LinkAnswer, type QueryItem } from '../link/link-protocol.js';
import { callerOf, resetOutcome, toAnswer, tooLateOutcome } from './call-answers.js';
import { ReadQueue } from './read-queue.js';

export interface JournalReadsHost {
  /** Gives an answer out once that group is durable. */
  answer(answer: LinkAnswer, group: number): void;
  /** Runs one of the two, as a turn of the shard: `run` once the group is durable, `refuse` when it never will be. */
  whenDurable(group: number, run: () => void, refuse: () => void): void;
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
}

export interface ReadTerms {
  /** What the call has looked at. */
  readonly group: number;
  /** Monotonic ms. */
  readonly deadlineAt: number;
}

export class JournalReads {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #entries: EntrySource;
  readonly #host: JournalReadsHost;
  readonly #signposts = new HistorySignposts();
  readonly #queue: ReadQueue;

  constructor(domain: Domain, executor: Executor, entries: EntrySource, host: JournalReadsHost) {
    this.#domain = domain;
    this.#executor = executor;
    this.#entries = entries;
    this.#host = host;
    this.#queue = new ReadQueue(domain.clock, domain.limits.journalReadsMax);
  }

  /** Reads that wait or are under way. */
  get count(): number {
    return this.#queue.count;
  }

  /** Answers a query with the actor folded up to a version or a time. `group` is what the call has looked at. */
  past(
    activation: Activation,
    query: QueryEntry,
    item: QueryItem,
    at: readonly [0 | 1, number],
    { group, deadlineAt }: ReadTerms,
  ): void {
    const end = { activation, newest: activation.lastPosition };
    this.#read(item[1], { group, deadlineAt }, async () => {
      const history = await wholeHistory(this.#domain, this.#entries, end, { deadlineAt });
      return () => {
        const past = foldedAt(this.#domain, activation, history, at);
        const outcome = this.#executor.query(past, query, item[5], callerOf(item));
        return toAnswer(item[1], outcome, past.version, false);
      };
    });
  }

  /** The domain was reset: what has not begun is refused. */
  reset(): void {
    this.#queue.reset();
  }

  page(activation: Activation, item: HistoryItem, terms: ReadTerms): void {
    const source = { entries: this.#entries, signposts: this.#signposts };
    const end = { activation, newest: activation.lastPosition };
    this.#read(item[1], terms, async () => {
      const page = await historyPage(this.#domain, source, end, {
        isBackward: item[8],
        fromVersion: item[9],
        limit: item[10],
        deadlineAt: terms.deadlineAt,
      });
      return () => [item[1], answerHistory, page.events, page.next];
    });
  }

  /** What the reading resolves to makes the answer (J2). */
  #read(requestId: number, { group, deadlineAt }: ReadTerms, read: () => Promise<() => LinkAnswer>): void {
    const failed = (cause: unknown) => toAnswer(requestId, this.failure(cause), 0, false);
    const refused = (outcome: StoredOutcome) => this.#host.answer(toAnswer(requestId, outcome, 0, false), 0);
    const forget = () => refused(resetOutcome);
    const begin = (done: () => void) => {
      const end = (make: () => LinkAnswer) =>
        this.#host.turn(() => {
          done();
          this.#host.answer(orElse(make, failed), 0);
        });
      read().then(end, (cause: unknown) => end(() => failed(cause)));
    };
    this.#host.whenDurable(
      group,
      () => this.#queue.add({ deadlineAt, begin, expire: () => refused(tooLateOutcome), forget }),
      forget,
    );
  }

  /** The outcome of a call for which the journal could not be read; reported. */
  failure(cause: unknown): StoredOutcome {
    const code = isOperatingError(cause) ? cause.code : 'internal';
    this.#domain.report('error', 'call-failed', {
      code,
      message: cause instanceof Error ? cause.message : 'not an Error',
    });
    return failureOutcome(code, 'The journal could not be read.');
  }
}

function orElse<T>(make: () => T, failed: (cause: unknown) => T): T {
  try {
    return make();
  } catch (cause) {
    return failed(cause);
  }
}
