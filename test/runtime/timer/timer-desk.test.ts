/**
 * The timer desk with the table rows it asks for, folded by hand into a table and back.
 */
import fc from 'fast-check';
import t from 'tap';
import { noHash } from '../../../persistence/entry.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import { Activation } from '../../../runtime/actor/activation.js';
import type { StoredTimer } from '../../../runtime/commit/record.js';
import { FilterGenerations } from '../../../runtime/deduplication/filter-generations.js';
import { OutcomeLedger } from '../../../runtime/deduplication/outcome-ledger.js';
import type { Kind } from '../../../runtime/kind-table.js';
import { Partition } from '../../../runtime/partition.js';
import { TimerDesk } from '../../../runtime/timer/timer-desk.js';

const kind = 7;
const schema = 3;
const trail = ['c', 0, 'alice', 0] as const;

async function openPartition(): Promise<Partition> {
  const store = createMemoryStore({ partitionCount: 1 });
  const filter = new FilterGenerations(1_024);
  const ledger = await OutcomeLedger.open(store.tables, 0, filter, async () => {});
  return new Partition({
    number: 0,
    fence: { epoch: 1, nonce: 'nonce-of-a-test' },
    head: { position: 0, hash: noHash },
    checkpoint: { position: 0, hash: noHash, epoch: 0 },
    ledger,
  });
}

/** What a sweep would have made of the table. */
class TimerTable {
  readonly rows = new Map<string, Uint8Array>();
  deletes = 0;

  sweep(desk: TimerDesk, partition: Partition): void {
    const { puts, deletes } = desk.takeRows(partition);
    for (const { key, value } of puts) this.rows.set(key, value);
    for (const { key } of deletes) this.rows.delete(key);
    this.deletes += deletes.length;
  }
}

function reopened(partition: Partition, table: TimerTable): { desk: TimerDesk; partition: Partition } {
  const desk = new TimerDesk();
  partition.dirtyTimers.clear();
  for (const value of table.rows.values()) desk.load(partition, value);
  return { desk, partition };
}

function dueNames(desk: TimerDesk): string[] {
  return desk.takeDue(Number.POSITIVE_INFINITY, 1_000).map(({ id, dueAt }) => `${id}@${dueAt}`);
}

t.test('D3: a timer set and cancelled between two sweeps writes and deletes no row', async (t) => {
  const desk = new TimerDesk();
  const partition = await openPartition();
  const table = new TimerTable();
  desk.apply(partition, kind, 's-1', ['wake', 10, schema, []], trail);
  desk.apply(partition, kind, 's-1', ['wake', 20, schema, []], trail);
  desk.apply(partition, kind, 's-1', ['wake'], trail);
  table.sweep(desk, partition);
  t.equal(table.rows.size + table.deletes, 0);
});

t.test('D1: a timer that a sweep has written is deleted once it is cancelled or has fired', async (t) => {
  for (const fires of [false, true]) {
    const desk = new TimerDesk();
    const partition = await openPartition();
    const table = new TimerTable();
    desk.apply(partition, kind, 's-1', ['wake', 10, schema, [1]], trail);
    table.sweep(desk, partition);
    t.equal(table.rows.size, 1);
    if (fires) {
      const [timer] = desk.takeDue(10, 1);
      t.match(timer, { id: 's-1', name: 'wake', dueAt: 10, schema, fields: [1] });
      table.sweep(desk, partition);
      t.equal(table.rows.size, 1, 'D2: not before its record');
      t.equal(timer !== undefined && desk.fired(timer), true);
      t.equal(timer !== undefined && desk.fired(timer), false, 'once');
    } else {
      desk.apply(partition, kind, 's-1', ['wake'], trail);
    }
    table.sweep(desk, partition);
    t.equal(table.rows.size, 0);
  }
});

t.test('D2: a timer that is cancelled or set anew while it waits to fire does not fire', async (t) => {
  for (const [order, left] of [
    [['wake'], []],
    [['wake', 50, schema, []], ['s-1@50']],
  ] as const) {
    const desk = new TimerDesk();
    const partition = await openPartition();
    desk.apply(partition, kind, 's-1', ['wake', 10, schema, []], trail);
    const [timer] = desk.takeDue(10, 1);
    desk.apply(partition, kind, 's-1', order, trail);
    t.equal(timer !== undefined && desk.fired(timer), false);
    t.same(dueNames(desk), left);
  }
});

const id = fc.constantFrom('s-1', 's-2', 's-3');
const action = fc.oneof(
  fc.record({ type: fc.constant('set' as const), id, dueAt: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ type: fc.constant('cancel' as const), id }),
  fc.record({ type: fc.constant('fire' as const) }),
  fc.record({ type: fc.constant('sweep' as const) }),
  fc.record({ type: fc.constant('reopen' as const) }),
);

t.test('D2: a timer whose time is none, of an earlier program, is due at once', async (t) => {
  const partition = await openPartition();
  const table = new TimerTable();
  const desk = new TimerDesk();
  desk.apply(partition, kind, 's-1', ['wake', Number.NaN, schema, []], trail);
  desk.apply(partition, kind, 's-2', ['wake', 20, schema, []], trail);
  table.sweep(desk, partition);
  for (const each of [desk, reopened(partition, table).desk]) {
    t.equal(each.nextDueAt, 0);
    t.same(dueNames(each), ['s-1@0', 's-2@20']);
  }
});

t.test('D1: after any course, table and records together give the timers that were last set', async () => {
  const partition = await openPartition();
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const live = new Map<string, number>();
      const table = new TimerTable();
      let { desk } = reopened(partition, table);
      /** Records since the last sweep, as recovery reads them. */
      let tail: (() => unknown)[] = [];
      const note = (record: () => unknown): void => {
        tail.push(record);
      };
      for (const act of actions) {
        if (act.type === 'set') {
          live.set(act.id, act.dueAt);
          const apply = (): unknown =>
            desk.apply(partition, kind, act.id, ['wake', act.dueAt, schema, []], trail);
          apply();
          note(apply);
        } else if (act.type === 'cancel') {
          live.delete(act.id);
          const apply = (): unknown => desk.apply(partition, kind, act.id, ['wake'], trail);
          apply();
          note(apply);
        } else if (act.type === 'fire') {
          const [timer] = desk.takeDue(Number.POSITIVE_INFINITY, 1);
          if (timer === undefined || !desk.fired(timer)) continue;
          live.delete(timer.id);
          note(() => desk.consume(partition, kind, timer.id, timer.name, timer.dueAt));
        } else if (act.type === 'sweep') {
          table.sweep(desk, partition);
          tail = [];
        } else {
          desk = reopened(partition, table).desk;
          for (const record of tail) record();
        }
      }
      table.sweep(desk, partition);
      desk = reopened(partition, table).desk;
      const expected = Array.from(live, ([name, dueAt]) => `${name}@${dueAt}`).sort();
      return JSON.stringify(dueNames(desk).sort()) === JSON.stringify(expected);
    }),
    { numRuns: 500 },
  );
});

/** An actor without events. */
function newActor(partition: Partition, id: string, isSaga = true): Activation {
  const actor = new Activation({ name: 'saga', schemaId: kind, isSaga } as Kind, id, partition);
  actor.phase = 'ready';
  return actor;
}

t.test('D4: what the first record of a saga sets is found by whoever asks for timers', async (t) => {
  const asks: Readonly<Record<string, (desk: TimerDesk, partition: Partition) => unknown>> = {
    count: (desk) => desk.count,
    values: (desk) => [...desk.values()].length,
    earliest: (desk) => desk.earliest(10, () => true).length,
    find: (desk, partition) => (desk.find(partition, kind, 's-1', 'wake') === undefined ? 0 : 1),
    nextDueAt: (desk) => (desk.nextDueAt === 20 ? 1 : 0),
    takeDue: (desk) => dueNames(desk).length,
    takeRows: (desk, partition) => desk.takeRows(partition).puts.length,
  };
  for (const [name, ask] of Object.entries(asks)) {
    const desk = new TimerDesk();
    const partition = await openPartition();
    const actor = newActor(partition, 's-1');
    desk.order(actor, ['wake', 10, schema, []], trail);
    desk.order(actor, ['wake', 20, schema, []], ['c', 0, 'bob', 0]);
    t.equal(ask(desk, partition), 1, name);
    t.equal(
      desk.find(partition, kind, 's-1', 'wake')?.timer.trail[2] ?? 'bob',
      'bob',
      'the last word counts',
    );
  }
});

t.test('D4: one that is cancelled before anybody asks has stood nowhere', async (t) => {
  const desk = new TimerDesk();
  const partition = await openPartition();
  const actor = newActor(partition, 's-1');
  desk.order(actor, ['wake', 10, schema, []], trail);
  desk.order(actor, ['wake'], trail);
  t.equal(desk.nextDueAt, Number.POSITIVE_INFINITY);
  t.same(desk.takeRows(partition), { puts: [], deletes: [] });
  t.equal(actor.freshTimer, undefined);
  actor.version = 1;
  desk.order(actor, ['wake', 30, schema, []], trail);
  t.equal(desk.nextDueAt, 30, 'a later one stands as ever');
  desk.order(actor, ['wake'], trail);
  t.equal(desk.count, 0);
});

t.test(
  'D4: however orders of new and older actors come, what stands is what the last word says',
  async (t) => {
    const orders = fc.array(
      fc.record({
        actor: fc.integer({ min: 0, max: 3 }),
        order: fc.oneof(
          fc.constant<StoredTimer>(['wake']),
          fc.constant<StoredTimer>(['other']),
          fc.integer({ min: 1, max: 5 }).map((due): StoredTimer => ['wake', due, schema, []]),
          fc.integer({ min: 1, max: 5 }).map((due): StoredTimer => ['other', due, schema, []]),
          fc.constant<StoredTimer>(['wake', 0, schema, ['port', 'act', null, 'key', 1], 1]),
        ),
        isEnd: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(orders, async (steps) => {
        const [late, early] = [new TimerDesk(), new TimerDesk()];
        const [partition, other] = [await openPartition(), await openPartition()];
        // A saga's first record has events: what comes after it finds a version.
        const actors = [0, 1, 2, 3].map((index) => newActor(partition, `s-${index}`, index < 3));
        for (const { actor: index, order, isEnd } of steps) {
          const actor = actors[index] as Activation;
          if (order.length !== 1 || actor.version > 0) {
            late.order(actor, order, trail);
            early.apply(other, kind, actor.id, order, trail);
            actor.version++;
          }
          if (isEnd) void late.nextDueAt;
        }
        const standing = (desk: TimerDesk) =>
          Array.from(
            desk.values(),
            ({ id, name, dueAt, isActivity }) => `${id} ${name} ${dueAt} ${isActivity}`,
          ).sort();
        t.same(standing(late), standing(early));
        const keys = (rows: ReturnType<TimerDesk['takeRows']>) => [
          ...rows.puts.map(({ key }) => `put ${key}`).sort(),
          ...rows.deletes.map(({ key }) => `delete ${key}`).sort(),
        ];
        t.same(keys(late.takeRows(partition)), keys(early.takeRows(other)));
      }),
      { numRuns: 300 },
    );
  },
);

t.test('D4: a desk that is cleared forgets what it had not put down', async (t) => {
  const desk = new TimerDesk();
  const partition = await openPartition();
  desk.order(newActor(partition, 's-1'), ['wake', 10, schema, []], trail);
  desk.apply(partition, kind, 's-2', ['wake', 10, schema, []], trail);
  desk.clear();
  t.equal(desk.count, 0);
  t.equal(desk.nextDueAt, Number.POSITIVE_INFINITY);
  t.same(dueNames(desk), []);
  t.same([...desk.values()], []);
  desk.order(newActor(partition, 's-3'), ['wake', 20, schema, []], trail);
  t.same(dueNames(desk), ['s-3@20'], 'and takes new ones');
});
