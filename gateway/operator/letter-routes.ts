/**
 * Dead letters: `GET /api/v1/dead-letters`, replayed and skipped by id.
 *
 * An id says where the letter is kept (its target's partition) and where its message stands (its source's log).
 */
import { limitOf } from '../../actors/model/page-query.js';
import type { RouteRequest } from '../../actors/model/route.js';
import { bySending, type LetterPlace, type SentPlace } from '../../runtime/letters/letter-box.js';
import type { LetterView, Replay } from '../../runtime/operator/letter-operations.js';
import {
  askAll,
  cursorText,
  cursorValue,
  dryRunOf,
  isoTime,
  isRejected,
  type OperatorParts,
  type OperatorRoute,
  operatorOf,
} from './operator-parts.js';

const letters = '/api/v1/dead-letters';

interface Placed {
  readonly partition: number;
  readonly letter: LetterView;
}

export function letterRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  const list: OperatorRoute = {
    method: 'GET',
    path: letters,
    query: ['kind', 'id', 'cursor', 'limit'],
    summary: 'Dead letters, the oldest first; `kind` and `id` are the target’s',
    serve: async (request) => {
      const { kind, id, cursor } = request.query;
      const limit = limitOf(request.query.limit);
      if (typeof limit !== 'number') return limit;
      const from = cursorValue(cursor, isSentPlace);
      if (isRejected(from)) return from;
      const ask = { after: from === undefined ? undefined : sentPlace(from), kind, id, limit: limit + 1 };
      const pages = await askAll(parts, 'letters.list', ask, operatorOf(request));
      const all = pages
        .flatMap((page, partition) => page.letters.map((letter): Placed => ({ partition, letter })))
        .sort((left, right) => bySending(left.letter, right.letter));
      const items = all.slice(0, limit);
      const last = items.at(-1)?.letter;
      const isMore = all.length > limit && last !== undefined;
      return {
        status: 200,
        body: {
          items: items.map(letterJson),
          total: pages.reduce((sum, page) => sum + page.total, 0),
          next_cursor: isMore ? cursorText([last.sentAt, last.source, last.position, last.ordinal]) : null,
        },
      };
    },
  };

  /** What `replay` and `skip` share: the letter of the path, and whether to do it. */
  const one = (
    verb: string,
    summary: string,
    run: (asked: Asked) => ReturnType<OperatorRoute['serve']>,
  ): OperatorRoute => ({
    method: 'POST',
    path: `${letters}/{dead_letter_id}/${verb}`,
    query: ['dry_run'],
    isParameter: (text) => placeOf(text) !== undefined,
    summary,
    serve: async (request) => {
      const isDryRun = dryRunOf(request.query.dry_run);
      if (typeof isDryRun !== 'boolean') return isDryRun;
      // The gateway checked the parameter with `isParameter`.
      return run({ request, isDryRun, ...(placeOf(request.params.dead_letter_id!) as Named) });
    },
  });
  return [
    list,
    one(
      'replay',
      'Replays a letter with those of its sender before and behind it; stops at the first refused',
      async ({ request, partition, place, isDryRun }) => {
        const ask = { place, isDryRun };
        const replay = await parts.operations.ask(partition, 'letters.replay', ask, operatorOf(request));
        return { status: 200, body: replayJson(partition, replay, isDryRun) };
      },
    ),
    one('skip', 'Gives a letter up', async ({ request, partition, place, isDryRun }) => {
      const ask = { place, isDryRun };
      const letter = await parts.operations.ask(partition, 'letters.skip', ask, operatorOf(request));
      const body = { ...letterJson({ partition, letter }), skipped: !isDryRun, dry_run: isDryRun };
      return { status: 200, body };
    }),
  ];
}

interface Named {
  readonly partition: number;
  readonly place: LetterPlace;
}

interface Asked extends Named {
  readonly request: RouteRequest;
  readonly isDryRun: boolean;
}

function letterJson({ partition, letter }: Placed) {
  return {
    dead_letter_id: idOf(partition, letter),
    target: letter.target,
    sender: letter.sender,
    command: letter.command,
    payload: letter.payload,
    code: letter.code,
    detail: letter.detail,
    sent_at: isoTime(letter.sentAt),
    queued_at: isoTime(letter.queuedAt),
    principal: letter.principal,
    correlation_id: letter.correlationId,
  };
}

function replayJson(partition: number, { replayed, left, next, refused }: Replay, isDryRun: boolean) {
  const why =
    refused === undefined
      ? null
      : { dead_letter_id: idOf(partition, refused.place), code: refused.code, detail: refused.detail };
  return isDryRun
    ? { count: left, dry_run: true }
    : {
        count: replayed,
        left,
        next: next === undefined ? null : idOf(partition, next),
        refused: why,
        dry_run: false,
      };
}

function idOf(partition: number, { source, position, ordinal }: LetterPlace): string {
  return `${partition}.${source}.${position}.${ordinal}`;
}

function placeOf(text: string): Named | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,15})\.(\d{1,9})$/.exec(text);
  if (match === null) return undefined;
  // All groups take part in a match.
  const [partition, source, position, ordinal] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { partition, place: { source, position, ordinal } };
}

type SentAt = readonly [sentAt: number, source: number, position: number, ordinal: number];

function isSentPlace(value: unknown): value is SentAt {
  return Array.isArray(value) && value.length === 4 && value.every((each) => Number.isSafeInteger(each));
}

function sentPlace([sentAt, source, position, ordinal]: SentAt): SentPlace {
  return { sentAt, source, position, ordinal };
}
