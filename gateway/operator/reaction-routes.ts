/**
 * Reactions: which there are, and running one over the events that were there before it.
 */
import { timeOf } from '../../actors/model/page-query.js';
import {
  cursorText,
  cursorValue,
  dryRunOf,
  isRejected,
  type OperatorParts,
  type OperatorRoute,
  operatorOf,
} from './operator-parts.js';

const reactions = '/api/v1/reactions';

export function reactionRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  return [
    {
      method: 'GET',
      path: reactions,
      summary: 'Reactions of the modules, and to what',
      serve: async () => {
        const items = parts.modules.flatMap(({ name: module, reactions: declared = [] }) =>
          declared.map(({ name, kind, event }) => ({ name, module, kind, event })),
        );
        return { status: 200, body: { items } };
      },
    },
    {
      method: 'POST',
      path: `${reactions}/{name}/backfill`,
      query: ['before', 'dry_run', 'cursor'],
      summary:
        'Sends what the reaction would have sent for events before it was deployed; one request does a stretch, the cursor the next',
      serve: async (request) => {
        const { before: beforeText, cursor: sent } = request.query;
        const isDryRun = dryRunOf(request.query.dry_run);
        if (typeof isDryRun !== 'boolean') return isDryRun;
        const before = beforeText === undefined ? undefined : timeOf('before', beforeText);
        if (isRejected(before)) return before;
        const cursor = cursorValue(sent, isBackfillCursor);
        if (isRejected(cursor)) return cursor;
        // The gateway matched the path, so the parameter is there.
        const reaction = request.params.name!;
        const { operations } = parts;
        const stretches = await Promise.all(
          Array.from({ length: operations.partitionCount }, (_, partition) => {
            const from = cursor === undefined ? 0 : cursor[partition];
            if (from === null || from === undefined) return { count: 0, next: null };
            const ask = { reaction, from, before, isDryRun };
            return operations.ask(partition, 'reactions.backfill', ask, operatorOf(request));
          }),
        );
        const next = stretches.map((stretch) => stretch.next);
        return {
          status: 200,
          body: {
            reaction,
            count: stretches.reduce((sum, { count }) => sum + count, 0),
            dry_run: isDryRun,
            next_cursor: next.every((position) => position === null) ? null : cursorText(next),
          },
        };
      },
    },
  ];
}

/** By partition the position to go on from; null where all was looked at. */
function isBackfillCursor(value: unknown): value is readonly (number | null)[] {
  return (
    Array.isArray(value) && value.every((each) => each === null || (Number.isSafeInteger(each) && each >= 0))
  );
}
