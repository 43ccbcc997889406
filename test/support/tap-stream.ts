/**
 * Reads the TAP text of one `tap run` line by line and counts its leaves.
 *
 * A leaf is a test point with no subtest of its own: an assertion, or a skipped or unfinished test. A point that
 * summarises a subtest is counted only when it failed although none of its leaves did (a timeout, a broken plan,
 * a process that ended badly), because otherwise that failure would be counted nowhere.
 *
 * I1 every failed point is counted at least once, so `failed` is 0 only when every point was ok.
 * I2 a subtest's lines are indented four spaces deeper than its summary; nothing else of the format is relied on.
 */

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export interface FileResult extends Tally {
  readonly name: string;
  readonly ok: boolean;
  readonly skipReason: string | undefined;
  readonly durationMs: number;
  /** The failed points with their path inside the file and their diagnostics, ready to print. */
  readonly failures: readonly Failure[];
  /** What the file printed itself, and comments of its own. */
  readonly output: readonly string[];
}

export interface Failure {
  readonly path: readonly string[];
  diagnostics: string[];
}

interface Point {
  readonly ok: boolean;
  readonly name: string;
  readonly directive: 'skip' | 'todo' | undefined;
  readonly reason: string;
  readonly durationMs: number;
}

interface Level extends Tally {
  failures: Failure[];
  hasPoints: boolean;
}

const pointPattern = /^(not )?ok\b(?: \d+)?(?: - )?(.*)$/;
const directivePattern = /(?:^|\s)# (skip|todo)\b:?\s*(.*)$/i;
const timePattern = /\s*# time=([\d.]+)(ms|s)?\s*(\{)?$/;
const structurePattern = /^(?:TAP version \d+|\d+\.\.\d+.*|# (?:Subtest|time=|\{ total).*|\}|\s*)$/;

/** One reader per run. `onFile` is called when a file's summary and its diagnostics have been read. */
export class TapStream {
  readonly #levels: Level[] = [];
  readonly #onFile: (result: FileResult) => void;
  #output: string[] = [];
  #diagnosticsIndent = -1;
  #openFailure: Failure | undefined;
  #pendingFile: FileResult | undefined;
  readonly total: Tally = { passed: 0, failed: 0, skipped: 0 };
  /** Set by a `Bail out!` line: tap stopped early. */
  bailedOut: string | undefined;

  constructor(onFile: (result: FileResult) => void) {
    this.#onFile = onFile;
  }

  line(raw: string): void {
    const indent = raw.length - raw.trimStart().length;
    const text = raw.trim();
    if (this.#diagnosticsIndent >= 0) {
      this.#diagnosticsLine(raw, indent, text);
      return;
    }
    if (text === '---' && indent % 4 === 2) {
      this.#diagnosticsIndent = indent;
      return;
    }
    this.#flushFile();
    this.#openFailure = undefined;
    if (text.startsWith('Bail out!')) this.bailedOut ??= text;
    const point = indent % 4 === 0 ? parsePoint(text) : undefined;
    if (point !== undefined) this.#point(indent / 4, point);
    else if (!structurePattern.test(text)) this.#output.push(raw);
  }

  end(): void {
    this.#diagnosticsIndent = -1;
    this.#flushFile();
  }

  #diagnosticsLine(raw: string, indent: number, text: string): void {
    if (text === '...' && indent === this.#diagnosticsIndent) this.#diagnosticsIndent = -1;
    else this.#openFailure?.diagnostics.push(raw.slice(this.#diagnosticsIndent));
  }

  #point(depth: number, point: Point): void {
    const inside = this.#closeBelow(depth);
    const level = this.#level(depth);
    level.hasPoints = true;
    addTo(level, inside);
    for (const failure of inside.failures)
      level.failures.push({ ...failure, path: [point.name, ...failure.path] });

    if (point.directive !== undefined) {
      if (!inside.hasPoints) level.skipped += 1;
    } else if (!point.ok && inside.failed === 0) {
      level.failed += 1;
      this.#openFailure = { path: [point.name], diagnostics: [] };
      level.failures.push(this.#openFailure);
    } else if (point.ok && !inside.hasPoints) level.passed += 1;

    if (depth === 0) this.#closeFile(level, point);
  }

  #closeFile(level: Level, point: Point): void {
    this.#levels.length = 0;
    addTo(this.total, level);
    this.#pendingFile = {
      name: point.name,
      ok: level.failed === 0 && (point.ok || point.directive !== undefined),
      skipReason: point.directive === undefined ? undefined : point.reason,
      durationMs: point.durationMs,
      passed: level.passed,
      failed: level.failed,
      skipped: level.skipped,
      failures: level.failures,
      output: this.#output,
    };
    this.#output = [];
  }

  #flushFile(): void {
    if (this.#pendingFile === undefined) return;
    const file = this.#pendingFile;
    this.#pendingFile = undefined;
    this.#onFile(file);
  }

  #level(depth: number): Level {
    while (this.#levels.length <= depth) this.#levels.push(emptyLevel());
    // The loop above has just made the entry.
    return this.#levels[depth]!;
  }

  /** Sums everything deeper than `depth` since the last point there: the leaves of the subtest now ending. */
  #closeBelow(depth: number): Level {
    const sum = emptyLevel();
    for (const level of this.#levels.splice(depth + 1)) {
      addTo(sum, level);
      sum.hasPoints ||= level.hasPoints;
      sum.failures.push(...level.failures);
    }
    return sum;
  }
}

function parsePoint(text: string): Point | undefined {
  const match = pointPattern.exec(text);
  if (match === null) return undefined;
  let rest = match[2] ?? '';
  const time = timePattern.exec(rest);
  if (time !== null) rest = rest.slice(0, time.index);
  const directive = directivePattern.exec(rest);
  if (directive !== null) rest = rest.slice(0, directive.index);
  return {
    ok: match[1] === undefined,
    name: rest.trim(),
    directive: directive === null ? undefined : directive[1]?.toLowerCase() === 'skip' ? 'skip' : 'todo',
    reason: directive?.[2]?.trim() ?? '',
    durationMs: time === null ? 0 : Number(time[1]) * (time[2] === 's' ? 1000 : 1),
  };
}

function emptyLevel(): Level {
  return { passed: 0, failed: 0, skipped: 0, failures: [], hasPoints: false };
}

function addTo(sum: Tally, part: Tally): void {
  sum.passed += part.passed;
  sum.failed += part.failed;
  sum.skipped += part.skipped;
}
