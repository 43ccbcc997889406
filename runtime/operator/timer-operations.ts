/**
 * Timers as an operator sees and changes them. A saga's own timer is the saga's to set: it is shown and not touched.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { Kind } from '../kind-table.js';
import type { Partition } from '../partition.js';
import type { LiveTimer } from '../timer/timer-desk.js';
import { type OperationGround, type Operator, recordChange, withActor } from './operation-ground.js';

/** A place in the order of due times; `key` decides among those of one millisecond. */
export interface TimerPlace {
  readonly dueAt: number;
  readonly key: string;
}

export interface ListTimers {
  /** Only timers after this place. */
  readonly after: TimerPlace | undefined;
  readonly kind: string | undefined;
  readonly limit: number;
}

export interface TimerView extends TimerPlace {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly command: string;
}

export interface TimerPage {
  readonly timers: readonly TimerView[];
}

/** One timer by name. */
export interface NamedTimer {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
}

export interface MoveTimer extends NamedTimer {
  /** Unix ms; absent: the timer is cancelled. */
  readonly dueAt: number | undefined;
  /** Only looks whether it could be done. */
  readonly isDryRun: boolean;
}

/** The next timers of the partition, earliest first. */
export function listTimers(
  { domain, timers }: OperationGround,
  partition: Partition,
  { after, kind, limit }: ListTimers,
): TimerPage {
  const schemaId = kind === undefined ? undefined : domain.kinds.named(kind)?.schemaId;
  if (kind !== undefined && schemaId === undefined) return { timers: [] };
  const found = timers.earliest(limit, (timer, key) => {
    if (timer.partition !== partition) return false;
    if (schemaId !== undefined && timer.kindSchemaId !== schemaId) return false;
    return (
      after === undefined || timer.dueAt > after.dueAt || (timer.dueAt === after.dueAt && key > after.key)
    );
  });
  return { timers: found.map(({ key, timer }) => viewOf(domain.kinds, timer, key)) };
}

/** Sets a timer to another time, or cancels it. Resolves to the timer as it stood. */
export function moveTimer(
  ground: OperationGround,
  partition: Partition,
  ask: MoveTimer,
  operator: Operator,
): Promise<TimerView> {
  const kind = ground.domain.kinds.named(ask.kind);
  if (kind === undefined) throw notFound();
  return withActor(ground, kind, ask.id, (activation) => {
    const found = ground.timers.find(partition, kind.schemaId, ask.id, ask.name);
    if (found === undefined) throw notFound();
    refuseSagas(kind);
    const { timer, key } = found;
    if (!ask.isDryRun) {
      const { dueAt } = ask;
      const verb = dueAt === undefined ? 'timer-cancel' : 'timer-move';
      const change =
        dueAt === undefined
          ? ([ask.name] as const)
          : ([ask.name, dueAt, timer.schema, timer.fields] as const);
      recordChange(ground, activation, { operator, verb, correlationId: timer.trail[0] }, [change]);
    }
    return viewOf(ground.domain.kinds, timer, key);
  });
}

function refuseSagas({ isSaga }: Kind): void {
  if (isSaga)
    throw new OperatingError(
      'timer-of-saga',
      'A saga sets its own timer: use retry, skip or abort on the saga.',
    );
}

function viewOf(kinds: OperationGround['domain']['kinds'], timer: LiveTimer, key: string): TimerView {
  const { id, name, dueAt, kindSchemaId, schema } = timer;
  return {
    kind: kinds.catalogue.entry(kindSchemaId).kind,
    id,
    name,
    dueAt,
    // One that keeps a reply has no command.
    command: schema === 0 ? 'reply' : kinds.catalogue.entry(schema).name,
    key,
  };
}

function notFound(): OperatingError {
  return new OperatingError('not-found', 'There is no such timer: it has fired, or was never set.');
}
