/**
 * What a compiled saga shows to the outside: its contract, who may read it, its events, and definitions it refuses.
 */

import t from 'tap';
import type { Caller } from '../../../actors/model/message.js';
import { defineSaga, type SagaDefinition } from '../../../actors/model/saga.js';
import { type TObject, type TSchema, Type } from '../../../actors/model/typebox.js';
import { causeMessage, type StoredRecord } from '../../../runtime/commit/record.js';
import { recordedEvents } from '../../../runtime/history.js';
import { compileKinds } from '../../../runtime/kind-table.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import { planSaga, stepsMax } from '../../../runtime/saga/saga-plan.js';
import { presentSagaEvent } from '../../../runtime/saga/saga-view.js';
import { SchemaCatalogue } from '../../../runtime/schema-catalogue.js';
import { payload, plain, sagaOf, transfer, undoable } from './saga-fixtures.js';
import { alice, SagaWorld } from './saga-world.js';

/** Every schema of the contract's inputs and events is an object's. */
function fieldsOf(schema: TSchema | undefined): string[] {
  return Object.keys((schema as TObject).properties);
}

const bob: Caller = { principal: 'bob', roles: ['customer'], internal: false };

t.test(
  'row 75: only its starter, an admin or the runtime sees a saga; for others there is none',
  async (t) => {
    const world = new SagaWorld(transfer);
    const missing = { type: 'rejection', code: 'not-found', detail: 'Saga not found' };
    const admin: Caller = { principal: 'root', roles: ['admin'], internal: false };
    const runtime: Caller = { principal: '', roles: [], internal: true };
    t.same(world.read('authorise', admin), missing, 'before the start');
    world.start(payload);
    for (const query of ['status', 'context', 'authorise']) t.same(world.read(query, bob), missing, query);
    for (const caller of [alice, admin, runtime]) t.equal(world.read('authorise', caller), null);
  },
);

t.test(
  'the contract carries the kind, the input, the roles and the own events of the definition',
  async (t) => {
    const { contract } = compileSaga({ ...transfer, roles: ['customer'] });
    t.equal(contract.kind, 'payment_test');
    t.same(fieldsOf(contract.commands.start?.input), ['account_id', 'amount', 'note']);
    t.same(contract.commands.start?.roles, ['customer']);
    t.equal(contract.commands.wake?.internal, true);
    t.ok(contract.events.TestCompleted);
    t.match(contract.rejections, { 'not-found': 404, 'saga-exists': 409, 'not-parked': 409 });
    t.same(fieldsOf(contract.events.SagaStarted?.schema), [
      'definition_version',
      'principal',
      'account_id',
      'amount',
      'note',
    ]);
  },
);

t.test('row 31: every event of a saga shows saga_id, definition_name, state and current_step', async (t) => {
  const world = new SagaWorld(sagaOf([undoable('a'), plain('b')]));
  world.start(payload);
  world.reply('a', 1);
  world.refuse('b');
  world.reply('undo:a');
  const shown = world.log.map(({ type, data }) => presentSagaEvent(world.saga.plan, 'saga-1', type, data));
  const common = { saga_id: 'saga-1', definition_name: 'payment_test' };
  t.match(shown, [
    { ...common, ...payload, state: 'pending', current_step: 'a' },
    { ...common, state: 'running', current_step: 'a', step: 'a', result: 1 },
    { ...common, state: 'running', current_step: 'b', code: 'no' },
    { ...common, state: 'compensating', current_step: 'b', reason: 'no: b refused' },
    { step: 'b', reason: 'no: b refused' },
    { ...common, state: 'compensating', current_step: 'a', step: 'a' },
    { ...common, state: 'compensated', current_step: 'a' },
  ]);
  t.same(world.types[4], 'TestRejected');
  t.same(
    Object.keys(shown[4] as object),
    ['step', 'reason'],
    "the definition's own events are left as they are",
  );
});

t.test(
  'an older input is read through its upcaster, in the first event and in a start under way',
  async (t) => {
    const { contract } = compileSaga({
      ...transfer,
      version: 2,
      upcast: { 1: ([account_id, cents]) => ({ account_id, amount: String(cents) }) },
    });
    t.equal(contract.events.SagaStarted?.version, 2);
    t.same(contract.events.SagaStarted?.upcast?.[1]?.([1, 'alice', 'a-1', 100]), {
      definition_version: 1,
      principal: 'alice',
      account_id: 'a-1',
      amount: '100',
    });
    t.same(contract.commands.start?.upcast?.[1]?.(['a-1', 100]), { account_id: 'a-1', amount: '100' });
  },
);

t.test('row 31: a history read off the journal shows them so', async (t) => {
  const modules = [{ name: 'test', aggregates: [], sagas: [transfer] }];
  const { table } = compileKinds(modules, SchemaCatalogue.parse(undefined));
  const kind = table.named('payment_test');
  const completed = kind?.eventByName.get('StepCompleted');
  if (kind === undefined || completed === undefined) throw new Error('the saga is a kind');
  const fields = completed.form.toFields({ step: 'reserve', result: { held: '1.00' } });
  const record: StoredRecord = [
    kind.schemaId,
    's-1',
    1,
    0,
    0,
    [causeMessage, 0, 1, 0],
    ['c', 0, 'alice', 0],
    0,
    [completed.schemaId, fields],
    0,
    0,
  ];
  const placed = { record, position: 9, index: 0, at: 5 };
  const [event] = recordedEvents(table, { kind, id: 's-1', partition: 0 }, placed);
  t.same(event?.data, {
    saga_id: 's-1',
    definition_name: 'payment_test',
    state: 'running',
    current_step: 'reserve',
    step: 'reserve',
    result: { held: '1.00' },
  });
});

t.test('a definition that cannot run is refused when it is compiled', async (t) => {
  const wrong: readonly (readonly [string, SagaDefinition, RegExp])[] = [
    ['no steps', sagaOf([]), /between 1 and/],
    [
      'too many steps',
      sagaOf(Array.from({ length: stepsMax + 1 }, (_, index) => plain(`s${index}`))),
      /between 1 and/,
    ],
    ['a step twice', sagaOf([plain('a'), plain('a')]), /named twice/],
    ['a name with a colon', sagaOf([plain('undo:a')]), /step name/],
    ['two pivots', sagaOf([plain('a', { pivot: true }), plain('b', { pivot: true })]), /at most one pivot/],
    ['an optional pivot', sagaOf([plain('a', { pivot: true, optional: true })]), /both pivot and optional/],
    ['no attempts', sagaOf([plain('a', { attemptsMax: 0 })]), /at least one attempt/],
    ['a version without its definition or upcaster', { ...transfer, version: 2 }, /needs the definition/],
    [
      'an own event with a taken name',
      { ...transfer, events: { SagaFailed: { version: 1, schema: Type.Null() } } },
      /own/,
    ],
    [
      'an input field with a taken name',
      { ...transfer, input: Type.Object({ principal: Type.String() }) },
      /own/,
    ],
  ];
  for (const [name, definition, says] of wrong)
    t.throws(() => compileSaga(definition), { message: says }, name);
});

/** A saga as plain JavaScript may write it: no compiler has seen its steps. */
function loose(...steps: readonly unknown[]): SagaDefinition {
  return { ...transfer, steps: steps as SagaDefinition['steps'] };
}

t.test(
  'a step that is not exactly one thing, or has what no such step has, is refused by name',
  async (t) => {
    const call = () => ({ kind: 'account', id: 'a', command: 'x', payload: {} });
    const wrong: readonly (readonly [string, SagaDefinition, string])[] = [
      [
        'a misspelt kind',
        loose({ name: 'nap', sleep: 5 }),
        'saga payment_test: step nap is nothing that a saga does, for it has sleep; a step here is one of call, activity, saga, tell, signal, sleepMs, each, parallel',
      ],
      [
        'no kind',
        loose({ name: 'nap' }),
        'saga payment_test: step nap is nothing that a saga does, for it has a name only; a step here is one of call, activity, saga, tell, signal, sleepMs, each, parallel',
      ],
      [
        'two kinds',
        loose({ name: 'nap', sleepMs: 5, call }),
        'saga payment_test: step nap is both call and sleepMs; a step here is one of call, activity, saga, tell, signal, sleepMs, each, parallel',
      ],
      [
        'a group in a group',
        loose({ name: 'both', parallel: [{ name: 'inner', parallel: [] }] }),
        'saga payment_test: step inner is nothing that a saga does, for it has parallel; a step here is one of call, activity, saga, tell, signal, sleepMs, each',
      ],
      [
        'items that sleep',
        loose({ name: 'naps', each: () => [1], step: { sleepMs: 5 } }),
        "saga payment_test: the items' step of step naps is nothing that a saga does, for it has sleepMs; a step here is one of call, activity, saga",
      ],
      [
        'items without a step',
        loose({ name: 'naps', each: () => [1], call }),
        'saga payment_test: step naps is both call and each; a step here is one of call, activity, saga, tell, signal, sleepMs, each, parallel',
      ],
      [
        'items and nothing to do',
        loose({ name: 'naps', each: () => [1] }),
        'saga payment_test: step naps has a step for its items',
      ],
      [
        'a misspelt undo',
        loose({ name: 'take', call, undoo: call }),
        'saga payment_test: step take has undoo, and a step with call has none; it may have call, undo, timeoutMs, attemptsMax, retryDelayMs, name, when, pivot, optional',
      ],
      [
        'a group that is passed over',
        loose({ name: 'both', when: () => false, parallel: [{ name: 'take', call }] }),
        'saga payment_test: step both has when, and a step with parallel has none; it may have parallel, name',
      ],
      [
        'an undo beside the items',
        loose({ name: 'all', each: () => [1], step: { call }, undo: call }),
        'saga payment_test: step all has undo, and a step with each has none; it may have each, step, concurrencyMax, name, when, pivot',
      ],
      [
        'an item that is passed over',
        loose({ name: 'all', each: () => [1], step: { call, when: () => false } }),
        "saga payment_test: the items' step of step all has when, and a step with call has none; it may have call, undo, timeoutMs, attemptsMax, retryDelayMs, optional",
      ],
      [
        'a told step that is undone',
        loose({ name: 'note', tell: call, undo: call }),
        'saga payment_test: step note has undo, and a step with tell has none; it may have tell, name, when, pivot',
      ],
      [
        'a told step that may fail',
        loose({ name: 'note', tell: call, optional: true }),
        'saga payment_test: step note has optional, and a step with tell has none; it may have tell, name, when, pivot',
      ],
      [
        'a told step that is tried again',
        loose({ name: 'note', tell: call, attemptsMax: 2 }),
        'saga payment_test: step note has attemptsMax, and a step with tell has none; it may have tell, name, when, pivot',
      ],
      [
        'a told step that is waited for',
        loose({ name: 'note', tell: call, call }),
        'saga payment_test: step note is both call and tell; a step here is one of call, activity, saga, tell, signal, sleepMs, each, parallel',
      ],
      [
        'an item that is told',
        loose({ name: 'all', each: () => [1], step: { tell: call } }),
        "saga payment_test: the items' step of step all is nothing that a saga does, for it has tell; a step here is one of call, activity, saga",
      ],
      [
        'a time that is none',
        loose({ name: 'take', call, timeoutMs: '5s' }),
        'saga payment_test: step take: timeoutMs is a number, not string',
      ],
      [
        'a command that is none',
        loose({ name: 'take', call: 'take' }),
        'saga payment_test: step take: call is a function, not string',
      ],
      [
        'a limit that is not a number',
        loose({ name: 'take', call, timeoutMs: Number.NaN }),
        'saga payment_test: step take: timeoutMs is 0 or more, not NaN',
      ],
      [
        'a delay of less than nothing',
        loose({ name: 'take', call, retryDelayMs: -1 }),
        'saga payment_test: step take: retryDelayMs is 0 or more, not -1',
      ],
      [
        'a sleep without an end',
        loose({ name: 'nap', sleepMs: Number.POSITIVE_INFINITY }),
        'saga payment_test: step nap: sleepMs is a finite number, not Infinity',
      ],
      [
        'a class with a misspelt undo',
        loose(
          new (class {
            name = 'take';
            call = call;
            undoo() {
              return call();
            }
          })(),
        ),
        'saga payment_test: step take has undoo, and a step with call has none; it may have call, undo, timeoutMs, attemptsMax, retryDelayMs, name, when, pivot, optional',
      ],
      [
        'an inherited time that is none',
        loose(Object.create({ name: 'take', call, timeoutMs: '5s' }, {})),
        'saga payment_test: step take: timeoutMs is a number, not string',
      ],
      ['a step without a name', loose({ call }), 'saga payment_test: steps[0] has a name'],
      ['a step that is none', loose(null), 'saga payment_test: steps[0] is an object'],
      [
        'a group that is none',
        loose({ name: 'both', parallel: {} }),
        'saga payment_test: parallel of step both is a list',
      ],
      ['steps that are none', { ...transfer, steps: {} } as never, 'saga payment_test: steps is a list'],
    ];
    for (const [name, definition, says] of wrong)
      t.throws(() => compileSaga(definition), { message: says }, name);
  },
);

t.test('what is left undefined is not there', async (t) => {
  const call = () => ({ kind: 'account', id: 'a', command: 'x', payload: {} });
  const { plan } = compileSaga(loose({ name: 'take', call, undo: undefined, timeoutMs: undefined }));
  t.match(plan.steps, [{ kind: 'command', undo: undefined, timeoutMs: 30_000 }]);
  const activity = () => ({ type: 'activity', port: 'p', activity: 'a', input: {} });
  const nothing = {
    call: undefined,
    saga: undefined,
    signal: undefined,
    each: undefined,
    unheardOf: undefined,
  };
  const { plan: mixed } = compileSaga(
    loose(
      { name: 'look', parallel: undefined, ...nothing, activity },
      { name: 'nap', undo: undefined, ...nothing, sleepMs: 5 },
      {
        ...{ name: 'all', when: undefined, undo: undefined, pivot: undefined },
        parallel: [{ name: 'wait', ...nothing, sleepMs: undefined, signal: 'go' }],
      },
      { name: 'every', ...nothing, each: () => [1], step: { call: undefined, activity } },
    ),
  );
  t.match(mixed.steps, [
    { kind: 'activity', order: activity },
    { kind: 'sleep', signal: '' },
    { kind: 'signal', signal: 'go', sleepMs: undefined },
    { kind: 'activity', order: activity, items: Function },
  ]);
  t.throws(() => compileSaga(loose({ name: 'nap', sleepMs: undefined })), {
    message: /step nap is nothing that a saga does, for it has a name only/,
  });
});

t.test('a step may be an object of a class, and have no limit of its own', async (t) => {
  class Take {
    name = 'take';
    timeoutMs = Number.POSITIVE_INFINITY;
    call() {
      return { kind: 'account', id: 'a', command: 'x', payload: {} };
    }
  }
  class TakeBack extends Take {
    undo() {
      return this.call();
    }
  }
  const { plan } = compileSaga(loose(new TakeBack()));
  t.match(plan.steps, [{ kind: 'command', undo: Function, timeoutMs: Number.POSITIVE_INFINITY }]);
});

t.test('an earlier version of a definition is looked at as well', async (t) => {
  const earlier = { ...loose({ name: 'nap', sleep: 5 }), version: 1 };
  // Forgets the type of the input, as a module does.
  const definition = { ...transfer, version: 2, versions: [earlier] } as unknown as SagaDefinition;
  t.throws(() => compileSaga(definition), {
    message: /^saga payment_test version 1: step nap is nothing/,
  });
});

t.test(
  'rows 67, 68: a step has 30 s, three attempts and a delay of 1 s, a saga 5 min, unless they say otherwise',
  async (t) => {
    const definition = defineSaga({
      name: 'bare',
      version: 1,
      input: Type.Object({}),
      events: {},
      steps: [{ name: 'only', call: () => ({ kind: 'account', id: 'a', command: 'x', payload: {} }) }],
    });
    const { steps, deadlineMs } = planSaga(definition as unknown as SagaDefinition);
    t.match(steps, [{ timeoutMs: 30_000, attemptsMax: 3, retryDelayMs: 1_000 }]);
    t.equal(deadlineMs, 300_000);
  },
);
