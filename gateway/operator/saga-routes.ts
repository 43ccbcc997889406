/**
 * Sagas: `GET /api/v1/sagas` with filters, one with its timeline, and what an operator may do with one that is parked
 * (rows 123 and 124, decision D12).
 */
import { partitionOf } from '../../actors/model/address.js';
import type { HistoryReply } from '../../actors/model/call.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import { limitOf } from '../../actors/model/page-query.js';
import type { RouteAnswer, RouteRequest } from '../../actors/model/route.js';
import {
  isFinal,
  type SagaDefinition,
  type SagaState,
  type SagaVerb,
  sagaVerbs,
} from '../../actors/model/saga.js';
import type { SagaLine, SagaName } from '../../runtime/operator/saga-operations.js';
import { contractOf } from '../../runtime/saga/saga-contract.js';
import { planSaga } from '../../runtime/saga/saga-plan.js';
import { sagaTimeline, type TimelineStep } from '../../runtime/saga/saga-timeline.js';
import type { Refused } from '../own-route.js';
import {
  askActor,
  cursorValue,
  dryRunOf,
  isoTime,
  isRejected,
  type OperatorParts,
  type OperatorRoute,
  operatorOf,
  switchOf,
} from './operator-parts.js';
import { isSagaCursor, openSagas, recentSagas, type SagaPage } from './saga-pages.js';

const sagas = '/api/v1/sagas';
/** Events read for a timeline; one of a saga with more says that it is not complete. */
const timelineEventsMax = 1_000;
const reasonCharsMax = 500;
const states: ReadonlySet<string> = new Set<SagaState>([
  'pending',
  'running',
  'compensating',
  'completed',
  'compensated',
  'failed',
]);

interface Filter {
  readonly state: SagaState | undefined;
  readonly kind: string | undefined;
  /** Unix ms. */
  readonly startedBefore: number | undefined;
  readonly isParked: boolean;
  readonly isStuck: boolean;
  readonly limit: number;
}

export function sagaRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  const one = { rejections: { 'not-found': 404 } } as const;
  return [
    {
      method: 'GET',
      path: sagas,
      query: ['state', 'type', 'older_than', 'parked', 'stuck', 'cursor', 'limit'],
      summary:
        'Sagas, newest first; running, compensating, parked and stuck ones oldest first. `older_than` in seconds',
      serve: (request) => list(parts, request),
    },
    {
      ...one,
      method: 'GET',
      path: `${sagas}/{saga_id}`,
      query: ['type'],
      summary: 'One saga with its timeline',
      serve: async (request) => {
        const line = await find(parts, request);
        return isRejected(line) ? line : { status: 200, body: await detail(parts, line, request) };
      },
    },
    ...sagaVerbs.map(
      (verb): OperatorRoute => ({
        ...one,
        method: 'POST',
        path: `${sagas}/{saga_id}/${verb}`,
        query: ['type', 'reason', 'dry_run'],
        summary: `Tells a parked saga to ${verb}`,
        // Told twice, it would skip two steps.
        takesKey: true,
        serve: (request, { fingerprint }) => tell(parts, verb, request, fingerprint),
      }),
    ),
  ];
}

async function list(parts: OperatorParts, request: RouteRequest): Promise<RouteAnswer | Rejection> {
  const filter = filterOf(request);
  if (isRejected(filter)) return filter;
  const cursor = cursorValue(request.query.cursor, isSagaCursor);
  if (isRejected(cursor)) return cursor;
  const operator = operatorOf(request);
  const { state, isParked, isStuck } = filter;
  const isOfOpen = isParked || isStuck || state === 'running' || state === 'compensating';
  if (cursor !== undefined && cursor[0] !== (isOfOpen ? 'open' : 'recent'))
    return reject('cursor-invalid', 'cursor belongs to other filters');
  const page = isOfOpen
    ? await openSagas(parts, filter, cursor?.[0] === 'open' ? cursor : undefined, operator)
    : await recentSagas(parts, filter, cursor?.[0] === 'recent' ? cursor : undefined, operator);
  const lines = (await look(parts, page, request)).filter((line) => isShown(line, filter));
  const items = lines.map(lineJson);
  return {
    status: 200,
    body: {
      // Row 123: by id.
      active_sagas: Object.fromEntries(items.map((item) => [item.saga_id, item])),
      items,
      next_cursor: page.nextCursor,
    },
  };
}

function filterOf({ query, now }: RouteRequest): Filter | Rejection {
  const { state, type: kind, older_than: age, parked, stuck, limit: limitText } = query;
  const limit = limitOf(limitText);
  if (typeof limit !== 'number') return limit;
  if (state !== undefined && !states.has(state))
    return reject('query-invalid', `state must be one of ${[...states].join(', ')}`);
  if (age !== undefined && !/^\d{1,9}$/.test(age))
    return reject('query-invalid', 'older_than must be a whole number of seconds');
  const isParked = switchOf('parked', parked);
  if (typeof isParked !== 'boolean') return isParked;
  const isStuck = switchOf('stuck', stuck);
  if (typeof isStuck !== 'boolean') return isStuck;
  const startedBefore = age === undefined ? undefined : now - Number(age) * 1000;
  return { state: state as SagaState | undefined, kind, startedBefore, isParked, isStuck, limit };
}

function isShown({ summary }: SagaLine, { state, startedBefore }: Filter): boolean {
  if (state !== undefined && summary.state !== state) return false;
  return startedBefore === undefined || summary.started_at < startedBefore;
}

/** The page's sagas as they stand, in its order. */
async function look(
  parts: OperatorParts,
  page: SagaPage,
  request: RouteRequest,
): Promise<readonly SagaLine[]> {
  const { operations } = parts;
  const byPartition = new Map<number, SagaName[]>();
  for (const { kind, id } of page.sagas) {
    const partition = partitionOf(id, operations.partitionCount);
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), { kind, id }]);
  }
  const asked = Array.from(byPartition, ([partition, names]) =>
    operations.ask(partition, 'sagas.look', { sagas: names }, operatorOf(request)),
  );
  const lines = new Map((await Promise.all(asked)).flat().map((line) => [nameText(line), line]));
  return page.sagas.flatMap((name) => lines.get(nameText(name)) ?? []);
}

/** The saga of the path; `type` says which, where several definitions have used the id. */
async function find({ operations }: OperatorParts, request: RouteRequest): Promise<SagaLine | Rejection> {
  // The gateway matched the path, so the parameter is there.
  const id = request.params.saga_id!;
  const partition = partitionOf(id, operations.partitionCount);
  const found = await operations.ask(partition, 'sagas.find', { id }, operatorOf(request));
  const { type } = request.query;
  const line = found.find(({ kind }) => type === undefined || kind === type);
  // Row 124's wording.
  return line ?? reject('not-found', 'Saga not found');
}

async function detail(parts: OperatorParts, line: SagaLine, request: RouteRequest) {
  const { kind, id, status, summary, deadlineAt } = line;
  const call = {
    type: 'history',
    kind,
    id,
    direction: 'forward',
    fromVersion: 0,
    limit: timelineEventsMax,
  } as const;
  const history = await askActor(parts, call, request);
  // A history call replies with a history.
  const { events, next } =
    history.type === 'reply' ? (history.reply as HistoryReply) : { events: [], next: null };
  const isOver = summary.ended_at !== null || isFinal(summary.state);
  const current = isOver
    ? undefined
    : { step: summary.step, isCompensating: summary.state === 'compensating' };
  const definition = definitionOf(parts, kind);
  const undoable = definition === undefined ? new Set<string>() : undoableSteps(definition);
  return {
    ...lineJson(line),
    definition_name: status.definition_name,
    step_results: status.step_results.map((result) => ({ ...result, timestamp: isoTime(result.timestamp) })),
    // A step for each of a list has a result for each: `reserve[0]`.
    compensation_steps: status.step_results.flatMap(({ step }) =>
      undoable.has(step.split('[')[0] ?? '') ? [step] : [],
    ),
    timeout_at: isoTime(deadlineAt),
    timeline: sagaTimeline(events, current).map(timelineJson),
    // Later events are to be read from the actor's history.
    timeline_events: events.length,
    timeline_is_complete: next === null,
  };
}

/** Names of the steps that can be taken back, those in groups with them. */
function undoableSteps(definition: SagaDefinition): ReadonlySet<string> {
  return new Set(planSaga(definition).steps.flatMap(({ name, undo }) => (undo === undefined ? [] : [name])));
}

function definitionOf({ modules }: OperatorParts, kind: string) {
  for (const { sagas: ofModule = [] } of modules)
    for (const definition of ofModule) if (definition.name === kind) return definition;
  return undefined;
}

async function tell(
  parts: OperatorParts,
  verb: SagaVerb,
  request: RouteRequest,
  fingerprint: string | undefined,
): Promise<RouteAnswer | Refused> {
  const isDryRun = dryRunOf(request.query.dry_run);
  if (typeof isDryRun !== 'boolean') return isDryRun;
  const { reason = '' } = request.query;
  if (reason.length > reasonCharsMax)
    return reject('query-invalid', `reason has at most ${reasonCharsMax} characters`);
  const line = await find(parts, request);
  if (isRejected(line)) return line;
  if (isDryRun) {
    const body = { ...lineJson(line), verb, applies: line.summary.parked_at !== null, dry_run: true };
    return { status: 200, body };
  }
  const { kind, id } = line;
  const definition = definitionOf(parts, kind);
  if (definition === undefined || contractOf(definition).commands[verb] === undefined)
    return reject('command-unknown', `Sagas of type ${kind} take no ${verb}`);
  const call = { type: 'command', kind, id, command: verb, payload: { reason } } as const;
  const answer = await askActor(parts, call, request, fingerprint);
  if (answer.type === 'rejection') return answer;
  const after = await find(parts, request);
  if (isRejected(after)) return after;
  const body = { ...lineJson(after), verb, dry_run: false };
  return answer.replayed ? { status: 200, body, headers: replayedHeader } : { status: 200, body };
}

const replayedHeader = { 'idempotency-replayed': 'true' };

function lineJson({ kind, id, summary, status, orderId, updatedAt }: SagaLine) {
  const { state, step, started_at, parked_at, ended_at } = summary;
  return {
    saga_id: id,
    order_id: orderId,
    type: kind,
    state,
    status: state,
    current_step: step,
    steps_completed: status.step_results.map((result) => result.step),
    errors: status.errors,
    created_at: isoTime(started_at),
    updated_at: isoTime(updatedAt),
    parked_at: parked_at === null ? null : isoTime(parked_at),
    ended_at: ended_at === null ? null : isoTime(ended_at),
  };
}

function timelineJson(step: TimelineStep) {
  const { started_at, ended_at } = step;
  return { ...step, started_at: isoTime(started_at), ended_at: ended_at === null ? null : isoTime(ended_at) };
}

function nameText({ kind, id }: SagaName): string {
  return `${kind}/${id}`;
}
