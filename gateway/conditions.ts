/**
 * The request headers that put a condition or a wish on a request: `If-Match`, `If-None-Match`, `Prefer`.
 *
 * E1  An entity tag is the actor's version, strong: `"12"`.
 */

/** What `If-Match` asks for: a version, nothing, or something that is no version of ours. */
export type VersionCondition =
  | { readonly type: 'none' }
  | { readonly type: 'version'; readonly version: number }
  | { readonly type: 'malformed' };

const strongTag = /^"(0|[1-9][0-9]{0,14})"$/;
const none: VersionCondition = { type: 'none' };
const malformed: VersionCondition = { type: 'malformed' };

/** One strong tag or `*`, which every existing actor meets. A list or a weak tag names no single version: malformed. */
export function parseIfMatch(field: string): VersionCondition {
  if (field === '' || field === '*') return none;
  const match = strongTag.exec(field);
  return match === null ? malformed : { type: 'version', version: Number(match[1]) };
}

/** True when one of the tags of `If-None-Match` is this version's (weak comparison, RFC 9110 §13.1.2), or it is `*`. */
export function ifNoneMatchHolds(field: string, version: number): boolean {
  if (field === '*') return true;
  const wanted = entityTag(version);
  return field.split(',').some((tag) => tag.trim().replace(/^W\//, '') === wanted);
}

export function entityTag(version: number): string {
  return `"${version}"`;
}

export const waitSecondsMax = 30;
const waitPreference = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i;

/** Seconds of `Prefer: wait=N` (RFC 7240), capped; undefined without one: a preference we cannot read is ignored. */
export function parsePreferWait(field: string): number | undefined {
  if (field === '') return undefined;
  const match = waitPreference.exec(field);
  return match === null ? undefined : Math.min(Number(match[1]), waitSecondsMax);
}
