/**
 * The part of a URL behind the `?`, read against the names a route declares. Ranges are the route's own to check.
 *
 * Q1  Unknown and repeated parameters are refused, not ignored: a misspelt filter would answer something else.
 * Q2  Credentials do not travel in URLs: logs and proxies keep those.
 */
import type { ErrorCode } from '../actors/model/errors.js';

export type QueryParameters =
  | { readonly type: 'parameters'; readonly values: Readonly<Record<string, string>> }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly detail: string };

const noParameters: QueryParameters = { type: 'parameters', values: Object.freeze({}) };

/** Reads a query string. A refusal names a declared parameter at most, never what was sent. */
export function readQuery(query: string, declared: readonly string[]): QueryParameters {
  if (query === '') return noParameters;
  const values: Record<string, string> = {};
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals));
    const value = decoded(equals === -1 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) {
      return refused('query-invalid', 'The query string is not valid percent-encoded UTF-8.');
    }
    if (!declared.includes(name)) {
      const known =
        declared.length === 0 ? 'This route takes none.' : `This route takes ${declared.join(', ')}.`;
      return refused('query-unknown', known);
    }
    if (Object.hasOwn(values, name)) return refused('query-invalid', `${name} is given twice.`);
    values[name] = value;
  }
  return { type: 'parameters', values };
}

function refused(code: ErrorCode, detail: string): QueryParameters {
  return { type: 'refused', code, detail };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' ')).normalize('NFC');
  } catch {
    // Malformed percent-encoding; the caller refuses it.
    return undefined;
  }
}

const credentialName =
  /(?:^|&)(?:access_token|id_token|token|jwt|bearer|authorization|api[_-]?key|password|secret)=/i;
/** Every JWT begins like this: `{"` in base64. Names do too (`eyJulia`), and are ids like others. */
const tokenStart = 'eyJ';
/** Header, payload and signature, or the five parts of an encrypted one; no header is as short as a name. */
const token = /[/=]eyJ[\w-]{13,}(?:\.|%2e)[\w-]*(?:\.|%2e)[\w-]/i;

/** True when a URL seems to carry a token or a key. */
export function holdsCredentials(path: string, query: string): boolean {
  if (path.includes(`/${tokenStart}`) && token.test(path)) return true;
  if (query === '') return false;
  return credentialName.test(query) || (query.includes(`=${tokenStart}`) && token.test(query));
}
