/** Operations under way: bounded, and each with an end. */
import t from 'tap';
import { isOperatingError } from '../../../actors/model/errors.js';
import { gate } from '../../../persistence/memory/memory-faults.js';
import { actorTable } from '../../../runtime/actor/actor-row.js';
import { operationsMax } from '../../../runtime/operator/operation-calls.js';
import { openSagaTable } from '../../../runtime/saga/open-saga-row.js';
import { TestSystem } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };

t.test('operations under way are bounded, and the one too many is refused before any work', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  const ask = { after: undefined, kind: undefined, limit: 1 };
  const one = () => system.system.operations.ask(0, 'timers.list', ask, operator);
  const underWay = Array.from({ length: operationsMax }, one);
  await t.rejects(one(), { code: 'overloaded' });
  await system.clock.settled(Promise.all(underWay));
  t.same(await system.clock.settled(one()), { timers: [] });
  await t.rejects(system.system.operations.ask(1, 'timers.list', ask, operator), { code: 'not-found' });
  await system.stop();
  await t.rejects(one(), { code: 'shutting-down' });
});

t.test('a look without an answer ends after 2 s, a change after 10, each saying what is known', async (t) => {
  const held = gate();
  const system = await TestSystem.start({
    partitionCount: 1,
    storeAs: (store) => ({
      ...store,
      tables: {
        ...store.tables,
        get: async (partition, table, keys) => {
          if (table === actorTable) await held.promise;
          return store.tables.get(partition, table, keys);
        },
        range: async (partition, query) => {
          if (query.table === openSagaTable) await held.promise;
          return store.tables.range(partition, query);
        },
      },
    }),
  });
  const { operations } = system.system;
  const ended: string[] = [];
  const note = (work: Promise<unknown>) =>
    void work.catch((error: unknown) => ended.push(isOperatingError(error) ? error.code : 'other'));
  note(operations.ask(0, 'sagas.count', undefined, operator));
  const move = { kind: 'counter', id: 'a', name: 'one', dueAt: undefined, isDryRun: false };
  note(operations.ask(0, 'timers.move', move, operator));
  await system.clock.advance(1_900);
  t.same(ended, []);
  await system.clock.advance(200);
  t.same(ended, ['partition-silent']);
  await system.clock.advance(7_700);
  t.equal(ended.length, 1);
  await system.clock.advance(300);
  t.same(ended, ['partition-silent', 'outcome-unknown']);
  held.open();
  await system.clock.advance(100);
  await system.stop();
});
