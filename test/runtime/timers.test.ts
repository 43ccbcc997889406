/** Durable timers: once, never early, whatever happens in between (I11). */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { counterContract, counterModule } from '../support/counter-module.js';
import { TestSystem } from '../support/test-system.js';

const schedule = (id: string, name: string, dueAt: number) =>
  commandCall(counterContract, id, 'schedule', { name, dueAt });
const rangIn = async (system: TestSystem, id: string): Promise<readonly string[]> =>
  (await system.counter(id)).rang;

t.test('a timer fires once, not before it is due and not long after', async (t) => {
  const system = await TestSystem.start();
  const dueAt = system.clock.now() + 5_000;
  await system.ask(schedule('a', 'one', dueAt));
  await system.clock.advance(4_990);
  t.same(await rangIn(system, 'a'), []);
  await system.clock.advance(20);
  const rang = await rangIn(system, 'a');
  t.equal(rang.length, 1);
  const at = Number(rang[0]?.split('@')[1]);
  t.ok(at >= dueAt && at <= dueAt + 10, `at ${at - dueAt} ms`);
  await system.clock.advance(60_000);
  t.equal((await rangIn(system, 'a')).length, 1);
  await system.stop();
});

t.test('a timer survives a crash before and after a sweep, and fires late rather than never', async (t) => {
  for (const isSwept of [false, true]) {
    for (const downMs of [0, 20_000]) {
      let system = await TestSystem.start();
      const dueAt = system.clock.now() + 10_000;
      await system.ask(schedule('a', 'one', dueAt));
      if (isSwept) await system.swept();
      system.disk.crash();
      system.clock.forget();
      await system.clock.advance(downMs);
      system = await system.crash();
      await system.clock.advance(15_000);
      const rang = await rangIn(system, 'a');
      t.equal(rang.length, 1, `swept ${isSwept}, down for ${downMs} ms`);
      t.ok(Number(rang[0]?.split('@')[1]) >= dueAt);
      system = await system.crash();
      await system.clock.advance(60_000);
      t.equal((await rangIn(system, 'a')).length, 1, 'not again after its record');
      await system.stop();
    }
  }
});

t.test('a timer that is due while the wall clock is set back waits for its time', async (t) => {
  const system = await TestSystem.start();
  const dueAt = system.clock.now() + 1_000;
  await system.ask(schedule('a', 'one', dueAt));
  system.clock.setWallClock(dueAt - 3_600_000);
  await system.clock.advance(2_000);
  t.equal((await system.metrics())[0]?.counters.timersFired, 0);
  await system.clock.advance(3_600_000);
  t.equal((await rangIn(system, 'a')).length, 1);
  await system.stop();
});

t.test('a cancelled timer never fires, one set again fires at its new time only', async (t) => {
  let system = await TestSystem.start();
  const now = system.clock.now();
  for (const name of ['gone', 'later']) await system.ask(schedule('a', name, now + 2_000));
  await system.swept();
  await system.ask(commandCall(counterContract, 'a', 'unschedule', { name: 'gone' }));
  await system.ask(schedule('a', 'later', now + 9_000));
  system = await system.crash();
  await system.clock.advance(5_000);
  t.same(await rangIn(system, 'a'), []);
  await system.clock.advance(10_000);
  const rang = await rangIn(system, 'a');
  t.equal(rang.length, 1);
  t.match(rang[0], /^later@/);
  await system.stop();
});

t.test('a timer of an actor that is parked waits until its code is mended', async (t) => {
  let system = await TestSystem.start({ modules: [counterModule({ mended: true })] });
  await system.ask(schedule('a', 'one', system.clock.now() + 1_000));
  await system.ask(commandCall(counterContract, 'a', 'curse', {}));
  system = await system.crash({ modules: [counterModule()] });
  await system.clock.advance(5_000);
  t.match(await system.ask(queryCall(counterContract, 'a', 'get', {})), { code: 'actor-parked' });
  await system.swept();
  system = await system.crash({ modules: [counterModule({ mended: true })] });
  await system.clock.advance(1_000);
  t.equal((await rangIn(system, 'a')).length, 1);
  await system.stop();
});

t.test('many timers of one moment all fire, in the order of their due times', async (t) => {
  const system = await TestSystem.start();
  const now = system.clock.now();
  for (let index = 0; index < 600; index++) {
    system.submit(schedule('a', `t${String(index).padStart(3, '0')}`, now + 1_000 + (index % 3)));
  }
  await system.clock.advance(500);
  await system.clock.advance(1_000);
  const names = (await rangIn(system, 'a')).map((rang) => Number(rang.slice(1, 4)) % 3);
  t.equal(names.length, 600);
  t.same(names, names.toSorted());
  await system.stop();
});

t.test('a timer fires within a second when the wall clock is set to its time', async (t) => {
  const system = await TestSystem.start();
  const dueAt = system.clock.now() + 3_600_000;
  await system.ask(schedule('a', 'one', dueAt));
  await system.clock.advance(100);
  system.clock.setWallClock(dueAt);
  await system.clock.advance(1_100);
  t.equal((await rangIn(system, 'a')).length, 1);
  await system.stop();
});

t.test('a timer without a time is refused, and holds up no other', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  const now = system.clock.now();
  for (const dueAt of [Number.NaN, Number.POSITIVE_INFINITY, undefined as never, '5' as never])
    t.match(await system.ask(schedule('a', 'never', dueAt)), { type: 'failure', code: 'internal' });
  await system.ask(schedule('b', 'one', now + 1_000));
  await system.clock.advance(2_000);
  t.equal((await rangIn(system, 'b')).length, 1);
  t.equal((await system.metrics())[0]?.timers, 0);
  await system.stop();
});
