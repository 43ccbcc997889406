/** The real clock and randomness keep the promises of `runtime/clock.ts`. */
import t from 'tap';
import { systemClock, systemRandom } from '../../ops/system-clock.js';

/** The clock's timers keep no process alive; a test that waits for one must. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const keeper = setInterval(() => {}, 1_000);
  try {
    return await work;
  } finally {
    clearInterval(keeper);
  }
}

t.test('a timer is never early', async (t) => {
  for (let round = 0; round < 20; round++) {
    const delayMs = 1 + round / 7;
    const startedAt = systemClock.monotonic();
    await awake(new Promise<void>((resolve) => systemClock.after(delayMs, resolve)));
    t.ok(systemClock.monotonic() - startedAt >= delayMs, `${delayMs} ms`);
  }
});

t.test(
  'a delay longer than a Node timer holds does not fire at once, and none is also a delay',
  async (t) => {
    let fired = false;
    const cancel = systemClock.after(2 ** 31 + 5, () => {
      fired = true;
    });
    await awake(new Promise<void>((resolve) => systemClock.after(0, resolve)));
    await awake(new Promise<void>((resolve) => systemClock.after(-5, resolve)));
    t.equal(fired, false);
    cancel();
    cancel();
  },
);

t.test('a cancelled timer does not run', async (t) => {
  let fired = false;
  const cancel = systemClock.after(1, () => {
    fired = true;
  });
  cancel();
  await awake(new Promise<void>((resolve) => systemClock.after(5, resolve)));
  t.equal(fired, false);
});

t.test('deferred work runs after the callbacks of this turn, in order', async (t) => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.defer(() => order.push('first'));
    systemClock.defer(() => {
      order.push('second');
      resolve();
    });
    process.nextTick(() => order.push('tick'));
  });
  t.same(order, ['tick', 'first', 'second']);
});

t.test('random bytes are handed out once and do not change afterwards', async (t) => {
  const first = systemRandom.bytes(16);
  const copy = Buffer.from(first);
  const seen = new Set([copy.toString('hex')]);
  for (let count = 1; count < 1_000; count++) seen.add(Buffer.from(systemRandom.bytes(16)).toString('hex'));
  t.equal(seen.size, 1_000, 'all differ, across several pools');
  t.same(Buffer.from(first), copy);
  t.equal(systemRandom.bytes(10_000).length, 10_000);
  const fraction = systemRandom.fraction();
  t.ok(fraction >= 0 && fraction < 1);
});
