/**
 * Who did what: `GET /api/v1/audit`, newest first.
 */
import { limitOf, timeOf } from '../../actors/model/page-query.js';
import type { AuditLine } from '../../runtime/operator/audit.js';
import { isLogCursor, mergedPage } from './log-pages.js';
import {
  cursorText,
  cursorValue,
  isoTime,
  isRejected,
  type OperatorParts,
  type OperatorRoute,
  operatorOf,
} from './operator-parts.js';

export function auditRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/audit',
      query: ['subject', 'from', 'to', 'cursor', 'limit'],
      summary:
        'Commands from outside and changes of operators, newest first; `subject` is a principal or an actor',
      serve: async (request) => {
        const { subject, from: fromText, to: toText, cursor: sent } = request.query;
        const limit = limitOf(request.query.limit);
        if (typeof limit !== 'number') return limit;
        const from = fromText === undefined ? undefined : timeOf('from', fromText);
        if (isRejected(from)) return from;
        const to = toText === undefined ? undefined : timeOf('to', toText);
        if (isRejected(to)) return to;
        const cursor = cursorValue(sent, isLogCursor);
        if (isRejected(cursor)) return cursor;
        const { items, next } = await mergedPage(parts, cursor, limit, (partition, place) =>
          parts.operations.ask(
            partition,
            'audit.list',
            { place, subject, from, to, limit },
            operatorOf(request),
          ),
        );
        return {
          status: 200,
          body: { items: items.map(auditJson), next_cursor: next === null ? null : cursorText(next) },
        };
      },
    },
  ];
}

function auditJson(line: AuditLine & { readonly partition: number }) {
  const { refusal, onBehalfOf, partition, position, index } = line;
  return {
    at: isoTime(line.at),
    actor: { kind: line.kind, id: line.id },
    command: line.command,
    outcome: refusal === undefined ? 'accepted' : 'rejected',
    ...(refusal === undefined ? {} : { code: refusal.code, detail: refusal.detail }),
    principal: line.principal,
    ...(onBehalfOf === undefined ? {} : { on_behalf_of: onBehalfOf }),
    command_id: line.commandId,
    correlation_id: line.correlationId,
    position: `${partition}-${position}-${index}`,
  };
}
