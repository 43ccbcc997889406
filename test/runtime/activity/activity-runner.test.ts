/**
 * Activities from order to outcome. Deadlines and circuits run on virtual time; attempts and the waits between them on
 * the platform's own, a few milliseconds long, and nothing here depends on how long they take.
 */
import t from 'tap';
import type { ActivityPolicy, AdapterCall, AnyAdapter } from '../../../actors/model/activity.js';
import { definePort, OperatingError, reject, Type } from '../../../actors/model/index.js';
import type { ActivityRequest } from '../../../runtime/activity/activities.js';
import { ActivityRunner } from '../../../runtime/activity/activity-runner.js';
import { SeededRandom } from '../../support/seeded-random.js';
import { VirtualClock } from '../../support/virtual-clock.js';

// What the runner waits for keeps no process alive.
const alive = setInterval(() => {}, 60_000);
t.teardown(() => clearInterval(alive));

const quick: ActivityPolicy = { retryDelayMs: 1, breaker: false };

type Charge = (amount: string, call: AdapterCall) => unknown;

interface Fixture {
  readonly policy?: ActivityPolicy;
  readonly fallback?: { readonly receipt: string };
  readonly runsMax?: number;
}

function fixture(charge: Charge, { policy = quick, fallback, runsMax }: Fixture = {}) {
  const clock = new VirtualClock();
  const till = definePort({
    name: 'till',
    activities: {
      charge: {
        input: Type.Object({ amount: Type.String() }),
        result: Type.Object({ receipt: Type.String() }),
        rejections: ['card-declined'],
        policy,
        ...(fallback === undefined ? {} : { fallback }),
      },
    },
  });
  const calls: AdapterCall[] = [];
  const reports: string[] = [];
  const runner = new ActivityRunner({
    ports: [till],
    adapters: {
      till: {
        charge: async ({ amount }: { amount: string }, call) => {
          calls.push(call);
          return charge(amount, call);
        },
      },
    },
    clock,
    random: new SeededRandom(1),
    report: (level, event) => reports.push(`${level} ${event}`),
    ...(runsMax === undefined ? {} : { runsMax }),
  });
  const run = (request: Partial<ActivityRequest> = {}) =>
    runner.run({
      ...{ port: 'till', activity: 'charge', input: { amount: '1' } },
      ...{ idempotencyKey: 'saga~1/charge/do', deadlineAt: clock.now() + 60_000 },
      ...request,
    });
  return { runner, run, clock, calls, reports };
}

const unavailable = () => new OperatingError('provider-unavailable', 'connection refused');
const paid = { type: 'result', value: { receipt: 'r1' } };

/** Answers once told to, and not before. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

t.test('a result is the outcome', async (t) => {
  const { run, calls, runner } = fixture(() => ({ receipt: 'r1' }));
  t.same(await run({ traceparent: '00-1-2-01' }), paid);
  t.match(calls, [{ idempotencyKey: 'saga~1/charge/do', attempt: 0, traceparent: '00-1-2-01' }]);
  t.match(runner.metrics(), [{ port: 'till', activity: 'charge', attempts: 1, latency: { count: 1 } }]);
  t.same([...(runner.metrics()[0]?.outcomes ?? [])], [['result', 1]]);
  t.equal(runner.openCount, 0);
});

t.test('a rejection is final: it is not tried again', async (t) => {
  const { run, calls } = fixture(() => reject('card-declined', 'No money'));
  t.same(await run(), { type: 'rejected', code: 'card-declined', detail: 'No money' });
  t.equal(calls.length, 1);
});

t.test('row 154: an operating error is tried again with the same key, three attempts in all', async (t) => {
  const { run, calls, reports, runner } = fixture(() => Promise.reject(unavailable()));
  t.same(await run(), {
    type: 'failed',
    error: { code: 'provider-unavailable', detail: 'connection refused' },
  });
  t.same(
    calls.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey]),
    [0, 1, 2].map((attempt) => [attempt, 'saga~1/charge/do']),
  );
  t.equal(reports.filter((line) => line === 'warn activity-attempt-failed').length, 3);
  t.same([...(runner.metrics()[0]?.outcomes ?? [])], [['provider-unavailable', 1]]);
});

t.test('a later attempt may succeed', async (t) => {
  const { run, calls } = fixture((_, { attempt }) => {
    if (attempt < 2) throw unavailable();
    return { receipt: 'r1' };
  });
  t.same(await run(), paid);
  t.equal(calls.length, 3);
});

t.test('what has to change first is not tried again', async (t) => {
  const { run, calls } = fixture(() => {
    throw new OperatingError('provider-refused', 'answered 401');
  });
  t.match(await run(), { type: 'failed', error: { code: 'provider-refused' } });
  t.equal(calls.length, 1);
});

t.test('no answer in time is an unknown outcome, and the adapter is told to stop', async (t) => {
  const { run, calls } = fixture(() => new Promise(() => {}), {
    policy: { ...quick, timeoutMs: 5, attemptsMax: 2 },
  });
  t.same(await run(), {
    type: 'failed',
    error: { code: 'outcome-unknown', detail: 'no answer within 5 ms' },
  });
  t.same(
    calls.map(({ signal }) => signal.aborted),
    [true, true],
  );
});

t.test('a repeat that is answered settles what was unknown', async (t) => {
  const { run } = fixture((_, { attempt }) => (attempt === 0 ? new Promise(() => {}) : { receipt: 'r1' }), {
    policy: { ...quick, timeoutMs: 5 },
  });
  t.same(await run(), paid);
});

t.test('an unknown outcome is not hidden by a failure that is definite', async (t) => {
  const { run } = fixture((_, { attempt }) => {
    throw attempt === 0 ? new Error('socket hang up') : unavailable();
  });
  t.same(await run(), { type: 'failed', error: { code: 'outcome-unknown', detail: 'connection refused' } });
});

t.test('what an adapter throws without a code is not shown', async (t) => {
  const { run } = fixture(() => Promise.reject(new Error('password=hunter2')), {
    policy: { ...quick, attemptsMax: 1 },
  });
  t.same(await run(), {
    type: 'failed',
    error: { code: 'outcome-unknown', detail: 'the call ended without an answer' },
  });
});

t.test('an answer that is no result, and a code that is not declared, are unknown outcomes', async (t) => {
  for (const answer of [{ paid: true }, { receipt: 'r1', more: 1 }, 'ok', undefined, reject('oh', 'no')]) {
    const { run } = fixture(() => answer, { policy: { ...quick, attemptsMax: 1 } });
    t.match(await run(), { type: 'failed', error: { code: 'outcome-unknown' } }, JSON.stringify(answer));
  }
});

t.test('row 157: an open circuit refuses without asking, and a probe closes it again', async (t) => {
  let isDown = true;
  const { run, calls, clock, runner } = fixture(
    () => (isDown ? Promise.reject(unavailable()) : { receipt: 'r1' }),
    {
      policy: { attemptsMax: 1 },
    },
  );
  const heard: string[] = [];
  runner.onStateChange((name, from, to) => {
    heard.push(`${name} ${from} ${to}`);
  });
  for (let count = 0; count < 5; count++) await run();
  t.same(await run(), {
    type: 'failed',
    error: { code: 'circuit-open', detail: 'Circuit till.charge is open' },
  });
  t.equal(calls.length, 5);
  t.match(runner.metrics()[0]?.breaker, { state: 'open', metrics: { rejected_requests: 1 } });
  isDown = false;
  await clock.advance(30_000);
  t.same(await run(), paid);
  t.same(await run(), paid);
  t.equal(runner.metrics()[0]?.breaker?.state, 'closed');
  t.same(heard, ['till.charge closed open', 'till.charge open half_open', 'till.charge half_open closed']);
});

t.test('row 159: rejections and excluded codes leave a circuit closed', async (t) => {
  const answers = [() => reject('card-declined', 'No'), () => Promise.reject(unavailable())];
  for (const answer of answers) {
    const { run, runner } = fixture(answer, {
      policy: { attemptsMax: 1, breaker: { excludedCodes: ['provider-unavailable'] } },
    });
    for (let count = 0; count < 6; count++) await run();
    t.equal(runner.metrics()[0]?.breaker?.state, 'closed');
  }
});

t.test('row 154: calls past the bulkhead and its queue fail at once; those in it are served', async (t) => {
  const { open, opened } = gate();
  const { run, calls, runner } = fixture(
    async () => {
      await opened;
      return { receipt: 'r1' };
    },
    { policy: { ...quick, concurrencyMax: 2, queueMax: 1 } },
  );
  const taken = [run(), run(), run()];
  const full = await run();
  t.same(full, {
    type: 'failed',
    error: { code: 'bulkhead-full', detail: '2 calls are under way and 1 wait' },
  });
  t.match(runner.metrics()[0], { placesFree: 0, waiting: 1 });
  t.equal(calls.length, 2);
  open();
  t.same(await Promise.all(taken), [paid, paid, paid]);
  t.match(runner.metrics()[0], { placesFree: 2, waiting: 0 });
});

t.test('the deadline ends a call that is under way as unknown', async (t) => {
  const { run, clock, calls } = fixture(() => new Promise(() => {}));
  const outcome = run({ deadlineAt: clock.now() + 1_000 });
  await clock.advance(999);
  t.equal(calls[0]?.signal.aborted, false);
  await clock.advance(1);
  t.match(await outcome, { type: 'failed', error: { code: 'outcome-unknown' } });
  t.equal(calls[0]?.signal.aborted, true);
});

t.test('the deadline ends a call that never began as a definite failure', async (t) => {
  const { run, clock, calls } = fixture(() => new Promise(() => {}), {
    policy: { ...quick, concurrencyMax: 1 },
  });
  void run();
  const waiting = run({ deadlineAt: clock.now() + 1_000 });
  await clock.advance(1_000);
  t.match(await waiting, { type: 'failed', error: { code: 'deadline-passed' } });
  t.match(await run({ deadlineAt: clock.now() }), { type: 'failed', error: { code: 'deadline-passed' } });
  t.equal(calls.length, 1);
});

t.test('the deadline ends a sleep before the next attempt', async (t) => {
  const { run, clock, calls } = fixture(() => Promise.reject(unavailable()), {
    policy: { ...quick, retryDelayMs: 600_000 },
  });
  const outcome = run({ deadlineAt: clock.now() + 1_000 });
  await clock.advance(1_000);
  t.match(await outcome, { type: 'failed', error: { code: 'deadline-passed' } });
  t.equal(calls.length, 1);
});

t.test('a withdrawn call says nothing about its provider', async (t) => {
  const { run, runner } = fixture(() => new Promise(() => {}), { policy: { attemptsMax: 1 } });
  for (let count = 0; count < 6; count++) {
    const controller = new AbortController();
    const outcome = run({ signal: controller.signal });
    await new Promise(setImmediate);
    controller.abort();
    t.match(await outcome, { type: 'failed', error: { code: 'outcome-unknown' } });
  }
  await new Promise(setImmediate);
  t.equal(runner.metrics()[0]?.breaker?.state, 'closed');
});

t.test(
  'row 154: a fallback stands in for a provider that cannot be asked, not for a call nobody could take',
  async (t) => {
    const fallback = { receipt: 'later' };
    const down = fixture(() => Promise.reject(unavailable()), { fallback });
    t.same(await down.run(), { type: 'result', value: fallback });
    t.same([...(down.runner.metrics()[0]?.outcomes ?? [])], [['fallback', 1]]);
    t.match(await down.run({ input: {} }), { type: 'failed', error: { code: 'validation-failed' } });
    const refusing = fixture(() => reject('card-declined', 'No'), { fallback });
    t.match(await refusing.run(), { type: 'rejected' });
  },
);

t.test('more calls than a runner holds are refused', async (t) => {
  const { run, runner } = fixture(() => new Promise(() => {}), { runsMax: 3 });
  for (let count = 0; count < 3; count++) void run();
  t.match(await run(), { type: 'failed', error: { code: 'overloaded' } });
  t.equal(runner.openCount, 3);
  runner.stop();
});

t.test('a runner that stops gives up what is open and takes no more', async (t) => {
  const { run, runner } = fixture(() => new Promise(() => {}), { policy: { ...quick, concurrencyMax: 1 } });
  const underWay = run();
  const waiting = run();
  await new Promise(setImmediate);
  runner.stop();
  t.match(await underWay, { type: 'failed', error: { code: 'outcome-unknown' } });
  t.match(await waiting, { type: 'failed', error: { code: 'shutting-down' } });
  t.match(await run(), { type: 'failed', error: { code: 'shutting-down' } });
});

t.test('a bad order changes nothing: input, key and port are checked first', async (t) => {
  const { run, calls } = fixture(() => ({ receipt: 'r1' }));
  t.same(await run({ input: { amount: '1', secret: 'x' } }), {
    type: 'failed',
    error: { code: 'field-unknown', detail: '/secret The field is not known here.' },
  });
  for (const idempotencyKey of ['', 'with space', 'ü', 'a'.repeat(401)]) {
    t.match(await run({ idempotencyKey }), { type: 'failed', error: { code: 'idempotency-key-invalid' } });
  }
  t.match(await run({ port: 'mill' }), { type: 'failed', error: { code: 'port-unknown' } });
  t.match(await run({ activity: 'refund' }), { type: 'failed', error: { code: 'port-unknown' } });
  t.equal(calls.length, 0);
});

t.test('a port without an adapter, or with half of one, is refused at start by name', async (t) => {
  const activity = { input: Type.Object({}), result: Type.Null(), rejections: [] };
  const port = definePort({ name: 'mill', activities: { grind: activity } });
  const runner = (adapters: Readonly<Record<string, AnyAdapter>>, ports = [port]) =>
    new ActivityRunner({
      ...{ ports, adapters, clock: new VirtualClock(), random: new SeededRandom(1), report: () => {} },
    });
  t.throws(() => runner({}), new TypeError('port mill has no adapter'));
  t.throws(() => runner({ mill: {} }), new TypeError('the adapter of port mill has no grind'));
  const mill = { grind: async () => null };
  t.throws(() => runner({ mill }, [port, { ...port }]), new TypeError('two ports are called mill'));
  t.doesNotThrow(() => runner({ mill }, [port, port]), 'two modules may share one port');
});

t.test('a policy that cannot be kept is refused at start', async (t) => {
  const bad: readonly ActivityPolicy[] = [
    { timeoutMs: 0 },
    { attemptsMax: 0 },
    { attemptsMax: 1.5 },
    { retryDelayMs: -1 },
    { concurrencyMax: 0 },
    { queueMax: -1 },
    { breaker: { failureThreshold: 0 } },
    { breaker: { successThreshold: 4 } },
  ];
  for (const policy of bad) {
    t.throws(() => fixture(() => undefined, { policy }), /^till\.charge: /, JSON.stringify(policy));
  }
});
