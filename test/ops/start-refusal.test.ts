/** Rules F1 and F2 of `ops/start-refusal.ts`. */
import t from 'tap';
import { isStartRefusal, orRefuse, patiently, refusalOr } from '../../ops/start-refusal.js';
import { systemClock } from '../../ops/system-clock.js';

const coded = (code: string): Error => Object.assign(new Error(`failed with ${code}`), { code });

t.test('F2: what only a person can change is a refusal with the message of its cause', async (t) => {
  for (const error of [
    coded('store-incompatible'),
    coded('listen-failed'),
    new TypeError('two actors of one kind'),
  ]) {
    const refusal = refusalOr(error);
    t.ok(isStartRefusal(refusal), error.message);
    t.match(refusal, { message: error.message, cause: error });
    t.equal(refusalOr(refusal), refusal, 'and stays one');
  }
});

t.test('F2: what another attempt may cure stays what it is', async (t) => {
  for (const error of [coded('EIO'), coded('ENOSPC'), coded('outcome-unknown')])
    t.equal(refusalOr(error), error);
});

t.test('a place that is taken is asked for again until it is free', async (t) => {
  let attempts = 0;
  const result = await patiently(systemClock, async () => {
    attempts += 1;
    if (attempts < 3) throw coded('store-locked');
    return 'open';
  });
  t.equal(result, 'open');
  t.equal(attempts, 3);
});

t.test('a place that stays taken is refused once patience has run out', async (t) => {
  let now = 0;
  // Each look at the clock is a second later: four attempts instead of thirty.
  const clock = { ...systemClock, monotonic: () => (now += 1_000) };
  await t.rejects(
    patiently(clock, async () => {
      throw coded('listen-failed');
    }),
    { code: 'start-refused', message: 'failed with listen-failed' },
  );
});

t.test('other errors are not waited for', async (t) => {
  let attempts = 0;
  const failing = (code: string) =>
    patiently(systemClock, async () => {
      attempts += 1;
      throw coded(code);
    });
  await t.rejects(failing('EIO'), { code: 'EIO' });
  await t.rejects(failing('schema-changed'), { code: 'start-refused' });
  t.equal(attempts, 2);
  await t.rejects(
    orRefuse(Promise.reject(coded('EIO'))),
    { code: 'start-refused' },
    'unless asked for a refusal',
  );
});
