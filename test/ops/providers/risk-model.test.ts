/** The risk model in a real pool, under the runner with the port's own policies. */
import t, { type Test } from 'tap';
import { riskModelPort } from '../../../actors/providers/index.js';
import { pooledRiskModel } from '../../../ops/providers/risk-model.js';
import { systemClock, systemRandom } from '../../../ops/system-clock.js';
import { ActivityRunner } from '../../../runtime/activity/activity-runner.js';
import { createOffload } from '../../../runtime/offload.js';

// What the runner waits for keeps no process alive.
const alive = setInterval(() => {}, 60_000);
t.teardown(() => clearInterval(alive));

const fixtures = new URL('../fixtures/', import.meta.url);

function fixture(t: Test, { file = 'risk-models.js', thresholdPercent = 80 } = {}) {
  const offload = createOffload({ threads: 1 });
  t.teardown(() => offload.close());
  const model = new URL(file, fixtures);
  const runner = new ActivityRunner({
    ports: [riskModelPort],
    adapters: { 'risk-model': pooledRiskModel({ model, thresholdPercent, offload }) },
    ...{ clock: systemClock, random: systemRandom, report: () => {} },
  });
  const assess = (transfer_id: string, amount: string, signal?: AbortSignal) =>
    runner.run({
      ...{ port: 'risk-model', activity: 'assess', idempotencyKey: transfer_id },
      input: {
        ...{ transfer_id, sender_account_id: 'a', receiver_account_id: 'b', amount, currency: 'USD' },
        at: Date.UTC(2026, 0, 2, 12),
      },
      deadlineAt: Date.now() + 600_000,
      ...(signal === undefined ? {} : { signal }),
    });
  return { runner, assess };
}

t.test('a score below the threshold is the result, one from it on a refusal', async (t) => {
  const { assess } = fixture(t);
  t.same(await assess('t1', '79'), { type: 'result', value: { score: 0.79 } });
  t.same(await assess('t2', '80'), {
    type: 'rejected',
    code: 'risk_check_failed',
    detail: 'Risk score 80 % reaches the limit of 80 %',
  });
});

t.test('a threshold is reached exactly', async (t) => {
  // Times 100, these three are a little less than that.
  for (const percent of [29, 57, 58]) {
    const { assess } = fixture(t, { thresholdPercent: percent });
    t.match(await assess('t1', String(percent)), {
      type: 'rejected',
      detail: `Risk score ${percent} % reaches the limit of ${percent} %`,
    });
    t.match(await assess('t2', String(percent - 1)), { type: 'result' });
  }
});

t.test('a threshold of 101 refuses nobody', async (t) => {
  const { assess } = fixture(t, { thresholdPercent: 101 });
  t.same(await assess('t1', '100'), { type: 'result', value: { score: 1 } });
});

t.test('a model that throws or answers no score fails the call, and nothing it said is shown', async (t) => {
  const { assess } = fixture(t);
  t.same(await assess('throws', '1'), {
    type: 'failed',
    error: { code: 'provider-refused', detail: 'the risk model threw' },
  });
  for (const id of ['nonsense', 'too-high']) {
    t.match(await assess(id, '1'), { type: 'failed', error: { code: 'provider-refused' } }, id);
  }
});

t.test('a model that hangs is ended, and the next transfer is judged', async (t) => {
  const { assess } = fixture(t);
  const controller = new AbortController();
  const hanging = assess('hangs', '1', controller.signal);
  const judged = assess('t1', '10');
  // Both are in the pool: the one behind waits for its only thread.
  controller.abort();
  t.match(await hanging, { type: 'failed', error: { code: 'outcome-unknown' } });
  t.same(await judged, { type: 'result', value: { score: 0.1 } });
});

t.test('a heavy model leaves this thread free', async (t) => {
  const { assess } = fixture(t, { file: 'risk-scorecard.js' });
  let turns = 0;
  const counting = setInterval(() => turns++, 1);
  const outcomes = await Promise.all(
    ['10', '1000', '1000000'].map((amount, index) => assess(`t${index}`, amount)),
  );
  clearInterval(counting);
  t.ok(turns > 0);
  t.match(outcomes, [{ type: 'result' }, { type: 'result' }, { type: 'rejected' }]);
});
