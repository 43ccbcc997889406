/**
 * TypeScript source read as text: what a file imports, and what its code names once comments and the contents of
 * strings are blanked. TypeScript 7 offers no compiler API, and a text is enough for rules about names.
 *
 * I1 `code` is as long as `text` and keeps its line breaks, so an offset in one is the same place in the other.
 * I2 quotes and `${}` stay in `code`; only what is between them is blanked, and the code inside `${}` stays.
 */

export interface SourceText {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** A worker's `new URL('./x.js', import.meta.url)` names a file without importing it. */
  readonly kind: 'import' | 'url';
}

export function sourceText(path: string, text: string): SourceText {
  return { path, text, code: blank(text) };
}

const importForms: readonly (readonly [Import['kind'], RegExp])[] = [
  ['import', /\b(?:import|export)\b[^;'"`]*?\bfrom\s*(['"])/g],
  ['import', /\bimport\s*(['"])/g],
  ['import', /\b(?:import|require|require\.resolve)\s*\(\s*(['"`])/g],
  ['url', /\bnew\s+URL\s*\(\s*(['"`])(?=[^)]*\bimport\.meta\.url)/g],
];

export function importsOf({ text, code }: SourceText): Import[] {
  const found: Import[] = [];
  for (const [kind, form] of importForms) {
    for (const match of code.matchAll(form)) {
      const from = match.index + match[0].length;
      const to = code.indexOf(match[1] ?? '', from);
      found.push({ specifier: text.slice(from, to), line: lineAt(code, from), kind });
    }
  }
  return found;
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

type Region = 'code' | 'template';

function blank(text: string): string {
  const out = text.split('');
  const hide = (from: number, to: number): void => {
    for (let at = from; at < to && at < out.length; at += 1) if (out[at] !== '\n') out[at] = ' ';
  };
  // One entry per open `${`, holding the depth of braces inside it.
  const braces: number[] = [];
  let region: Region = 'code';
  let at = 0;
  while (at < text.length) {
    if (region === 'template') {
      const end = templateEnd(text, at);
      hide(at, end);
      if (text[end] === '$') {
        braces.push(0);
        at = end + 2;
      } else at = end + 1;
      region = 'code';
      continue;
    }
    const char = text[at];
    if (char === '/' && text[at + 1] === '/') {
      const end = indexOrEnd(text, '\n', at);
      hide(at, end);
      at = end;
    } else if (char === '/' && text[at + 1] === '*') {
      const end = indexOrEnd(text, '*/', at + 2) + 2;
      hide(at, end);
      at = end;
    } else if (char === "'" || char === '"') {
      const end = quotedEnd(text, at);
      hide(at + 1, end);
      at = end + 1;
    } else if (char === '/' && startsRegExp(text, at)) {
      const end = regExpEnd(text, at);
      hide(at + 1, end);
      at = end + 1;
    } else if (char === '`') {
      region = 'template';
      at += 1;
    } else {
      const open = braces.length - 1;
      if (open >= 0 && char === '{') braces[open] = (braces[open] ?? 0) + 1;
      if (open >= 0 && char === '}') {
        if (braces[open] === 0) {
          braces.pop();
          region = 'template';
        } else braces[open] = (braces[open] ?? 0) - 1;
      }
      at += 1;
    }
  }
  return out.join('');
}

function indexOrEnd(text: string, word: string, from: number): number {
  const at = text.indexOf(word, from);
  return at === -1 ? text.length : at;
}

function quotedEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start] && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function templateEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{')) {
    at += text[at] === '\\' ? 2 : 1;
  }
  return at;
}

/** A slash divides after a value and begins a pattern elsewhere; the character or word before it tells which. */
function startsRegExp(text: string, slash: number): boolean {
  const before = text.slice(Math.max(0, slash - 40), slash).trimEnd();
  if (before === '') return true;
  if (/\b(?:return|typeof|case|in|of|do|else|void|await|yield)$/.test(before)) return true;
  return /[(,=:[!&|?{};+\-*%<>~^]$/.test(before);
}

function regExpEnd(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== '\n') {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
    else if (text[at] === '/' && !inClass) return at;
    at += 1;
  }
  return at;
}
