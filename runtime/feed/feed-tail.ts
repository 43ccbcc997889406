/**
 * How far every partition is durable, as the shards say it, and the newest entries while somebody follows them.
 *
 * One question a shard is under way while there are followers, and the next goes out with the answer: the shard never
 * sends more than was asked for, so nothing piles up on the way.
 *
 * T1  `durable` never says more than a shard has said, and never goes back.
 * T2  What a shard says becomes visible in one step: whoever finds nothing new and then waits is woken by the next.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { CancelTimer, Clock } from '../clock.js';
import { itemTail, type TailAnswer, type TailItem } from '../link/link-protocol.js';
import { OpenedEntry } from './opened-entry.js';
import { RecentEntries } from './recent-entries.js';

/** A partition that says nothing for so long counts as not there (design §7). */
export const partitionAnswerMs = 2_000;
/** A shard that has nothing new says so after this long, and is asked again. */
const tailWaitMs = 1_000;
const retryMs = 100;
/**
 * Between two questions that were answered: under load a shard has something new a thousand times a second, and every
 * follower would look each time. What comes after a silence is not held up.
 */
const askEveryMs = 5;

export interface TailLink {
  send(item: TailItem): void;
  flush(): void;
}

interface Question {
  readonly answered: (answer: TailAnswer | undefined) => void;
  readonly cancelTimer: CancelTimer;
}

export class FeedTail {
  readonly #links: readonly TailLink[];
  readonly #clock: Clock;
  readonly #durable: number[];
  readonly #recent: RecentEntries;
  readonly #questions = new Map<number, Question>();
  readonly #listeners = new Set<() => void>();
  /** Per shard: its loop of questions goes on. */
  readonly #isAsking: boolean[];
  #nextRequestId = 1;
  #followerCount = 0;
  #isStopped = false;

  constructor(options: {
    /** By shard. */
    readonly links: readonly TailLink[];
    readonly partitionCount: number;
    readonly recentBytesMax: number;
    readonly clock: Clock;
  }) {
    this.#links = options.links;
    this.#clock = options.clock;
    this.#durable = new Array<number>(options.partitionCount).fill(0);
    this.#recent = new RecentEntries(options.partitionCount, options.recentBytesMax);
    this.#isAsking = options.links.map(() => false);
  }

  get partitionCount(): number {
    return this.#durable.length;
  }

  /** By partition: the position up to which its log is known to be durable. */
  get durable(): readonly number[] {
    return this.#durable;
  }

  get recentBytes(): number {
    return this.#recent.byteCount;
  }

  /** An entry that is still in memory. */
  recent(partition: number, position: number): OpenedEntry | undefined {
    return this.#recent.find(partition, position);
  }

  /**
   * Where every partition's log ends now: everything that was answered before is in it. Rejects with
   * `partition-silent` when a shard does not answer in time.
   */
  async heads(): Promise<readonly number[]> {
    const answers = await Promise.all(this.#links.map((_, shard) => this.#headsOf(shard)));
    const heads = new Array<number>(this.partitionCount).fill(0);
    for (const answer of answers) forEachHead(answer, (partition, head) => (heads[partition] = head));
    return heads;
  }

  /** Keeps `durable` and the newest entries up to date until the function that it returns is called. */
  follow(): () => void {
    this.#followerCount++;
    for (let shard = 0; shard < this.#links.length; shard++) this.#startAsking(shard);
    let isFollowing = true;
    return () => {
      if (!isFollowing) return;
      isFollowing = false;
      this.#followerCount--;
      if (this.#followerCount === 0) this.#recent.clear();
    };
  }

  /** Calls whenever `durable` has changed, and when the tail was stopped, until the function that it returns is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive(answer: TailAnswer): void {
    this.#settle(answer[0], answer);
  }

  /** No more questions; those under way end without an answer. */
  stop(): void {
    this.#isStopped = true;
    for (const requestId of [...this.#questions.keys()]) this.#settle(requestId, undefined);
    this.#wake();
  }

  async #headsOf(shard: number): Promise<TailAnswer> {
    const until = this.#clock.monotonic() + partitionAnswerMs;
    for (;;) {
      const answer = await this.#ask(shard, -1, until - this.#clock.monotonic());
      // A shard that is opening its partitions has none to speak of.
      if (answer !== undefined && answer[2].length > 0) {
        this.#advance(answer);
        return answer;
      }
      if (this.#isStopped) throw new OperatingError('shutting-down', 'The node is stopping.');
      if (this.#clock.monotonic() + retryMs >= until) {
        throw new OperatingError('partition-silent', `The partitions of shard ${shard} do not answer.`);
      }
      await this.#pause(retryMs);
    }
  }

  #startAsking(shard: number): void {
    if (this.#isAsking[shard] === true) return;
    this.#isAsking[shard] = true;
    void this.#keepAsking(shard);
  }

  async #keepAsking(shard: number): Promise<void> {
    while (this.#followerCount > 0 && !this.#isStopped) {
      const askedAt = this.#clock.monotonic();
      const answer = await this.#ask(shard, tailWaitMs, tailWaitMs + partitionAnswerMs);
      const isAnswered = answer !== undefined && answer[2].length > 0;
      if (isAnswered) this.#advance(answer);
      const restMs = askedAt + (isAnswered ? askEveryMs : retryMs) - this.#clock.monotonic();
      if (restMs > 0 && !this.#isStopped) await this.#pause(restMs);
    }
    this.#isAsking[shard] = false;
    // Somebody began to follow after the last look.
    if (this.#followerCount > 0 && !this.#isStopped) this.#startAsking(shard);
  }

  /** The answer, or undefined when there is none in time. */
  #ask(shard: number, waitMs: number, deadlineMs: number): Promise<TailAnswer | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined);
    const requestId = this.#nextRequestId++;
    const link = this.#links[shard] as TailLink;
    link.send([itemTail, requestId, waitMs]);
    this.#clock.defer(() => link.flush());
    return new Promise((answered) => {
      const cancelTimer = this.#clock.after(deadlineMs, () => this.#settle(requestId, undefined));
      this.#questions.set(requestId, { answered, cancelTimer });
    });
  }

  #settle(requestId: number, answer: TailAnswer | undefined): void {
    const question = this.#questions.get(requestId);
    this.#questions.delete(requestId);
    question?.cancelTimer();
    question?.answered(answer);
  }

  #advance(answer: TailAnswer): void {
    let isNew = false;
    if (this.#followerCount > 0) for (const [, bytes] of answer[3]) this.#recent.keep(new OpenedEntry(bytes));
    forEachHead(answer, (partition, head) => {
      if (head <= (this.#durable[partition] ?? 0)) return;
      this.#durable[partition] = head;
      isNew = true;
    });
    if (isNew) this.#wake();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}

function forEachHead(answer: TailAnswer, visit: (partition: number, head: number) => void): void {
  const heads = answer[2];
  for (let index = 0; index < heads.length; index += 2)
    visit(heads[index] as number, heads[index + 1] as number);
}
