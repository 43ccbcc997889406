/**
 * Durable timers: `GET /api/v1/timers`, moved and cancelled by id.
 *
 * A timer is known by kind, actor and name; its id is these three as one text, so that nobody has to keep a list of ids.
 */
import { isActorId, partitionOf } from '../../actors/model/address.js';
import { limitOf, timeOf } from '../../actors/model/page-query.js';
import type { RouteAnswer, RouteRequest } from '../../actors/model/route.js';
import { type Static, Type } from '../../actors/model/typebox.js';
import type { NamedTimer, TimerPlace, TimerView } from '../../runtime/operator/timer-operations.js';
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

const timers = '/api/v1/timers';
const MoveBody = Type.Object({ due_at: Type.String() });

export function timerRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  const list: OperatorRoute = {
    method: 'GET',
    path: timers,
    query: ['kind', 'cursor', 'limit'],
    summary: 'Timers that are set, the next one first',
    serve: async (request) => {
      const { kind, cursor, limit: limitText } = request.query;
      const limit = limitOf(limitText);
      if (typeof limit !== 'number') return limit;
      const after = cursorValue(cursor, isPlace);
      if (isRejected(after)) return after;
      const place = after === undefined ? undefined : { dueAt: after[0], key: after[1] };
      const pages = await askAll(
        parts,
        'timers.list',
        { after: place, kind, limit: limit + 1 },
        operatorOf(request),
      );
      const all = pages.flatMap((page) => page.timers).sort(byPlace);
      const items = all.slice(0, limit);
      const last = items.at(-1);
      const next = all.length > limit && last !== undefined ? cursorText([last.dueAt, last.key]) : null;
      return { status: 200, body: { items: items.map(timerJson), next_cursor: next } };
    },
  };

  const change = async (
    request: RouteRequest,
    dueAt: number | undefined,
  ): ReturnType<OperatorRoute['serve']> => {
    const isDryRun = dryRunOf(request.query.dry_run);
    if (typeof isDryRun !== 'boolean') return isDryRun;
    // The gateway matched the path and checked the parameter with `isTimerId`.
    const timer = namedTimer(request.params.timer_id!) as NamedTimer;
    const partition = partitionOf(timer.id, parts.operations.partitionCount);
    const ask = { ...timer, dueAt, isDryRun };
    const found = await parts.operations.ask(partition, 'timers.move', ask, operatorOf(request));
    return changed(found, dueAt, isDryRun);
  };
  const one = {
    path: `${timers}/{timer_id}`,
    query: ['dry_run'],
    isParameter: (text: string) => namedTimer(text) !== undefined,
  } as const;
  return [
    list,
    {
      ...one,
      method: 'PUT',
      body: MoveBody,
      summary: 'Moves a timer to another time',
      serve: (request) => {
        // The body was checked against the schema.
        const dueAt = timeOf('due_at', (request.body as Static<typeof MoveBody>).due_at);
        return typeof dueAt === 'number' ? change(request, dueAt) : Promise.resolve(dueAt);
      },
    },
    { ...one, method: 'DELETE', summary: 'Cancels a timer', serve: (request) => change(request, undefined) },
  ];
}

function changed(found: TimerView, dueAt: number | undefined, isDryRun: boolean): RouteAnswer {
  const result = dueAt === undefined ? { cancelled: !isDryRun } : { moved_to: isoTime(dueAt) };
  return { status: 200, body: { ...timerJson(found), ...result, dry_run: isDryRun } };
}

function timerJson({ kind, id, name, command, dueAt }: TimerView) {
  return { timer_id: timerId({ kind, id, name }), kind, id, name, command, due_at: isoTime(dueAt) };
}

function timerId({ kind, id, name }: NamedTimer): string {
  return Buffer.from(`${kind}/${id}/${name}`).toString('base64url');
}

/** The timer of an id; undefined for a text that is none. Kinds and ids hold no slash, names may. */
function namedTimer(text: string): NamedTimer | undefined {
  const match = /^([^/]+)\/([^/]+)\/(.+)$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  // All groups take part in a match.
  if (match === null || !isActorId(match[2]!)) return undefined;
  return { kind: match[1]!, id: match[2]!, name: match[3]! };
}

function byPlace(left: TimerPlace, right: TimerPlace): number {
  return left.dueAt - right.dueAt || (left.key < right.key ? -1 : 1);
}

function isPlace(value: unknown): value is readonly [dueAt: number, key: string] {
  return Array.isArray(value) && typeof value[0] === 'number' && typeof value[1] === 'string';
}
