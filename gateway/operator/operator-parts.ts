/**
 * What the operator's routes share: whom they ask, what their parameters mean, and pages put together from all
 * partitions.
 */
import { type Rejection, reject } from '../../actors/model/message.js';
import { timeOf } from '../../actors/model/page-query.js';
import type { RouteRequest } from '../../actors/model/route.js';
import type { Answer, Ask, OperationClient, OperationName } from '../../runtime/operator/operation.js';
import type { Operator } from '../../runtime/operator/operation-ground.js';

export interface OperatorParts {
  readonly operations: OperationClient;
}

export const adminOnly: readonly string[] = ['admin'];

export function operatorOf({ caller, commandId }: Pick<RouteRequest, 'caller' | 'commandId'>): Operator {
  return { principal: caller.principal, commandId };
}

/** Asks every partition the same; rejects when one of them does not answer. */
export function askAll<N extends OperationName>(
  { operations }: OperatorParts,
  name: N,
  ask: Ask<N>,
  operator: Operator,
): Promise<Answer<N>[]> {
  return Promise.all(
    Array.from({ length: operations.partitionCount }, (_, partition) =>
      operations.ask(partition, name, ask, operator),
    ),
  );
}

/** `dry_run`: absent means no. */
export function dryRunOf(text: string | undefined): boolean | Rejection<'query-invalid'> {
  if (text === undefined || text === 'false') return false;
  return text === 'true' ? true : reject('query-invalid', 'dry_run must be true or false');
}

/** A cursor holds what the next page goes on from; to clients it is opaque. A list: text that begins like an object looks like a token (`holdsCredentials`). */
export function cursorText(value: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** What `cursorText` was given, if `isCursor` knows it; undefined without a cursor. */
export function cursorValue<T>(
  text: string | undefined,
  isCursor: (value: unknown) => value is T,
): T | undefined | Rejection<'cursor-invalid'> {
  if (text === undefined) return undefined;
  const value = parsed(text);
  return isCursor(value) ? value : reject('cursor-invalid', 'cursor is not one that this server gave');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    // Not one of ours; the caller says so.
    return undefined;
  }
}

export function isRejected(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'rejection';
}

/** An optional time of the query as Unix ms. */
export function optionalTime(
  name: string,
  text: string | undefined,
): number | undefined | ReturnType<typeof timeOf> {
  return text === undefined ? undefined : timeOf(name, text);
}

export function isoTime(at: number): string {
  return new Date(at).toISOString();
}
