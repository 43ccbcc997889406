/**
 * What travels on a link, as positional arrays: one batch of them per turn of the event loop, packed once.
 *
 * Gateway → shard: calls. Shard → gateway: answers. Shard → shard: messages of channels, acknowledgements, and the
 * places at which a reopened partition goes on. Kinds, commands and queries are named by their index in the kind
 * table, which is equal on all threads.
 */
import type { StoredOutcome } from '../commit/outcome.js';
import type { StoredTrail } from '../commit/record.js';

export const itemCommand = 0;
export const itemQuery = 1;
export const itemHistory = 2;
export const itemMessage = 3;
export const itemConsumed = 4;
export const itemOpened = 5;
export const itemRemote = 6;
export const itemOperation = 7;
export const itemTail = 8;

/** `[kindIndex, id, queryIndex, fields]` */
export type GuardItem = readonly [kind: number, id: string, query: number, fields: readonly unknown[]];

export type CommandItem = readonly [
  type: typeof itemCommand,
  requestId: number,
  kind: number,
  id: string,
  command: number,
  fields: readonly unknown[],
  commandId: string,
  /** 0: no key, no deduplication. */
  fingerprint: string | 0,
  principal: string,
  roles: readonly string[],
  correlationId: string | 0,
  traceparent: string | 0,
  /** −1: any. */
  expectedVersion: number,
  /** ms from now. */
  deadlineMs: number,
  /** −1: no wait. */
  waitMs: number,
  guard: GuardItem | 0,
];

export type QueryItem = readonly [
  type: typeof itemQuery,
  requestId: number,
  kind: number,
  id: string,
  query: number,
  fields: readonly unknown[],
  principal: string,
  roles: readonly string[],
  deadlineMs: number,
  waitMs: number,
  guard: GuardItem | 0,
  /** 0: now; `[0, version]` or `[1, time]`. */
  at: readonly [0 | 1, number] | 0,
];

export type HistoryItem = readonly [
  type: typeof itemHistory,
  requestId: number,
  kind: number,
  id: string,
  principal: string,
  roles: readonly string[],
  deadlineMs: number,
  guard: GuardItem | 0,
  backward: boolean,
  /** −1: from the end that the direction begins at. */
  fromVersion: number,
  limit: number,
];

/** One message of a channel. Kinds are catalogue numbers; schema 0 marks a reply. */
export type MessageItem = readonly [
  type: typeof itemMessage,
  source: number,
  position: number,
  ordinal: number,
  time: number,
  fromKind: number,
  fromId: string,
  toKind: number,
  toId: string,
  schema: number,
  content: readonly unknown[] | StoredOutcome,
  tag: string | 0,
  trail: StoredTrail,
];

/** `destination` has durably consumed everything of `source` up to the place. */
export type ConsumedItem = readonly [
  type: typeof itemConsumed,
  source: number,
  destination: number,
  position: number,
  ordinal: number,
];

/** `destination` was (re)opened under `epoch` and has consumed up to these places; everything later must be sent again. */
export type OpenedItem = readonly [
  type: typeof itemOpened,
  destination: number,
  epoch: number,
  places: readonly (readonly [source: number, position: number, ordinal: number])[],
];

/** A message to another shard, meant for one epoch of its destination. */
export type RemoteItem = readonly [type: typeof itemRemote, epoch: number, message: MessageItem];

/** What an operator asks of one partition; `ask` is as `runtime/operator/operation.ts` has it for the name. */
export type OperationItem = readonly [
  type: typeof itemOperation,
  requestId: number,
  partition: number,
  name: string,
  ask: unknown,
  principal: string,
  commandId: string,
];

/** Asks how far the shard's partitions are durable, and for what became so; −1: at once, and heads alone. */
export type TailItem = readonly [type: typeof itemTail, requestId: number, waitMs: number];

export type ShardItem =
  | CommandItem
  | QueryItem
  | HistoryItem
  | RemoteItem
  | ConsumedItem
  | OpenedItem
  | OperationItem
  | TailItem;
export type CallItem = CommandItem | QueryItem | HistoryItem;

export const answerReply = 0;
export const answerRejection = 1;
export const answerFailure = 2;
/** The reply of the kind's `status` query, for a call that waited. */
export const answerStatus = 3;
export const answerHistory = 4;
export const answerOperation = 5;
export const answerTail = 6;

export type CallAnswer =
  | readonly [
      requestId: number,
      type: typeof answerReply | typeof answerStatus,
      fields: readonly unknown[],
      version: number,
      replayed: boolean,
    ]
  | readonly [
      requestId: number,
      type: typeof answerRejection,
      code: string,
      detail: string,
      replayed: boolean,
    ]
  | readonly [requestId: number, type: typeof answerFailure, code: string, detail: string, replayed: boolean]
  | readonly [requestId: number, type: typeof answerHistory, events: readonly unknown[], next: number | null];

/** An entry as it stands in the journal. */
export type TailEntry = readonly [partition: number, bytes: Uint8Array];

/** `heads`: partition, durable position, in turn; none when the shard has no partitions now. */
export type TailAnswer = readonly [
  requestId: number,
  type: typeof answerTail,
  heads: readonly number[],
  entries: readonly TailEntry[],
];

export type LinkAnswer =
  | CallAnswer
  | TailAnswer
  | readonly [requestId: number, type: typeof answerOperation, answer: unknown];
