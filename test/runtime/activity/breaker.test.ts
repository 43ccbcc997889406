import t from 'tap';
import { Breaker, callsRememberedMax } from '../../../runtime/activity/breaker.js';
import type { CircuitAnswer } from '../../../runtime/activity/circuit.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const settings = {
  failureThreshold: 5,
  successThreshold: 2,
  timeoutMs: 30_000,
  halfOpenRequests: 3,
  timeWindowMs: 60_000,
};

function fixture() {
  const clock = new VirtualClock({ startsAt: Date.UTC(2026, 0, 2) });
  const reports: string[] = [];
  const report = (level: string, event: string): void => {
    reports.push(`${level} ${event}`);
  };
  const breaker = new Breaker({ name: 'payment.charge', settings, clock, report });
  const call = (answer: CircuitAnswer): boolean => {
    const admission = breaker.admit();
    if (admission !== undefined) breaker.settle(admission, answer);
    return admission !== undefined;
  };
  const fail = (count: number): void => {
    for (let done = 0; done < count; done++) call('failure');
  };
  return { breaker, clock, call, fail, reports };
}

t.test('row 161: metrics name the circuit, its state, its counts and its last change', async (t) => {
  const { breaker, call, fail } = fixture();
  t.same(breaker.metrics(), {
    name: 'payment.charge',
    state: 'closed',
    failure_rate: 0,
    metrics: { total_requests: 0, successful_requests: 0, failed_requests: 0, rejected_requests: 0 },
    last_state_change: null,
    response_times: [],
  });
  call('success');
  call('excluded');
  fail(5);
  t.equal(call('success'), false, 'an open circuit refuses');
  t.match(breaker.metrics(), {
    state: 'open',
    failure_rate: 5 / 6,
    metrics: { total_requests: 7, successful_requests: 1, failed_requests: 5, rejected_requests: 1 },
    last_state_change: {
      timestamp: '2026-01-02T00:00:00.000Z',
      from_state: 'closed',
      to_state: 'open',
      failure_count: 5,
    },
  });
});

t.test('row 161: the failure rate forgets what lies before the window', async (t) => {
  const { breaker, clock, call } = fixture();
  call('failure');
  await clock.advance(60_001);
  call('success');
  t.equal(breaker.metrics().failure_rate, 0);
  call('failure');
  t.equal(breaker.metrics().failure_rate, 0.5);
});

t.test('no more than a hundred calls are remembered', async (t) => {
  const { breaker, clock } = fixture();
  for (let count = 0; count < callsRememberedMax + 5; count++) {
    const admission = breaker.admit();
    await clock.advance(count);
    if (admission !== undefined) breaker.settle(admission, 'success');
  }
  const { response_times } = breaker.metrics();
  t.equal(response_times.length, callsRememberedMax);
  t.same([response_times[0], response_times.at(-1)], [5, 104]);
});

t.test('row 160: whoever listens is told of every change, in order', async (t) => {
  const { breaker, clock, call, fail, reports } = fixture();
  const heard: string[] = [];
  const quiet = breaker.onStateChange(async (name, from, to) => {
    heard.push(`${name} ${from} ${to}`);
  });
  fail(5);
  await clock.advance(30_000);
  call('success');
  call('success');
  t.same(heard, [
    'payment.charge closed open',
    'payment.charge open half_open',
    'payment.charge half_open closed',
  ]);
  t.same(reports, ['warn circuit-changed', 'info circuit-changed', 'info circuit-changed']);
  quiet();
  fail(5);
  t.equal(heard.length, 3);
});

t.test('what a listener throws is reported and holds nothing up', async (t) => {
  const { breaker, clock, fail, reports } = fixture();
  breaker.onStateChange(() => {
    throw new Error('now');
  });
  breaker.onStateChange(async () => Promise.reject(new Error('later')));
  fail(5);
  await clock.settle();
  t.equal(breaker.state, 'open');
  t.equal(reports.filter((line) => line === 'error circuit-listener-failed').length, 2);
});
