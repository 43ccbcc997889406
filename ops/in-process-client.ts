/**
 * Asking actors from the same process, typed by their contracts: what `createSystem` hands out.
 *
 * I1  A domain's "no" and an operating failure are values; only a programmer's error (an unknown kind) rejects.
 * I2  What is asked is checked against the contract's schemas as at the HTTP edge: unknown fields are refused.
 * I3  The calling code is trusted with roles: those of a contract bind the edge, not it. Internal commands and queries
 *     stay closed to it.
 */
import { isActorId } from '../actors/model/address.js';
import type { ActorCall, HistoryCall, HistoryReply } from '../actors/model/call.js';
import type {
  CommandInput,
  CommandName,
  CommandReply,
  Contract,
  QueryInput,
  QueryName,
  QueryReply,
  RejectionCode,
} from '../actors/model/contract.js';
import { type ErrorCode, errorEntry, type RetryAdvice } from '../actors/model/errors.js';
import type { Module } from '../actors/model/module.js';
import type { SagaDefinition, SagaStatus } from '../actors/model/saga.js';
import type { Static } from '../actors/model/typebox.js';
import { type Check, compileValidator } from '../actors/model/validation.js';
import { type BodyFingerprint, type FreshCommandIds, keyedCommandId } from '../gateway/idempotency.js';
import type { ActorAnswer, ActorClient, ActorRequest } from '../runtime/actor-client.js';
import { ProcessHold } from './process-hold.js';

export type CallResult<Reply = unknown, Code extends string = string> =
  | {
      readonly ok: true;
      readonly reply: Reply;
      /** The actor's version (event count) after the command, or as read. */
      readonly version: number;
      /** True when this is the recorded answer to an earlier call with the same idempotency key. */
      readonly replayed: boolean;
    }
  | {
      readonly ok: false;
      /** `rejection`: the actor said no. `failure`: it could not be asked; see `retry`. */
      readonly type: 'rejection' | 'failure';
      readonly code: Code | ErrorCode;
      readonly detail: string;
      /** `outcome-unknown` is the only failure under which something may have happened: repeat with the same key. */
      readonly retry: RetryAdvice;
    };

export interface CallOptions {
  /** Who calls: what `ctx.caller.principal` says. Default `system`. */
  readonly principal?: string;
  /** Default `['admin']`. */
  readonly roles?: readonly string[];
  /** Calls with one key from one principal to one command of one actor are one command, however often they are made. */
  readonly idempotencyKey?: string;
  /** Fails with `version-conflict` unless the actor is at this version. */
  readonly expectedVersion?: number;
  /** Default 10,000. */
  readonly deadlineMs?: number;
  readonly correlationId?: string;
}

export interface WaitOptions extends CallOptions {
  /** Hold the answer until the saga is in a final state, or this long. */
  readonly waitMs?: number;
}

export interface HistoryOptions extends CallOptions {
  /** `forward` from just after `fromVersion` (default), or `backward` from just below it. */
  readonly direction?: HistoryCall['direction'];
  readonly fromVersion?: number;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** A saga that the calling code has the definition of. */
// biome-ignore lint/suspicious/noExplicitAny: the steps of a definition are contravariant in its input
type AnySaga = SagaDefinition<string, any, any>;
type SagaInput<S extends AnySaga> = Static<S['input']>;

export interface InProcessClient {
  call<K extends Contract, N extends CommandName<K>>(
    contract: K,
    id: string,
    command: N,
    payload: CommandInput<K, N>,
    options?: CallOptions,
  ): Promise<CallResult<CommandReply<K, N>, RejectionCode<K>>>;
  call(
    kind: string,
    id: string,
    command: string,
    payload: unknown,
    options?: WaitOptions,
  ): Promise<CallResult>;

  query<K extends Contract, N extends QueryName<K>>(
    contract: K,
    id: string,
    query: N,
    payload: QueryInput<K, N>,
    options?: CallOptions,
  ): Promise<CallResult<QueryReply<K, N>, RejectionCode<K>>>;
  query(
    kind: string,
    id: string,
    query: string,
    payload: unknown,
    options?: WaitOptions,
  ): Promise<CallResult>;

  /** Starts an instance; the same id again is rejected with `saga-exists`. */
  start<S extends AnySaga>(
    saga: S,
    id: string,
    input: SagaInput<S>,
    options?: WaitOptions,
  ): Promise<CallResult<SagaStatus>>;
  status(saga: AnySaga, id: string, options?: WaitOptions): Promise<CallResult<SagaStatus>>;

  history(of: Contract | string, id: string, options?: HistoryOptions): Promise<CallResult<HistoryReply>>;
}

export interface InProcessClientParts {
  readonly modules: readonly Module[];
  readonly client: ActorClient;
  readonly freshIds: FreshCommandIds;
  readonly fingerprint: BodyFingerprint;
}

export function createInProcessClient({
  modules,
  client,
  freshIds,
  fingerprint,
}: InProcessClientParts): InProcessClient {
  const kinds = kindsOf(modules);
  const hold = new ProcessHold();

  const ask = async (call: ActorCall, input: unknown, options: CallOptions): Promise<CallResult<never>> => {
    const refused = refusalOf(kinds, call, input);
    if (refused !== undefined) return refused;
    const { principal = 'system', roles = ['admin'], idempotencyKey: key } = options;
    const { expectedVersion, deadlineMs, correlationId } = options;
    const operation = `${call.kind} ${nameOf(call)}`;
    const request: ActorRequest = {
      call,
      caller: { principal, roles, internal: false },
      commandId:
        key === undefined ? freshIds.next() : keyedCommandId({ principal, operation, target: call.id, key }),
      ...(key === undefined ? {} : { fingerprint: fingerprint.of(Buffer.from(asText(input))) }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(correlationId === undefined ? {} : { correlationId }),
    };
    hold.begin();
    try {
      const answer = await new Promise<ActorAnswer>((resolve) => client.submit(request, resolve));
      return resultOf(answer);
    } finally {
      hold.end();
    }
  };

  const call = (
    of: Contract | string,
    id: string,
    command: string,
    payload: unknown,
    options: WaitOptions = {},
  ) => ask({ type: 'command', kind: kindOf(of), id, command, payload, ...waitOf(options) }, payload, options);
  const query = (
    of: Contract | string,
    id: string,
    name: string,
    payload: unknown,
    options: WaitOptions = {},
  ) =>
    ask({ type: 'query', kind: kindOf(of), id, query: name, payload, ...waitOf(options) }, payload, options);

  return {
    call,
    query,
    start: (saga, id, input, options) => call(saga.name, id, 'start', input, options),
    status: (saga, id, options) => query(saga.name, id, 'status', {}, options),
    history: (of, id, { direction = 'forward', fromVersion, limit = 100, ...options } = {}) => {
      const from = fromVersion === undefined ? {} : { fromVersion };
      return ask({ type: 'history', kind: kindOf(of), id, direction, limit, ...from }, undefined, options);
    },
  };
}

/** Checks of a kind's open commands and queries, by `command deposit` and `query get`. */
type Doors = ReadonlyMap<string, Check>;

function kindsOf(modules: readonly Module[]): ReadonlyMap<string, Doors> {
  const kinds = new Map<string, Doors>();
  for (const { aggregates, sagas = [] } of modules) {
    for (const { contract } of aggregates) kinds.set(contract.kind, doorsOf(contract));
    for (const { name, input } of sagas) {
      // What `status` takes is nothing, so there is nothing to check.
      kinds.set(
        name,
        new Map([
          ['command start', compileValidator(input)],
          ['query status', () => undefined],
        ]),
      );
    }
  }
  return kinds;
}

function doorsOf({ commands, queries }: Contract): Doors {
  const doors = new Map<string, Check>();
  for (const [name, { input, internal }] of Object.entries(commands)) {
    if (internal !== true) doors.set(`command ${name}`, compileValidator(input));
  }
  for (const [name, { input, internal }] of Object.entries(queries)) {
    if (internal !== true) doors.set(`query ${name}`, compileValidator(input));
  }
  return doors;
}

function refusalOf(
  kinds: ReadonlyMap<string, Doors>,
  call: ActorCall,
  input: unknown,
): CallResult<never> | undefined {
  const doors = kinds.get(call.kind);
  if (doors === undefined) throw new TypeError(`no module of this system has the actor kind "${call.kind}"`);
  if (!isActorId(call.id)) return failure('id-invalid', 'The id is not valid.');
  if (call.type === 'history') return undefined;
  const check = doors.get(nameOf(call));
  if (check === undefined) return failure('command-unknown', `${call.kind} has no ${nameOf(call)}.`);
  const problem = check(input);
  return problem === undefined
    ? undefined
    : failure(problem.code, `${problem.pointer} ${problem.detail}`.trim());
}

function nameOf(call: ActorCall): string {
  switch (call.type) {
    case 'command':
      return `command ${call.command}`;
    case 'query':
      return `query ${call.query}`;
    case 'history':
      return 'history';
  }
}

function kindOf(of: Contract | string): string {
  return typeof of === 'string' ? of : of.kind;
}

function waitOf({ waitMs }: WaitOptions): { readonly waitMs?: number } {
  return waitMs === undefined ? {} : { waitMs };
}

/**
 * Equal for inputs that are made alike, their keys in the same order: over HTTP too it is the text that counts. Bigints,
 * which JSON has no form for, are marked so that `1n` is not `"1"`.
 */
function asText(input: unknown): string {
  return (
    JSON.stringify(input, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)) ?? ''
  );
}

function failure(code: ErrorCode, detail: string): CallResult<never, never> {
  return { ok: false, type: 'failure', code, detail, retry: errorEntry(code).retry };
}

function resultOf(answer: ActorAnswer): CallResult<never> {
  switch (answer.type) {
    case 'reply': {
      const { reply, version, replayed } = answer;
      // The contract fixed the reply's type where the call was typed.
      return { ok: true, reply: reply as never, version, replayed };
    }
    case 'rejection':
      return { ok: false, type: 'rejection', code: answer.code, detail: answer.detail, retry: 'never' };
    case 'failure': {
      const { code, detail } = answer;
      return { ok: false, type: 'failure', code, detail, retry: errorEntry(code).retry };
    }
  }
}
