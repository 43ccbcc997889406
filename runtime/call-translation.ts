/**
 * Calls as their callers name things, and items and answers as links carry them: names into numbers and payloads into
 * fields on the way out, back again on the way in.
 *
 * T1  Whatever cannot be translated throws before anything is sent: an unknown kind, command or query is a programmer's
 *     error.
 */
import type { ActorCall, Guard, HistoryReply } from '../actors/model/call.js';
import type { ActorAnswer, ActorRequest } from './actor-client.js';
import type { CommandEntry, Kind, KindTable, QueryEntry } from './kind-table.js';
import {
  answerHistory,
  answerRejection,
  answerReply,
  answerStatus,
  type CallAnswer,
  type CallItem,
  type GuardItem,
  itemCommand,
  itemHistory,
  itemQuery,
} from './link/link-protocol.js';

/** What of a call is needed to understand its answer. */
export interface Asked {
  readonly kind: Kind;
  readonly guardKind: Kind | undefined;
  readonly command: CommandEntry | undefined;
  readonly query: QueryEntry | undefined;
}

export function kindOf(kinds: KindTable, name: string): Kind {
  const kind = kinds.named(name);
  if (kind === undefined) throw new TypeError(`No module defines the actor kind "${name}".`);
  return kind;
}

/** The call as an item; its deadline in ms from now. */
export function toItem(
  requestId: number,
  request: ActorRequest,
  { kind, command, query, guardKind }: Asked,
  deadlineMs: number,
): CallItem {
  const { call, caller } = request;
  const guard = call.guard === undefined ? 0 : toGuard(call.guard, guardKind);
  if (call.type === 'command') {
    if (command === undefined) throw new TypeError(`Kind "${kind.name}" has no command "${call.command}".`);
    return [
      itemCommand,
      requestId,
      kind.index,
      call.id,
      command.index,
      command.input.toFields(call.payload),
      request.commandId,
      request.fingerprint ?? 0,
      caller.principal,
      caller.roles,
      request.correlationId ?? 0,
      request.traceparent ?? 0,
      request.expectedVersion ?? -1,
      deadlineMs,
      call.waitMs ?? -1,
      guard,
    ];
  }
  if (call.type === 'query') {
    if (query === undefined) throw new TypeError(`Kind "${kind.name}" has no query "${call.query}".`);
    return [
      itemQuery,
      requestId,
      kind.index,
      call.id,
      query.index,
      query.input.toFields(call.payload),
      caller.principal,
      caller.roles,
      deadlineMs,
      call.waitMs ?? -1,
      guard,
      toMoment(call.at),
    ];
  }
  return [
    itemHistory,
    requestId,
    kind.index,
    call.id,
    caller.principal,
    caller.roles,
    deadlineMs,
    guard,
    call.direction === 'backward',
    call.fromVersion ?? -1,
    call.limit,
  ];
}

function toGuard(guard: Guard, kind: Kind | undefined): GuardItem {
  const query = kind?.queryByName.get(guard.query);
  if (kind === undefined || query === undefined)
    throw new TypeError(`Kind "${guard.kind}" has no query "${guard.query}".`);
  return [kind.index, guard.id, query.index, query.input.toFields(guard.payload)];
}

function toMoment(at: (ActorCall & { readonly type: 'query' })['at']): readonly [0 | 1, number] | 0 {
  if (at === undefined) return 0;
  return 'version' in at ? [0, at.version] : [1, at.time];
}

export function toActorAnswer(answer: CallAnswer, asked: Asked): ActorAnswer {
  switch (answer[1]) {
    case answerReply: {
      const form = asked.command?.reply ?? asked.query?.reply;
      return { type: 'reply', reply: form?.fromFields(answer[2]), version: answer[3], replayed: answer[4] };
    }
    case answerStatus: {
      const form = asked.kind.queryByName.get('status')?.reply;
      return { type: 'reply', reply: form?.fromFields(answer[2]), version: answer[3], replayed: answer[4] };
    }
    case answerHistory: {
      const reply = { events: answer[2], next: answer[3] } as HistoryReply;
      return { type: 'reply', reply, version: 0, replayed: false };
    }
    case answerRejection: {
      const status = statusOf(asked, answer[2]);
      return { type: 'rejection', code: answer[2], detail: answer[3], status, replayed: answer[4] };
    }
    default:
      return { type: 'failure', code: answer[2], detail: answer[3] };
  }
}

function statusOf({ kind, guardKind }: Asked, code: string): number {
  const own = kind.definition.contract.rejections[code];
  return own ?? guardKind?.definition.contract.rejections[code] ?? 409;
}
