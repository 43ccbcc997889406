/** Actors of a partition as an operator lists them, off their table. */
import t from 'tap';
import { commandCall } from '../../../actors/model/call.js';
import { actorRowsScannedMax } from '../../../runtime/operator/actor-operations.js';
import modules, { journey } from '../../gateway/operator/operator-app.js';
import { counterContract } from '../../support/counter-module.js';
import { TestSystem } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };

t.test('actorRowsScannedMax: a look stops there, says where, and goes on to the end', async (t) => {
  const system = await TestSystem.start({ modules, partitionCount: 1 });
  const count = actorRowsScannedMax + 10;
  for (let index = 0; index < count; index++)
    system.submit(commandCall(counterContract, `c${index}`, 'add', { amount: 1 }));
  await system.clock.advance(2_000);
  await system.swept();
  const page = (kind: string | undefined, after: string | undefined) =>
    system.clock.settled(
      system.system.operations.ask(0, 'actors.list', { kind, after, limit: count }, operator),
    );
  const none = await page(journey.name, undefined);
  t.same(none.actors, []);
  t.type(none.lookedTo, 'string', 'the rest was not looked at');
  t.same(await page(journey.name, none.lookedTo ?? undefined), { actors: [], lookedTo: null });
  const first = await page(undefined, undefined);
  t.equal(first.actors.length, actorRowsScannedMax);
  const rest = await page(undefined, first.lookedTo ?? undefined);
  t.equal(rest.lookedTo, null);
  t.equal(new Set([...first.actors, ...rest.actors].map(({ id }) => id)).size, count);
  await system.stop();
});
