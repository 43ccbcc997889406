/**
 * The live timers of a partition in memory, in the order in which they fall due. Derived: the log and the timer table
 * hold the truth, and a reopened partition fills a queue anew.
 *
 * A heap of four children a node with each timer's place kept in it: setting a timer that is later than most (every
 * saga's) moves nothing, cancelling costs a few steps, and neither leaves anything behind. Buckets of a second would
 * cancel in one step, but would have to be sorted when they fall due and swept when they are emptied early.
 *
 * Q1  A key has at most one timer: setting it again replaces it.
 * Q2  Timers come out by due time, those of one time in the order in which they were set.
 */

export interface DueTimer<Timer> {
  readonly key: string;
  /** Unix ms. */
  readonly dueAt: number;
  readonly timer: Timer;
}

interface Node<Timer> {
  readonly key: string;
  dueAt: number;
  /** Rises with every set (Q2). */
  turn: number;
  place: number;
  timer: Timer;
}

const childrenPerNode = 4;

export class TimerQueue<Timer> {
  readonly #heap: Node<Timer>[] = [];
  readonly #byKey = new Map<string, Node<Timer>>();
  #turn = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Unix ms of the earliest timer; `Infinity` when there is none. */
  get nextDueAt(): number {
    return this.#heap[0]?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** What stands under `key`. */
  get(key: string): DueTimer<Timer> | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, dueAt: number, timer: Timer): void {
    const turn = this.#turn++;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.dueAt = dueAt;
      known.turn = turn;
      known.timer = timer;
      this.#settle(known);
      return;
    }
    const node: Node<Timer> = { key, dueAt, turn, place: this.#heap.length, timer };
    this.#byKey.set(key, node);
    this.#heap.push(node);
    this.#rise(node);
  }

  /** False when no timer stands under `key`. */
  cancel(key: string): boolean {
    const node = this.#byKey.get(key);
    if (node === undefined) return false;
    this.#remove(node);
    return true;
  }

  /** Takes out the timers due at `now`, at most `countMax`, earliest first. */
  takeDue(now: number, countMax: number): DueTimer<Timer>[] {
    const due: DueTimer<Timer>[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
      if (due.length >= countMax) break;
      this.#remove(first);
      due.push(first);
    }
    return due;
  }

  /**
   * The `countMax` earliest timers that `admits` lets through, in the order of due time and key; nothing is taken out.
   * A node's children are not earlier than it, so what lies below a node too late is not looked at.
   */
  earliest(countMax: number, admits: (timer: Timer, key: string) => boolean): DueTimer<Timer>[] {
    const found: Node<Timer>[] = [];
    const visit = (place: number): void => {
      const node = this.#heap[place];
      if (node === undefined) return;
      const latest = found.length < countMax ? undefined : found[countMax - 1];
      if (latest !== undefined && node.dueAt > latest.dueAt) return;
      if ((latest === undefined || isListedBefore(node, latest)) && admits(node.timer, node.key)) {
        const at = found.findIndex((other) => isListedBefore(node, other));
        found.splice(at < 0 ? found.length : at, 0, node);
        if (found.length > countMax) found.pop();
      }
      const first = place * childrenPerNode + 1;
      for (let child = first; child < first + childrenPerNode; child++) visit(child);
    };
    if (countMax > 0) visit(0);
    return found;
  }

  /** Every timer, in no order. */
  *values(): Iterable<Timer> {
    for (const { timer } of this.#heap) yield timer;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#byKey.clear();
  }

  #remove(node: Node<Timer>): void {
    this.#byKey.delete(node.key);
    // The heap holds `node`, so it has a last one.
    const last = this.#heap.pop() as Node<Timer>;
    if (last === node) return;
    this.#put(last, node.place);
    this.#settle(last);
  }

  #settle(node: Node<Timer>): void {
    const { place } = node;
    this.#rise(node);
    if (node.place === place) this.#sink(node);
  }

  #rise(node: Node<Timer>): void {
    let { place } = node;
    while (place > 0) {
      const parent = this.#heap[Math.floor((place - 1) / childrenPerNode)] as Node<Timer>;
      if (!isEarlier(node, parent)) break;
      const above = parent.place;
      this.#put(parent, place);
      place = above;
    }
    this.#put(node, place);
  }

  #sink(node: Node<Timer>): void {
    let { place } = node;
    for (;;) {
      const child = this.#earliestChild(place);
      if (child === undefined || !isEarlier(child, node)) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(node, place);
  }

  #earliestChild(place: number): Node<Timer> | undefined {
    const first = place * childrenPerNode + 1;
    let earliest = this.#heap[first];
    for (let index = first + 1; index < first + childrenPerNode && earliest !== undefined; index++) {
      const sibling = this.#heap[index];
      if (sibling === undefined) break;
      if (isEarlier(sibling, earliest)) earliest = sibling;
    }
    return earliest;
  }

  #put(node: Node<Timer>, place: number): void {
    node.place = place;
    this.#heap[place] = node;
  }
}

function isEarlier<Timer>(left: Node<Timer>, right: Node<Timer>): boolean {
  return left.dueAt < right.dueAt || (left.dueAt === right.dueAt && left.turn < right.turn);
}

function isListedBefore<Timer>(left: Node<Timer>, right: Node<Timer>): boolean {
  return left.dueAt < right.dueAt || (left.dueAt === right.dueAt && left.key < right.key);
}
