/**
 * What a check found wrong: all are counted, the first few are kept in words.
 */
const keptMax = 20;

export class Violations {
  readonly first: string[] = [];
  count = 0;

  add(says: string): void {
    this.count++;
    if (this.first.length < keptMax) this.first.push(says);
  }

  /** Adds one when the two differ. */
  compare(what: string, found: unknown, expected: unknown): void {
    if (found !== expected) this.add(`${what}: found ${String(found)}, expected ${String(expected)}`);
  }
}
