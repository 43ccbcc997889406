import t from 'tap';
import { VirtualClock } from '../../ops/simulation/virtual-clock.js';

t.test('a wait ends at the moment it is for, and the timer after it has not run', async (t) => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  let isDone = false;
  // What is waited for follows from the callback by promises only, more of them than a step of the clock awaits.
  const afterManyPromises = async () => {
    for (let count = 0; count < 100; count++) await Promise.resolve();
    isDone = true;
  };
  clock.after(5, () => void afterManyPromises());
  clock.after(20_000, () => ran.push('much later'));
  await clock.until(() => isDone);
  t.equal(clock.monotonic(), 5);
  t.same(ran, []);
});

t.test('a promise that settles is heard of at that moment', async (t) => {
  const clock = new VirtualClock();
  clock.after(20_000, () => undefined);
  const chained = new Promise<number>((resolve) => clock.after(3, () => resolve(1)))
    .then((value) => value + 1)
    .then((value) => value + 1);
  t.equal(await clock.settled(chained), 3);
  t.equal(clock.monotonic(), 3);
});

t.test('a wait for what does not come ends where nothing is left to run, or at its limit', async (t) => {
  const clock = new VirtualClock();
  await t.rejects(
    clock.until(() => false),
    /not reached/,
  );
  clock.after(10, () => undefined);
  await t.rejects(
    clock.until(() => false, 9),
    /not reached within 9 ms/,
  );
  t.equal(clock.monotonic(), 0);
});
