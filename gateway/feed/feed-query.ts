/**
 * Parameters of the routes over all events: which events, and from where. Each answers its value or a rejection.
 */
import { isActorId } from '../../actors/model/address.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import { timeOf } from '../../actors/model/page-query.js';
import type { FeedFrom } from '../../runtime/feed/event-feed.js';
import type { EventSelection } from '../../runtime/feed/event-filter.js';

type Query = Readonly<Record<string, string>>;

/** Names in one list. */
const namesMax = 64;

export const selectionParameters = ['type', 'types', 'kind', 'kinds', 'correlation_id'] as const;

/** `type` and `types` mean the same, as do `kind` and `kinds`: one name or several with commas between them. */
export function selectionOf(query: Query): EventSelection | Rejection {
  const types = listOf(query, 'type', 'types');
  if (isRejection(types)) return types;
  const kinds = listOf(query, 'kind', 'kinds');
  if (isRejection(kinds)) return kinds;
  const { correlation_id: correlationId } = query;
  if (correlationId !== undefined && !isActorId(correlationId))
    return reject('query-invalid', 'correlation_id is not a valid id');
  return {
    ...(types === undefined ? {} : { types }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(correlationId === undefined ? {} : { correlationId }),
  };
}

/** `start`, `now`, or a position that was given out. */
export function placeOf(text: string): FeedFrom {
  return text === 'start' || text === 'now' ? text : { token: text };
}

/** Of the parameters that say where to begin, at most one; without any, `otherwise`. */
export function fromOf(query: Query, names: readonly string[], otherwise: FeedFrom): FeedFrom | Rejection {
  const given = names.filter((name) => query[name] !== undefined);
  if (given.length > 1) return reject('query-invalid', `${given.join(' and ')} exclude each other`);
  const [name] = given;
  const text = name === undefined ? undefined : query[name];
  if (text === undefined) return otherwise;
  if (name !== 'from_time') return placeOf(text);
  const time = timeOf('from_time', text);
  return typeof time === 'number' ? { time } : time;
}

export function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'rejection';
}

function listOf(query: Query, one: string, several: string): readonly string[] | undefined | Rejection {
  const text = query[one] ?? query[several];
  if (text === undefined) return undefined;
  if (query[one] !== undefined && query[several] !== undefined)
    return reject('query-invalid', `${one} and ${several} mean the same; give one of them`);
  const names = text.split(',');
  if (names.length > namesMax || names.includes(''))
    return reject('query-invalid', `${several} is a list of 1 to ${namesMax} names with commas between them`);
  return names;
}
