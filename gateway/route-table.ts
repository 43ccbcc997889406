/**
 * Paths to what stands behind them: a tree of segments, built once.
 *
 * H1  A literal segment wins over a parameter at the same place, and is never tried as one.
 * H2  Two entries for one method and pattern are a programmer's error and stop the start.
 */

export interface TableMatch<Entry> {
  /** By method; `methods` lists them for `Allow`. */
  readonly byMethod: ReadonlyMap<string, Entry>;
  /** The segments that stood for parameters, as sent. */
  readonly values: readonly string[];
}

interface Node<Entry> {
  readonly literals: Map<string, Node<Entry>>;
  parameter: Node<Entry> | undefined;
  readonly byMethod: Map<string, Entry>;
}

/** `{name}` as a whole segment. */
const parameterSegment = /^\{([a-z][a-z0-9_]*)\}$/;

/** Names of a pattern's parameters, in their order. */
export function parameterNames(pattern: string): string[] {
  return pattern.split('/').flatMap((segment) => parameterSegment.exec(segment)?.[1] ?? []);
}

export class RouteTable<Entry> {
  readonly #root: Node<Entry> = emptyNode();

  add(method: string, pattern: string, entry: Entry): void {
    if (!pattern.startsWith('/')) throw new TypeError(`route pattern ${pattern} must begin with /`);
    let node = this.#root;
    for (const segment of pattern.slice(1).split('/')) {
      if (parameterSegment.test(segment)) {
        node.parameter ??= emptyNode();
        node = node.parameter;
        continue;
      }
      let next = node.literals.get(segment);
      if (next === undefined) {
        next = emptyNode();
        node.literals.set(segment, next);
      }
      node = next;
    }
    if (node.byMethod.has(method)) throw new TypeError(`route ${method} ${pattern} is declared twice`);
    node.byMethod.set(method, entry);
  }

  /** What stands behind a path, or undefined. */
  match(path: string): TableMatch<Entry> | undefined {
    const values: string[] = [];
    let node: Node<Entry> | undefined = this.#root;
    let start = 1;
    while (node !== undefined && start <= path.length) {
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      const segment = path.slice(start, end);
      const literal: Node<Entry> | undefined = node.literals.get(segment);
      if (literal !== undefined) {
        node = literal;
      } else {
        node = node.parameter;
        values.push(segment);
      }
      start = end + 1;
    }
    if (node === undefined || node.byMethod.size === 0) return undefined;
    return { byMethod: node.byMethod, values };
  }
}

function emptyNode<Entry>(): Node<Entry> {
  return { literals: new Map(), parameter: undefined, byMethod: new Map() };
}
