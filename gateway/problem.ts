/**
 * Refusals as `application/problem+json` (RFC 9457), from the one registry of codes.
 *
 * P1  Status, title and retry advice come from the registry, or from the contract for a domain's own rejection.
 * P2  Nothing of the input is repeated: `instance` names a trace or a command, `pointer` names schema fields only.
 * P3  A command's recorded refusal names the command, so that every repeat gets the same bytes.
 */
import { errorEntry } from '../actors/model/errors.js';

export interface Problem {
  readonly code: string;
  /** Default: the registry's title. */
  readonly detail?: string;
  /** Default: the registry's status. */
  readonly status?: number;
  /** JSON pointer (RFC 6901) to the field at fault. */
  readonly pointer?: string;
  readonly retryAfterSeconds?: number;
  /** The command that was refused, where it can be repeated under its key. Default: the trace is named. */
  readonly commandId?: string;
}

export interface ProblemReply {
  readonly status: number;
  readonly body: string;
  readonly retryAfterSeconds: number | undefined;
}

export const problemContentType = 'application/problem+json';

/** The answer to a refused request; `traceId` finds it again in the logs. */
export function problemReply(problem: Problem, traceId: string): ProblemReply {
  const entry = errorEntry(problem.code);
  const isOfContract = problem.status !== undefined;
  const status = problem.status ?? entry.status;
  const title = isOfContract && entry.status !== status ? 'Refused' : entry.title;
  const body = {
    type: `urn:troupe:problem:${problem.code}`,
    title,
    status,
    detail: problem.detail ?? title,
    instance:
      problem.commandId === undefined
        ? `urn:troupe:trace:${traceId}`
        : `urn:troupe:command:${problem.commandId}`,
    code: problem.code,
    ...(problem.pointer === undefined ? {} : { pointer: problem.pointer }),
  };
  return {
    status,
    body: JSON.stringify(body),
    retryAfterSeconds: problem.retryAfterSeconds ?? (isOfContract ? undefined : entry.retryAfterSeconds),
  };
}
