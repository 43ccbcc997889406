/** The table of activations: several kinds with one id, and a hand that passes over all of them. */
import t from 'tap';
import { Activation } from '../../runtime/actor/activation.js';
import { ActivationTable } from '../../runtime/actor/activation-table.js';
import type { Kind } from '../../runtime/kind-table.js';
import type { Partition } from '../../runtime/partition.js';

const partition = {} as Partition;
const kinds = ['account', 'risk', 'notification'].map((name, index) => ({ name, index }) as Kind);

function ready(kind: Kind, id: string): Activation {
  const activation = new Activation(kind, id, partition);
  activation.phase = 'ready';
  return activation;
}

/** Every kind under every id. */
function filled(ids: readonly string[], max: number): { table: ActivationTable; all: Activation[] } {
  const table = new ActivationTable(max, Number.POSITIVE_INFINITY);
  const all = ids.flatMap((id) => kinds.map((kind) => ready(kind, id)));
  for (const activation of all) table.add(activation);
  return { table, all };
}

t.test('actors of several kinds with one id are found one by one', (t) => {
  const { table, all } = filled(['a', 'b'], 100);
  for (const activation of all) t.equal(table.get(activation.kind, activation.id), activation);
  t.equal(table.get(kinds[0] as Kind, 'c'), undefined);
  t.equal(table.count, 6);
  t.same(
    Array.from(table.ofKind(kinds[1] as Kind), ({ id }) => id),
    ['a', 'b'],
  );
  t.end();
});

t.test('one beside an activation of its id is found from there, and from anywhere else', (t) => {
  const { table, all } = filled(['a', 'b'], 100);
  const gone = all[0] as Activation;
  const nears = [undefined, ...all];
  for (const near of nears)
    for (const one of all) t.equal(table.getNear(near, one.kind, one.id), one, `${near?.id} ${one.id}`);
  table.remove(gone);
  for (const near of nears) t.equal(table.getNear(near, gone.kind, 'a'), undefined);
  const again = ready(gone.kind, 'a');
  table.add(again);
  for (const near of nears) t.equal(table.getNear(near, again.kind, 'a'), again, 'not the one that is gone');
  t.end();
});

t.test('whichever of them goes, the others stay', (t) => {
  for (const gone of [0, 1, 2]) {
    const { table, all } = filled(['a'], 100);
    table.remove(all[gone] as Activation);
    for (const [index, activation] of all.entries()) {
      t.equal(table.get(activation.kind, 'a'), index === gone ? undefined : activation);
      t.equal(table.holds(activation), index !== gone);
    }
    t.equal([...table.values()].length, 2);
    table.remove(all[gone] as Activation);
    t.equal(table.count, 2, 'it goes once');
    const again = ready(kinds[gone] as Kind, 'a');
    table.add(again);
    t.equal(table.get(again.kind, 'a'), again);
  }
  t.end();
});

t.test('the hand takes what was not used since it passed last, whatever its kind', (t) => {
  const { table, all } = filled(['a', 'b', 'c'], 2);
  for (const activation of all) activation.used = false;
  for (const activation of all.filter(({ id }) => id === 'b')) activation.used = true;
  t.equal(table.passivate(0), 7, 'down to the bound');
  t.same(
    Array.from(table.values(), ({ id }) => id),
    ['b', 'b'],
  );
  t.end();
});

t.test('one that goes while it is under the hand takes no other along', (t) => {
  const { table, all } = filled(['a', 'b'], 5);
  for (const activation of all) activation.used = false;
  table.passivate(1);
  t.equal(table.count, 5);
  // The hand stands before the second of the chain.
  table.remove(all[1] as Activation);
  const more = ready(kinds[0] as Kind, 'c');
  more.used = false;
  table.add(more);
  table.add(ready(kinds[0] as Kind, 'd'));
  table.passivate(100);
  t.equal(table.count, 5);
  t.equal([...table.values()].length, 5);
  t.end();
});

t.test('nothing is held by a table that was cleared', (t) => {
  const { table, all } = filled(['a', 'b'], 100);
  table.clear();
  t.equal(table.count, 0);
  for (const activation of all) {
    t.notOk(table.holds(activation));
    t.equal(table.get(activation.kind, activation.id), undefined);
  }
  t.end();
});
