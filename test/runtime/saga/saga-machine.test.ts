/**
 * The saga machine by the rows and decisions of the requirements. Each test plays one course by hand.
 */
import t from 'tap';
import { attemptsMaxDefault, deadlineMsDefault } from '../../../runtime/saga/saga-plan.js';
import { payload, plain, sagaOf, transfer, undoable } from './saga-fixtures.js';
import { SagaWorld, startTime } from './saga-world.js';

function started(definition = transfer): SagaWorld {
  const world = new SagaWorld(definition);
  world.start(payload);
  return world;
}

t.test('rows 66, 71: steps run in order, and the saga completes with their results', async (t) => {
  const world = new SagaWorld(transfer);
  t.equal(world.state, 'pending');
  t.match(world.start(payload), { saga_id: 'saga-1', state: 'running', current_step: 'reserve', errors: [] });
  for (const step of ['reserve', 'risk', 'credit', 'capture', 'notify']) world.reply(step, { of: step });
  t.same(world.sent, ['reserve', 'risk', 'credit', 'capture', 'notify']);
  t.same(world.types.slice(-3), ['StepCompleted', 'SagaCompleted', 'TestCompleted']);
  t.match(world.status(), {
    definition_name: 'payment_test',
    state: 'completed',
    current_step: 'notify',
    started_at: startTime,
    completed_at: startTime,
    step_results: [
      { step: 'reserve', result: { of: 'reserve' }, timestamp: startTime },
      { step: 'risk' },
      { step: 'credit' },
      { step: 'capture' },
      { step: 'notify' },
    ],
  });
  t.match(world.read('context'), { account_id: 'a-1', amount: '100', risk_result: { of: 'risk' } });
});

t.test('row 71: a step sees the results before it, the newest included, and the stored input', async (t) => {
  let seen: unknown[] = [];
  const world = started(
    sagaOf([
      plain('first'),
      plain('second', {
        call: (saga) => {
          seen = [saga.results, saga.input, saga.principal, saga.sagaId, saga.now];
          return { kind: 'account', id: 'a-1', command: 'second', payload: {} };
        },
      }),
    ]),
  );
  world.reply('first', 7);
  t.same(seen, [{ first: 7 }, payload, 'alice', 'saga-1', startTime]);
});

t.test('row 70: the start is the first event, and a second start is refused', async (t) => {
  const world = started();
  t.same(world.types, ['SagaStarted']);
  t.match(world.log[0]?.data, { ...payload, definition_version: 1, principal: 'alice' });
  t.match(world.start(payload), { type: 'rejection', code: 'saga-exists' });
});

t.test(
  'row 74, decision d: a refusal undoes what was done, in reverse, and not the refused step',
  async (t) => {
    const world = started(sagaOf([undoable('a'), undoable('b'), plain('c'), undoable('d')]));
    for (const step of ['a', 'b', 'c']) world.reply(step);
    world.refuse('d', 'closed', 'Account is closed');
    t.same(world.status().state, 'compensating');
    world.reply('undo:b');
    world.reply('undo:a');
    t.same(world.sent.slice(4), ['undo:b', 'undo:a']);
    t.match(world.status(), { state: 'compensated', errors: ['closed: Account is closed'] });
    t.same(
      world.log.filter((event) => event.type === 'TestRejected').map((event) => event.data),
      [{ step: 'd', reason: 'closed: Account is closed' }],
    );
  },
);

t.test('a refusal with nothing to take back ends the saga at once', async (t) => {
  const world = started();
  world.refuse('reserve', 'insufficient-funds', 'Insufficient funds. Available: 1.00');
  t.same(world.types, ['SagaStarted', 'StepFailed', 'SagaCompensating', 'TestRejected', 'SagaCompensated']);
  t.same(world.sent, ['reserve']);
});

t.test('decision D4: a refusal is not retried', async (t) => {
  const world = started(sagaOf([undoable('a', { attemptsMax: 5 })]));
  world.refuse('a');
  t.equal(world.state, 'compensated');
});

t.test(
  'rows 67, 72: an operating error is retried after 1 s, then 2 s, with jitter, then the step has failed',
  async (t) => {
    const world = started(sagaOf([undoable('before'), undoable('a', { attemptsMax: attemptsMaxDefault })]));
    world.reply('before');
    const waits: number[] = [];
    for (let attempt = 1; attempt < attemptsMaxDefault; attempt++) {
      world.fail('a', 'store-busy', 'try later');
      const from = world.now;
      world.wait();
      waits.push(world.now - from);
    }
    const [first = 0, second = 0] = waits;
    t.ok(first >= 1_000 && first <= 1_250, `${first}`);
    t.ok(second >= 2_000 && second <= 2_500, `${second}`);
    world.fail('a', 'store-busy', 'try later');
    t.same(world.status().errors, ['Step a failed after 3 attempts: store-busy: try later']);
    t.same(
      world.sent,
      ['before', 'a', 'a', 'a', 'undo:before'],
      'the failed step had no effect: it is not undone',
    );
  },
);

t.test(
  'S3: a step without an answer is awaited and counted, not sent again; at the end it is undone too',
  async (t) => {
    const world = started(sagaOf([undoable('a', { attemptsMax: 3, timeoutMs: 100 })]));
    for (let attempt = 1; attempt <= 3; attempt++) world.wait();
    t.same(world.sent, ['a', 'undo:a']);
    t.same(world.status().errors, ['Step a failed after 3 attempts: step-timeout: Step a timed out']);
    world.reply('a');
    t.equal(world.state, 'compensating', 'a late reply changes nothing');
    world.reply('undo:a');
    t.equal(world.state, 'compensated');
  },
);

t.test('an answer within a later timeout counts', async (t) => {
  const world = started(sagaOf([undoable('a', { timeoutMs: 100 }), plain('b')]));
  world.wait();
  world.reply('a');
  world.reply('b');
  t.match(world.status(), { state: 'completed', errors: [] });
});

t.test('row 73: the deadline turns a saga back before its pivot, the step under way included', async (t) => {
  const world = started(
    sagaOf([undoable('a'), undoable('b', { timeoutMs: 2 * deadlineMsDefault }), plain('c', { pivot: true })]),
  );
  world.reply('a');
  while (world.state === 'running') world.wait();
  t.equal(world.now, startTime + deadlineMsDefault);
  t.same(world.status().errors, ['Saga timeout']);
  t.same(world.sent, ['a', 'b', 'undo:b']);
  world.reply('b');
  world.reply('undo:b');
  world.reply('undo:a');
  t.equal(world.state, 'compensated');
});

t.test('decision D1: past the pivot neither deadline nor silence turns the saga back', async (t) => {
  const world = started();
  for (const step of ['reserve', 'risk', 'credit']) world.reply(step);
  world.pause(2 * deadlineMsDefault);
  for (let firings = 0; firings < 10; firings++) world.wait();
  t.equal(world.state, 'running', 'the answer is awaited');
  world.reply('capture');
  world.reply('notify');
  t.equal(world.state, 'completed');
});

t.test('decision D1: a pivot without an answer is neither undone nor given up', async (t) => {
  const world = started();
  world.reply('reserve');
  world.reply('risk');
  world.pause(2 * deadlineMsDefault);
  for (let firings = 0; firings < 10; firings++) world.wait();
  t.equal(world.state, 'running');
  const refused = world.clone();
  refused.refuse('credit', 'account-unknown', 'no such account');
  t.same(refused.sent.at(-1), 'undo:reserve', 'its refusal turns the saga back');
  const failed = world.clone();
  failed.fail('credit');
  t.same(failed.status().errors.at(-1), 'Saga timeout', 'so does its failure after the deadline');
  world.reply('credit');
  t.equal(world.status().current_step, 'capture', 'its reply leads on');
});

t.test('past the pivot a refusal is retried, then the saga is parked', async (t) => {
  const world = started();
  for (const step of ['reserve', 'risk', 'credit']) world.reply(step);
  world.refuse('capture', 'hold-unknown', 'no hold');
  world.wait();
  t.same(world.sent.at(-1), 'capture');
  world.refuse('capture', 'hold-unknown', 'no hold');
  t.match(world.status(), {
    state: 'failed',
    errors: ['Step capture failed after 2 attempts: hold-unknown: no hold'],
  });
  t.notOk(world.sent.some((tag) => tag.startsWith('undo:')));
});

t.test('decision D1: an optional step never fails the saga', async (t) => {
  for (const harm of ['refuse', 'fail', 'silence'] as const) {
    const world = started();
    for (const step of ['reserve', 'risk', 'credit', 'capture']) world.reply(step);
    while (world.state === 'running') {
      if (harm === 'silence') world.wait();
      else if (world.pending.length > 0) world[harm]('notify');
      else world.wait();
    }
    t.match(world.status(), { state: 'completed', errors: { length: 1 } }, harm);
  }
});

t.test(
  'row 74, decision e: a failed compensation is recorded, the rest goes on, the saga is parked',
  async (t) => {
    const world = started(sagaOf([undoable('a'), undoable('b'), plain('c')]));
    world.reply('a');
    world.reply('b');
    world.refuse('c');
    world.fail('undo:b');
    world.wait();
    world.refuse('undo:b');
    world.reply('undo:a');
    t.match(world.status(), { state: 'failed', errors: ['no: c refused', 'Compensation failed: b'] });
    t.match(world.saga.summary(world.instance), { state: 'failed', parked_at: world.now, ended_at: null });
    t.same(world.effects, ['a', 'b', 'undo:a']);
  },
);

t.test('an answer with an unknown tag, or to a saga that never began, changes nothing', async (t) => {
  const world = started();
  world.strayAnswer('risk', { type: 'reply', reply: 1 });
  world.strayAnswer('undo:reserve', { type: 'reply', reply: 1 });
  world.strayAnswer('', { type: 'failure', code: 'x', detail: '' });
  t.same(world.types, ['SagaStarted']);
  const unborn = new SagaWorld(transfer);
  t.same(
    unborn.saga.onReply?.(
      unborn.instance,
      { tag: 'reserve', outcome: { type: 'reply', reply: 1 } },
      unborn.context(),
    ),
    {
      reply: undefined,
    },
  );
});

function throws(): never {
  throw new TypeError('a bug in the definition');
}

t.test(
  'a call that throws is a failed attempt: the saga turns back, or past the pivot is parked',
  async (t) => {
    const before = started(sagaOf([undoable('a'), undoable('b', { call: throws })]));
    before.reply('a');
    before.wait();
    t.same(before.sent, ['a', 'undo:a']);
    t.same(before.status().errors, ['Step b failed after 2 attempts: internal: the call of step b threw']);
    const after = started(sagaOf([plain('a', { pivot: true }), plain('b', { call: throws })]));
    after.reply('a');
    after.wait();
    t.equal(after.state, 'failed');
  },
);

t.test('an undo that throws is a failed compensation, and the rest goes on', async (t) => {
  const world = started(sagaOf([undoable('a'), undoable('b', { undo: throws }), plain('c')]));
  world.reply('a');
  world.reply('b');
  world.refuse('c');
  world.wait();
  world.reply('undo:a');
  t.match(world.status(), { state: 'failed', errors: ['no: c refused', 'Compensation failed: b'] });
});

t.test('closing events that cannot be made hold no compensation up, but park a completed saga', async (t) => {
  const saga = { ...sagaOf([undoable('a'), plain('b')]), onCompleted: throws, onCompensating: throws };
  const refused = started(saga);
  refused.reply('a');
  refused.refuse('b');
  refused.reply('undo:a');
  t.match(refused.status(), {
    state: 'compensated',
    errors: ['no: b refused; internal: the function for the closing events threw'],
  });
  const done = started(saga);
  done.reply('a');
  done.reply('b');
  t.match(done.status(), {
    state: 'failed',
    errors: ['internal: the function for the closing events threw'],
  });
});

t.test('a second decision leaves the closing events out, for a step without an answer too', async (t) => {
  const onCompensating = () => [{ type: 'Note', data: {} }];
  const steps = [undoable('a'), plain('b', { attemptsMax: 1, timeoutMs: 50 })];
  const saga = { ...sagaOf(steps, 10_000), onCompensating };
  const world = started(saga);
  world.reply('a');
  world.pause(50);
  const { decide, unrecorded } = world.saga;
  const failure = { code: 'event-too-large', detail: 'An event is too large.' };
  const instance = () => structuredClone(world.instance);
  const first = decide.wake?.(instance(), {}, world.context());
  const second = unrecorded?.wake?.(instance(), {}, world.context(), failure);
  t.match(first, { events: [{ type: 'StepFailed' }, { type: 'SagaCompensating' }, { type: 'Note' }] });
  t.match(second, { events: [{ type: 'StepFailed' }, { type: 'SagaCompensating' }] });
  t.equal(second?.events?.length, 2);
});

t.test('a start whose first call throws has not happened', async (t) => {
  const world = new SagaWorld(sagaOf([plain('a', { call: throws })]));
  t.throws(() => world.start(payload));
  t.same(world.types, []);
});

t.test('M4: a saga whose steps answer in time sets its timer once and cancels it once', async (t) => {
  const world = new SagaWorld(transfer);
  const orders: unknown[] = [];
  const { onReply } = world.saga;
  world.start(payload);
  for (const step of ['reserve', 'risk', 'credit', 'capture', 'notify']) {
    world.pause(5);
    const outcome = { type: 'reply', reply: 1 } as const;
    orders.push(
      ...(onReply?.(structuredClone(world.instance), { tag: step, outcome }, world.context()).timers ?? []),
    );
    world.reply(step);
  }
  t.same(orders, [{ type: 'cancel', name: 'wake' }]);
});

t.test('M4: a step with a shorter timeout than the timer that stands moves it', async (t) => {
  const world = started(sagaOf([plain('slow', { timeoutMs: 60_000 }), plain('fast', { timeoutMs: 50 })]));
  t.equal(world.timerAt, startTime + 60_000);
  world.pause(10);
  world.reply('slow');
  t.equal(world.timerAt, startTime + 60);
});

t.test('isOpen from the start to the end', async (t) => {
  const world = new SagaWorld(sagaOf([plain('only')]));
  const open = (): boolean | undefined => world.saga.isOpen?.(world.instance);
  t.equal(open(), false);
  world.start(payload);
  t.equal(open(), true);
  world.reply('only');
  t.equal(open(), false);
});
