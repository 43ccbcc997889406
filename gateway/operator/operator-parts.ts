/**
 * What the operator's routes share: whom they ask, what their parameters mean, and pages put together from all
 * partitions.
 */
import type { ActorCall } from '../../actors/model/call.js';
import { isErrorCode, OperatingError } from '../../actors/model/errors.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import type { RouteRequest } from '../../actors/model/route.js';
import type { ActorAnswer, ActorClient } from '../../runtime/actor-client.js';
import type { Answer, Ask, OperationClient, OperationName } from '../../runtime/operator/operation.js';
import type { Operator } from '../../runtime/operator/operation-ground.js';
import type { OwnRoute } from '../own-route.js';

export interface OperatorParts {
  readonly operations: OperationClient;
  readonly client: ActorClient;
  readonly modules: readonly Module[];
}

/** A route before `operatorRoutes` says who may use it. */
export type OperatorRoute = Omit<OwnRoute, 'access'>;

/**
 * Asks one actor in the name of who asks the route; its no is a value, a failure rejects. With a fingerprint the
 * command is recorded under its id, and a repeat gets the recorded answer.
 */
export function askActor(
  { client }: OperatorParts,
  call: ActorCall,
  { caller, commandId }: Pick<RouteRequest, 'caller' | 'commandId'>,
  fingerprint?: string,
): Promise<Exclude<ActorAnswer, { readonly type: 'failure' }>> {
  const keyed = fingerprint === undefined ? {} : { fingerprint };
  return new Promise((resolve, reject) => {
    client.submit({ call, caller, commandId, ...keyed }, (answer) => {
      if (answer.type !== 'failure') resolve(answer);
      else reject(new OperatingError(isErrorCode(answer.code) ? answer.code : 'internal', answer.detail));
    });
  });
}

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

/** A query parameter that is true or false; absent means false. */
export function switchOf(name: string, text: string | undefined): boolean | Rejection<'query-invalid'> {
  if (text === undefined || text === 'false') return false;
  return text === 'true' ? true : reject('query-invalid', `${name} must be true or false`);
}

export function dryRunOf(text: string | undefined): boolean | Rejection<'query-invalid'> {
  return switchOf('dry_run', text);
}

/** A cursor holds what the next page goes on from; to clients it is opaque. */
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

/** One beyond what a date can be (a deadline that is none) is shown as the last that can. */
export function isoTime(at: number): string {
  return new Date(Math.min(at, lastDate)).toISOString();
}

const lastDate = 8.64e15;
