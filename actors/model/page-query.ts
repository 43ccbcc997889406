/**
 * Query parameters of paged and timed reads, as text from a URL. Each answers its value or a rejection with a code of the
 * registry; a route that uses them declares `pageRejections`.
 */
import { type Rejection, reject } from './message.js';

export const pageLimitDefault = 50;
/** `reliability.md` §3: at most 1,000 items in an answer. */
export const pageLimitMax = 1000;

/** Statuses of the rejections below (`reliability.md` §3, row 38), for a route's `rejections`. */
export const pageRejections = {
  'limit-out-of-range': 400,
  'cursor-invalid': 400,
  'query-invalid': 400,
} as const;
export type PageRejection = Rejection<keyof typeof pageRejections>;

/** `limit`: a whole number from 1 to `pageLimitMax`. */
export function limitOf(text: string | undefined): number | PageRejection {
  const limit = text === undefined ? pageLimitDefault : wholeNumber(text);
  if (limit !== undefined && limit >= 1 && limit <= pageLimitMax) return limit;
  return reject('limit-out-of-range', `limit must be a whole number from 1 to ${pageLimitMax}`);
}

/** A cursor that is a version, as `cursorOf` made it. Absent: undefined. */
export function versionCursorOf(text: string | undefined): number | undefined | PageRejection {
  if (text === undefined) return undefined;
  return wholeNumber(text) ?? reject('cursor-invalid', 'cursor is not one that this server gave');
}

/** A version: a whole number from 0. */
export function versionOf(name: string, text: string): number | PageRejection {
  return wholeNumber(text) ?? reject('query-invalid', `${name} must be a whole number from 0`);
}

/** Parameters of a history read forward (row 6): the events after one version, up to and with another. */
export const versionRange = ['after_version', 'to_version', 'limit'] as const;
type VersionRange = Readonly<Partial<Record<(typeof versionRange)[number], string>>>;

/** What of a history call these parameters say. */
export function versionRangeOf(
  query: VersionRange,
): { readonly fromVersion: number; readonly limit: number } | PageRejection {
  const limit = limitOf(query.limit);
  if (typeof limit !== 'number') return limit;
  const fromVersion = versionCursorOf(query.after_version) ?? 0;
  if (typeof fromVersion !== 'number') return fromVersion;
  const { to_version } = query;
  const toVersion = to_version === undefined ? Number.POSITIVE_INFINITY : versionOf('to_version', to_version);
  if (typeof toVersion !== 'number') return toVersion;
  return toVersion > fromVersion
    ? { fromVersion, limit: Math.min(limit, toVersion - fromVersion) }
    : reject('query-invalid', 'to_version must be above after_version');
}

/** An RFC 3339 time in Unix ms. */
export function timeOf(name: string, text: string): number | PageRejection {
  const time = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? reject('query-invalid', `${name} must be an RFC 3339 time`) : time;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Digits only, and within what a number holds exactly; undefined for anything else. */
function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
