/** What operators see and change of durable timers. */
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { commandCall } from '../../../actors/model/call.js';
import { isOperatingError } from '../../../actors/model/errors.js';
import type { Answer } from '../../../runtime/operator/operation.js';
import type { MoveTimer, TimerView } from '../../../runtime/operator/timer-operations.js';
import { counterContract } from '../../support/counter-module.js';
import { idsOn, TestSystem } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };

function schedule(system: TestSystem, id: string, name: string, dueAt: number) {
  return system.ask(commandCall(counterContract, id, 'schedule', { name, dueAt }));
}

async function listed(system: TestSystem): Promise<readonly TimerView[]> {
  const pages: Answer<'timers.list'>[] = [];
  for (let partition = 0; partition < system.store.partitionCount; partition++) {
    const ask = { after: undefined, kind: undefined, limit: 100 };
    pages.push(
      await system.clock.settled(system.system.operations.ask(partition, 'timers.list', ask, operator)),
    );
  }
  return pages.flatMap(({ timers }) => timers);
}

async function move(system: TestSystem, ask: Omit<MoveTimer, 'kind' | 'isDryRun'> & { isDryRun?: boolean }) {
  const partition = partitionOf(ask.id, system.store.partitionCount);
  const whole = { kind: 'counter', isDryRun: false, ...ask };
  try {
    return await system.clock.settled(
      system.system.operations.ask(partition, 'timers.move', whole, operator),
    );
  } catch (error) {
    return isOperatingError(error) ? error.code : error;
  }
}

t.test('a page holds the next timers in their order, and the one after it goes on', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [id] = idsOn(2);
  const now = system.clock.now();
  const offsets = [9, 3, 7, 3, 1, 8, 2].map((seconds) => now + 100_000 + seconds * 1_000);
  for (const [index, dueAt] of offsets.entries()) await schedule(system, id, `t${index}`, dueAt);
  const seen: string[] = [];
  let after: { dueAt: number; key: string } | undefined;
  for (;;) {
    const ask = { after, kind: 'counter', limit: 3 };
    const page = await system.clock.settled(
      system.system.operations.ask(partitionOf(id, 2), 'timers.list', ask, operator),
    );
    for (const { name } of page.timers) seen.push(name);
    const last = page.timers.at(-1);
    if (last === undefined) break;
    after = { dueAt: last.dueAt, key: last.key };
  }
  t.same(seen, ['t4', 't6', 't1', 't3', 't2', 't5', 't0']);
  const none = { after: undefined, kind: 'nothing', limit: 3 };
  t.same(await system.clock.settled(system.system.operations.ask(0, 'timers.list', none, operator)), {
    timers: [],
  });
  await system.stop();
});

t.test('a timer moved fires at its new time, also after a crash; one cancelled never does', async (t) => {
  let system = await TestSystem.start();
  const now = system.clock.now();
  await schedule(system, 'a', 'sooner', now + 60_000);
  await schedule(system, 'a', 'never', now + 10_000);
  t.match(await move(system, { id: 'a', name: 'sooner', dueAt: now + 5_000 }), { dueAt: now + 60_000 });
  t.match(await move(system, { id: 'a', name: 'never', dueAt: undefined }), { name: 'never' });
  system = await system.crash();
  t.match(await listed(system), [{ name: 'sooner', dueAt: now + 5_000, kind: 'counter', command: 'ring' }]);
  await system.clock.advance(4_000);
  t.same((await system.counter('a')).rang, []);
  await system.clock.advance(60_000);
  const { rang } = await system.counter('a');
  t.equal(rang.length, 1);
  t.match(rang[0], /^sooner@/);
  await system.stop();
});

t.test('a dry run changes nothing, and what is not there is not found', async (t) => {
  const system = await TestSystem.start();
  const dueAt = system.clock.now() + 60_000;
  await schedule(system, 'a', 'one', dueAt);
  t.match(await move(system, { id: 'a', name: 'one', dueAt: undefined, isDryRun: true }), { dueAt });
  t.match(await listed(system), [{ name: 'one', dueAt }]);
  t.equal(await move(system, { id: 'a', name: 'other', dueAt: undefined }), 'not-found');
  t.equal(await move(system, { id: 'b', name: 'one', dueAt: undefined }), 'not-found');
  await system.stop();
});

t.test('a change that the store refuses is not reported done, and the timer stands as it was', async (t) => {
  const system = await TestSystem.start();
  const dueAt = system.clock.now() + 60_000;
  await schedule(system, 'a', 'one', dueAt);
  await system.swept();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  t.equal(await move(system, { id: 'a', name: 'one', dueAt: undefined }), 'storage-unavailable');
  await system.clock.advance(10_000);
  t.match(await listed(system), [{ name: 'one', dueAt }]);
  await system.stop();
});
