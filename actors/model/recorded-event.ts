/**
 * A recorded event as every answer shows it (decision D13): the HTTP routes of the modules, the generic routes, streams.
 */
import type { HistoryReply, RecordedEvent } from './call.js';

/** The JSON of one event. `metadata` holds who caused it. */
export function eventJson(event: RecordedEvent) {
  return {
    event_id: event.eventId,
    event_type: event.type,
    aggregate_id: event.aggregateId,
    aggregate_type: event.aggregateType,
    stream_version: event.streamVersion,
    schema_version: event.schemaVersion,
    event_data: event.data,
    metadata: { principal: event.principal },
    correlation_id: event.correlationId,
    causation_id: event.causationId,
    timestamp: new Date(event.at).toISOString(),
    position: event.position,
  };
}

/** A page of events with the cursor of the next one, or null at the end: of the history, or of the versions asked for. */
export function eventPageJson(history: HistoryReply, query: { readonly to_version?: string } = {}) {
  const { next } = history;
  // The plan has refused a query with another one.
  const isLast = next !== null && query.to_version !== undefined && next >= Number(query.to_version);
  return { items: history.events.map(eventJson), next_cursor: isLast ? null : cursorOf(history) };
}

/** `next_cursor` of a history: the version to go on from, as text. */
export function cursorOf(history: HistoryReply): string | null {
  return history.next === null ? null : String(history.next);
}
