/**
 * Who calls: bearer tokens (JWT, RFC 9068 profile) to callers, and the minting of tokens for development.
 *
 * A1  A key is bound to one algorithm; a token that names another, or brings or points at a key of its own
 *     (`jwk`, `jku`, `x5u`, `x5c`) or asks for extensions (`crit`), is refused before any signature is looked at. Nothing
 *     is ever fetched (RFC 8725).
 * A2  Issuer, audience, type, subject, issue and expiry time are mandatory, a lifetime is at most an hour.
 * A3  A verified token is remembered until it expires, so that a request costs one map look-up; the memory is bounded.
 * A4  Two answers only, whatever is wrong: expired or not yet valid when a genuine token says so, else invalid.
 */
import type { KeyObject } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { isActorId } from '../actors/model/address.js';
import type { ErrorCode } from '../actors/model/errors.js';
import type { Caller } from '../actors/model/message.js';

export const tokenIssuer = 'troupe';
export const tokenAudience = 'troupe-api';
export const tokenType = 'at+jwt';
export const tokenLifetimeSecondsMax = 3_600;
/** Clocks differ: `nbf` and `iat` may lie this far ahead. Expiry gets none. */
export const tokenLeewaySeconds = 30;

/** A key and the one algorithm it may be used with. */
export interface TokenKey {
  readonly algorithm: 'HS256' | 'ES256' | 'RS256' | 'EdDSA';
  /** HS256: at least 32 secret bytes; otherwise the public key. */
  readonly key: Uint8Array | KeyObject;
}

export interface AuthenticationSettings {
  readonly key: TokenKey;
  /** Development only: role `bench` counts as a customer without limits. Elsewhere the role is dropped. */
  readonly benchAllowed: boolean;
  /** Verified tokens remembered. Default 10,000: about 5 MB. */
  readonly tokensMax?: number;
}

export interface Verified {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

export type AuthenticationResult = Verified | AuthenticationCode;
export type AuthenticationCode = ErrorCode &
  ('credentials-missing' | 'token-invalid' | 'token-expired' | 'token-not-yet-valid');

/** Who a request comes from, by its `Authorization` field. */
export type CallerSource = Pick<Authenticator, 'known' | 'verify'>;

const tokensMaxDefault = 10_000;
const rolesMax = 16;
const bearer = /^bearer(?: +(.*))?$/i;
const foreignKeyFields = ['jwk', 'jku', 'x5u', 'x5c', 'crit'] as const;

export class Authenticator {
  readonly #settings: AuthenticationSettings;
  readonly #tokensMax: number;
  /** By the whole field as sent: nothing is parsed on a hit. */
  readonly #verified = new Map<string, Verified>();
  /** Requests that wait for the same token: 256 connections that begin at once cost one verification. */
  readonly #pending = new Map<string, ((result: AuthenticationResult) => void)[]>();

  constructor(settings: AuthenticationSettings) {
    this.#settings = settings;
    this.#tokensMax = settings.tokensMax ?? tokensMaxDefault;
  }

  /** The caller of an `Authorization` field that was verified before and has not expired. */
  known(authorization: string, nowMs: number): Verified | undefined {
    const verified = this.#verified.get(authorization);
    if (verified === undefined || verified.expiresAtMs > nowMs) return verified;
    this.#verified.delete(authorization);
    return undefined;
  }

  /** Verifies a field that `known` does not know. `done` runs once, at once or later; it must not throw. */
  verify(authorization: string, nowMs: number, done: (result: AuthenticationResult) => void): void {
    const match = bearer.exec(authorization);
    if (match === null) {
      // Nothing, or another scheme than Bearer: the credentials that are asked for are missing.
      done('credentials-missing');
      return;
    }
    const token = match[1] ?? '';
    if (!hasAdmissibleHeader(token, this.#settings.key.algorithm)) {
      done('token-invalid');
      return;
    }
    const waiting = this.#pending.get(authorization);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    const all = [done];
    this.#pending.set(authorization, all);
    const settle = (result: AuthenticationResult): void => {
      this.#pending.delete(authorization);
      if (typeof result !== 'string') this.#remember(authorization, result);
      for (const each of all) each(result);
    };
    this.#check(token, nowMs).then(settle, (error: unknown) => settle(codeOf(error)));
  }

  get rememberedCount(): number {
    return this.#verified.size;
  }

  async #check(token: string, nowMs: number): Promise<AuthenticationResult> {
    const { key, algorithm } = this.#settings.key;
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer: tokenIssuer,
      audience: tokenAudience,
      typ: tokenType,
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: tokenLeewaySeconds,
      currentDate: new Date(nowMs),
    });
    return this.#admit(payload, nowMs);
  }

  #admit(payload: JWTPayload, nowMs: number): AuthenticationResult {
    const { sub, exp, iat, roles } = payload;
    if (sub === undefined || exp === undefined || iat === undefined) return 'token-invalid';
    if (exp * 1000 <= nowMs) return 'token-expired';
    if ((iat - tokenLeewaySeconds) * 1000 > nowMs) return 'token-not-yet-valid';
    if (exp - iat > tokenLifetimeSecondsMax) return 'token-invalid';
    if (!isActorId(sub) || !isRoleList(roles)) return 'token-invalid';
    return {
      caller: { principal: sub, roles: this.#effective(roles), internal: false },
      expiresAtMs: exp * 1000,
    };
  }

  #effective(roles: readonly string[]): readonly string[] {
    if (!roles.includes('bench')) return roles;
    if (!this.#settings.benchAllowed) return roles.filter((role) => role !== 'bench');
    return roles.includes('customer') ? roles : [...roles, 'customer'];
  }

  #remember(authorization: string, verified: Verified): void {
    if (this.#verified.size >= this.#tokensMax) {
      const oldest = this.#verified.keys().next();
      if (oldest.done !== true) this.#verified.delete(oldest.value);
    }
    this.#verified.set(authorization, verified);
  }
}

/** Looks at the protected header alone (A1). */
function hasAdmissibleHeader(token: string, algorithm: string): boolean {
  try {
    const header: Readonly<Record<string, unknown>> = decodeProtectedHeader(token);
    return header.alg === algorithm && foreignKeyFields.every((field) => !Object.hasOwn(header, field));
  } catch {
    // Not a token at all: the caller answers as for any other invalid one.
    return false;
  }
}

function isRoleList(roles: unknown): roles is readonly string[] {
  return (
    Array.isArray(roles) &&
    roles.length <= rolesMax &&
    roles.every((role) => typeof role === 'string' && isActorId(role))
  );
}

/** jose marks its errors with a code; a claim that failed is named. */
function codeOf(error: unknown): AuthenticationCode {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'token-invalid';
  if (error.code === 'ERR_JWT_EXPIRED') return 'token-expired';
  const isTooEarly =
    'claim' in error && error.claim === 'nbf' && 'reason' in error && error.reason === 'check_failed';
  return isTooEarly ? 'token-not-yet-valid' : 'token-invalid';
}

export interface MintOrder {
  readonly key: Uint8Array;
  readonly user: string;
  readonly roles: readonly string[];
  /** At most an hour. */
  readonly lifetimeSeconds: number;
  /** Unix ms; default now. */
  readonly nowMs?: number;
}

/** A development token (HS256) that an `Authenticator` with the same key accepts. Throws on what it would refuse. */
export function mintToken({
  key,
  user,
  roles,
  lifetimeSeconds,
  nowMs = Date.now(),
}: MintOrder): Promise<string> {
  if (!isActorId(user)) throw new RangeError('user must be 1 to 128 letters, digits or . _ ~ -');
  if (!isRoleList(roles)) throw new RangeError(`roles must be at most ${rolesMax} plain words`);
  if (!(lifetimeSeconds > 0 && lifetimeSeconds <= tokenLifetimeSecondsMax)) {
    throw new RangeError(`a token lives 1 to ${tokenLifetimeSecondsMax} seconds`);
  }
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT({ roles })
    .setProtectedHeader({ alg: 'HS256', typ: tokenType })
    .setIssuer(tokenIssuer)
    .setAudience(tokenAudience)
    .setSubject(user)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(lifetimeSeconds))
    .sign(key);
}
