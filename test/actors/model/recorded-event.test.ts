/** Events as answers show them. */
import t from 'tap';
import { eventJson, eventPageJson } from '../../../actors/model/recorded-event.js';

const event = {
  eventId: 'e1',
  type: 'MoneyDeposited',
  aggregateId: 'acc-1',
  aggregateType: 'account',
  streamVersion: 2,
  schemaVersion: 1,
  data: { amount: '100' },
  correlationId: 'c1',
  causationId: 'k1',
  principal: 'alice',
  at: Date.UTC(2026, 10, 20, 12),
  position: 'p9',
};

t.test('decision D13: an event has exactly these names', async (t) => {
  t.same(eventJson(event), {
    event_id: 'e1',
    event_type: 'MoneyDeposited',
    aggregate_id: 'acc-1',
    aggregate_type: 'account',
    stream_version: 2,
    schema_version: 1,
    event_data: { amount: '100' },
    metadata: { principal: 'alice' },
    correlation_id: 'c1',
    causation_id: 'k1',
    timestamp: '2026-11-20T12:00:00.000Z',
    position: 'p9',
  });
});

t.test('a page says where the next one begins, and null at the end', async (t) => {
  t.same(eventPageJson({ events: [event], next: 2 }), { items: [eventJson(event)], next_cursor: '2' });
  t.same(eventPageJson({ events: [], next: null }), { items: [], next_cursor: null });
});
