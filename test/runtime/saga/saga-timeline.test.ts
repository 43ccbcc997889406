/** A saga's story read off its events. */
import t from 'tap';
import type { RecordedEvent } from '../../../actors/model/call.js';
import { sagaTimeline } from '../../../runtime/saga/saga-timeline.js';

/** Events one second apart, from second 1. */
function story(...told: readonly (readonly [type: string, data?: object])[]): RecordedEvent[] {
  return told.map(([type, data = {}], index) => ({
    ...{ eventId: `e${index}`, type, aggregateId: 's', aggregateType: 'test', streamVersion: index + 1 },
    ...{ schemaVersion: 1, data, correlationId: '', causationId: '', principal: '', position: '' },
    at: (index + 1) * 1000,
  }));
}

t.test('attempts are counted, and each line has its beginning and end', (t) => {
  const failure = { step: 'pay', code: 'internal', detail: 'the actor failed' };
  const events = story(
    ['SagaStarted'],
    ['StepCompleted', { step: 'reserve', result: { ok: true } }],
    ['StepFailed', { ...failure, attempt: 1, next: 'retry' }],
    ['StepRetried', { step: 'pay' }],
    ['StepFailed', { ...failure, attempt: 2, next: 'exhausted' }],
    ['SagaCompensating', { step: 'pay', reason: 'why' }],
    ['UndoFailed', { step: 'reserve', code: 'overloaded', detail: 'later', attempt: 1, next: 'retry' }],
    ['UndoRetried', { step: 'reserve' }],
    ['StepCompensated', { step: 'reserve' }],
    ['SagaCompensated', { step: 'reserve' }],
    ['PaymentRejected', { reason: 'the definition’s own' }],
  );
  t.same(sagaTimeline(events, undefined), [
    {
      ...{ step: 'reserve', direction: 'do', started_at: 1000, ended_at: 2000, attempts: 1 },
      ...{ outcome: 'completed', result: { ok: true }, error: null },
    },
    {
      ...{ step: 'pay', direction: 'do', started_at: 2000, ended_at: 5000, attempts: 2 },
      ...{ outcome: 'failed', result: null, error: 'internal: the actor failed' },
    },
    {
      ...{ step: 'reserve', direction: 'undo', started_at: 6000, ended_at: 9000, attempts: 2 },
      ...{ outcome: 'compensated', result: null, error: 'overloaded: later' },
    },
  ]);
  t.end();
});

t.test('what a saga is busy with stands at the end, without an end', (t) => {
  const events = story(['SagaStarted'], ['StepCompleted', { step: 'reserve', result: null }]);
  t.match(sagaTimeline(events, { step: 'pay', isCompensating: false }).at(-1), {
    ...{ step: 'pay', direction: 'do', started_at: 2000, ended_at: null, outcome: 'under-way' },
  });
  const back = story(['SagaStarted'], ['SagaCompensating', { step: 'reserve', reason: 'why' }]);
  t.match(sagaTimeline(back, { step: 'reserve', isCompensating: true }), [
    { direction: 'undo', started_at: 2000 },
  ]);
  t.end();
});

t.test('an undo that was given up says why', (t) => {
  const events = story(
    ['SagaStarted'],
    ['SagaCompensating', { step: 'a', reason: 'why' }],
    ['CompensationFailed', { step: 'a', code: 'internal', detail: 'no' }],
    ['SagaFailed', { step: 'a', reason: '' }],
  );
  t.match(sagaTimeline(events, undefined), [
    { direction: 'undo', outcome: 'given-up', error: 'internal: no' },
  ]);
  t.end();
});
