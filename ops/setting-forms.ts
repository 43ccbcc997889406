/**
 * The forms a setting's text may have. Flags, environment and configuration file all hand in text (a number or boolean
 * of the file is read as its text), so each form is written and tested once.
 *
 * F1  `parse` never throws and never guesses: a text is read exactly or refused.
 */
import { timeOf } from '../actors/model/page-query.js';

/** `refused` says what is wrong with the text when `allowed` alone would not explain it; usually empty. */
export type Parsed<T> = { readonly value: T } | { readonly refused: string };

export interface Form<T> {
  /** Completes "allowed: …". */
  readonly allowed: string;
  readonly parse: (text: string) => Parsed<T>;
}

const no = (reason = ''): { readonly refused: string } => ({ refused: reason });

/** A decimal whole number, both bounds included. */
export function wholeNumber(min: number, max: number): Form<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = Number(text);
      return /^\d{1,15}$/.test(text) && value >= min && value <= max ? { value } : no();
    },
  };
}

/** One of a few words, in any case. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Form<Word> {
  return {
    allowed: words.join(', '),
    parse: (text) => {
      const value = words.find((word) => word === text.toLowerCase());
      return value === undefined ? no() : { value };
    },
  };
}

const switchWords: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  '1': true,
  off: false,
  false: false,
  no: false,
  '0': false,
};

export const onOff: Form<boolean> = {
  allowed: 'on or off (also true/false, yes/no, 1/0)',
  parse: (text) => {
    const value = Object.hasOwn(switchWords, text.toLowerCase())
      ? switchWords[text.toLowerCase()]
      : undefined;
    return value === undefined ? no() : { value };
  },
};

const unitBytes: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

/** Bytes with an optional binary unit: `536870912`, `512mb`, `1gb`. Bounds in bytes, included. */
export function byteSize(min: number, max: number): Form<number> {
  return {
    allowed: `a size from ${showBytes(min)} to ${showBytes(max)}, such as 512mb or 1gb`,
    parse: (text) => {
      const parts = /^(\d{1,15})\s*([a-z]{0,2})$/i.exec(text);
      const factor = unitBytes[(parts?.[2] ?? '').toLowerCase()];
      if (parts === null || factor === undefined) return no();
      const value = Number(parts[1]) * factor;
      return value >= min && value <= max ? { value } : no();
    },
  };
}

/** The largest unit that shows a size exactly: `512mb`. */
export function showBytes(bytes: number): string {
  const unit = ['gb', 'mb', 'kb'].find((name) => bytes > 0 && bytes % (unitBytes[name] ?? 1) === 0);
  return unit === undefined ? `${bytes}` : `${bytes / (unitBytes[unit] ?? 1)}${unit}`;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span of time in ms: `90s`, `5m`, `2h`, `1d`. */
export const duration: Form<number> = {
  allowed: 'a time such as 90s, 5m, 2h or 1d',
  parse: (text) => {
    const parts = /^(\d{1,9})([smhd])$/i.exec(text);
    const factor = unitMs[(parts?.[2] ?? '').toLowerCase()];
    return parts === null || factor === undefined ? no() : { value: Number(parts[1]) * factor };
  },
};

/** A moment, kept as it was written: the server reads it. */
export const moment: Form<string> = {
  allowed: 'a time as in RFC 3339, such as 2026-11-21T18:00:00Z',
  parse: (text) => (typeof timeOf('time', text) === 'number' ? { value: text } : no()),
};

/** Any text that fits a pattern. */
export function pattern(allowed: string, matches: RegExp): Form<string> {
  return { allowed, parse: (text) => (matches.test(text) ? { value: text } : no()) };
}

/** Web origins (RFC 6454), comma between: scheme, host and port, nothing after them. */
export const origins: Form<readonly string[]> = {
  allowed: 'origins with commas between, such as https://bank.example,http://localhost:3000',
  parse: (text) => {
    const list = text.split(',').map((part) => part.trim());
    return list.every((part) => /^https?:\/\/[^/\s?#@]+$/.test(part)) ? { value: list } : no();
  },
};

/** `simulator`, or the address of a provider without anything secret in it and without a slash at its end. */
export function providerAddress(...schemes: readonly string[]): Form<string> {
  const examples = schemes.map((scheme) => `${scheme}://…`).join(' or ');
  return {
    allowed: `simulator, or ${examples}`,
    parse: (text) => {
      if (text === 'simulator') return { value: text };
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url === undefined || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === '')
        return no();
      if (url.username !== '' || url.password !== '') return no('its secret belongs in a file');
      if (url.search !== '' || url.hash !== '') return no('it ends with its path');
      return { value: text.replace(/\/+$/, '') };
    },
  };
}

/** A path in the file system; whoever reads the table resolves it to an absolute one. */
export const path: Form<string> = pattern('a path', /^[^\0]+$/);
