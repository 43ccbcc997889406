/**
 * Answers to calls in the form that links carry, and the refusals that are the same for every call.
 */
import type { Caller } from '../../actors/model/message.js';
import { failureOutcome, outcomeRejection, outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import {
  answerFailure,
  answerRejection,
  answerReply,
  type CallAnswer,
  type CallItem,
  itemCommand,
  itemQuery,
} from '../link/link-protocol.js';

export const parkedOutcome = failureOutcome(
  'actor-parked',
  'The actor failed repeatedly and waits for an operator.',
);
export const tooLateOutcome = failureOutcome('deadline-passed', 'The deadline passed before it was done.');
export const resetOutcome = failureOutcome(
  'storage-unavailable',
  'The store refused; nothing of the call was done.',
);

export function toAnswer(
  requestId: number,
  outcome: StoredOutcome,
  version: number,
  isReplay: boolean,
): CallAnswer {
  if (outcome[0] === outcomeReply) return [requestId, answerReply, outcome[2], version, isReplay];
  return [
    requestId,
    outcome[0] === outcomeRejection ? answerRejection : answerFailure,
    outcome[1],
    outcome[2],
    isReplay,
  ];
}

/** A failure under which nothing happened, unless its code says otherwise. */
export function refusal(requestId: number, code: string, detail: string): CallAnswer {
  return [requestId, answerFailure, code, detail, false];
}

export function callerOf(item: CallItem): Caller {
  if (item[0] === itemCommand) return { principal: item[8], roles: item[9], internal: false };
  if (item[0] === itemQuery) return { principal: item[6], roles: item[7], internal: false };
  return { principal: item[4], roles: item[5], internal: false };
}
