/** What only a running shard shows of a saga: the trail of what its timer starts, and answers that cannot be recorded. */

import t from 'tap';
import { defineAggregate } from '../../../actors/model/aggregate.js';
import type { HistoryReply, RecordedEvent } from '../../../actors/model/call.js';
import { defineContract, send } from '../../../actors/model/contract.js';
import { type AnySaga, defineModule, type Module } from '../../../actors/model/module.js';
import { defineSaga, type SagaStatus } from '../../../actors/model/saga.js';
import { Type } from '../../../actors/model/typebox.js';
import { TestSystem } from '../../support/test-system.js';

const desk = defineContract({
  kind: 'desk',
  events: { Done: { version: 1, schema: Type.Object({ what: Type.String() }) } },
  commands: {
    /** Throws as often as its id says, then does it; replies with so many characters. */
    work: {
      version: 1,
      input: Type.Object({ what: Type.String(), characters: Type.Integer() }),
      reply: Type.Object({ text: Type.String() }),
    },
  },
  queries: { get: { input: Type.Null(), reply: Type.Array(Type.String()) } },
  rejections: {},
});

let throwsLeft = 0;

const deskAggregate = defineAggregate(desk, {
  initial: () => ({ done: [] as string[] }),
  decide: {
    work: (_state, { what, characters }) => {
      if (what === 'do' && throwsLeft-- > 0) throw new Error('not now');
      return { events: [{ type: 'Done', data: { what } }], reply: { text: 'x'.repeat(characters) } };
    },
  },
  evolve: {
    Done: (state, { what }) => {
      state.done.push(what);
      return state;
    },
  },
  read: { get: ({ done }) => done },
  snapshot: { version: 1 },
});

const job = defineSaga({
  name: 'job',
  version: 1,
  input: Type.Object({ desk: Type.String(), characters: Type.Integer() }),
  steps: [
    {
      name: 'do',
      call: ({ input }) => send(desk, input.desk, 'work', { what: 'do', characters: input.characters }),
      undo: ({ input }) => send(desk, input.desk, 'work', { what: 'undo', characters: 0 }),
    },
  ],
  events: {},
});

const longJob = { ...job, steps: [{ name: 'nap', sleepMs: 60_000 }, ...job.steps] } as typeof job;
const nextJob = (versions: readonly AnySaga[]) =>
  defineSaga({
    name: 'job',
    version: 2,
    versions,
    input: Type.Object({ desk: Type.String() }),
    steps: [
      {
        name: 'other',
        call: ({ input }) => send(desk, input.desk, 'work', { what: 'other', characters: 0 }),
      },
    ],
    upcast: { 1: ([name]) => ({ desk: name as string }) },
    events: {},
  });

function jobs(saga: AnySaga): Module[] {
  return [defineModule({ name: 'jobs', aggregates: [deskAggregate], sagas: [saga] })];
}

const modules = [defineModule({ name: 'jobs', aggregates: [deskAggregate], sagas: [job] })];

async function started(id: string, characters: number): Promise<TestSystem> {
  const system = await TestSystem.start({ modules, shardCount: 2 });
  const payload = { desk: 'd1', characters };
  await system.ask(
    { type: 'command', kind: 'job', id, command: 'start', payload },
    { correlationId: 'the-request', caller: { principal: 'ann', roles: [], internal: false } },
  );
  return system;
}

async function status(system: TestSystem, id: string): Promise<SagaStatus> {
  const answer = await system.ask({ type: 'query', kind: 'job', id, query: 'status', payload: {} });
  if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
  return answer.reply as SagaStatus;
}

async function history(system: TestSystem, kind: string, id: string): Promise<readonly RecordedEvent[]> {
  const answer = await system.ask({ type: 'history', kind, id, direction: 'forward', limit: 100 });
  if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
  return (answer.reply as HistoryReply).events;
}

t.test('a retry that the timer starts keeps the trail of the saga, after a crash too', async (t) => {
  for (const way of ['running', 'crashed', 'swept and crashed'] as const) {
    throwsLeft = 1;
    let system = await started('j1', 1);
    await system.clock.advance(100);
    if (way === 'swept and crashed') await system.swept();
    if (way !== 'running') system = await system.crash();
    await system.clock.advance(5_000);
    t.equal((await status(system, 'j1')).state, 'completed', way);
    const [done] = await history(system, 'desk', 'd1');
    t.match(done, { type: 'Done', correlationId: 'the-request', principal: 'ann' }, way);
    for (const event of await history(system, 'job', 'j1')) {
      t.match(event, { correlationId: 'the-request', principal: 'ann' }, `${way}: ${event.type}`);
    }
    await system.stop();
  }
});

t.test(
  'a reply that is too large to be recorded fails its step for good, and what it did is undone',
  async (t) => {
    throwsLeft = 0;
    const system = await started('j1', 20_000);
    await system.clock.advance(1_000);
    t.match(await status(system, 'j1'), {
      state: 'compensated',
      errors: ['Step do failed after 1 attempts: event-too-large: An event is too large.'],
    });
    t.match(await system.ask({ type: 'query', kind: 'desk', id: 'd1', query: 'get', payload: null }), {
      reply: ['do', 'undo'],
    });
    await system.stop();
  },
);

t.test(
  'a start without the definition of a live saga is refused, naming it; with it the saga goes on',
  async (t) => {
    throwsLeft = 0;
    for (const isSwept of [false, true]) {
      let system = await TestSystem.start({ modules: jobs(longJob), shardCount: 2 });
      const payload = { desk: 'd1', characters: 1 };
      await system.ask({ type: 'command', kind: 'job', id: 'long', command: 'start', payload });
      if (isSwept) await system.swept();
      await t.rejects(system.crash({ modules: jobs(nextJob([])) }), {
        code: 'saga-version-missing',
        message: /job version 1: long\)/,
      });
      system = await system.crash({ modules: jobs(nextJob([longJob])) });
      await system.ask({
        type: 'command',
        kind: 'job',
        id: 'new',
        command: 'start',
        payload: { desk: 'd2' },
      });
      await system.clock.advance(70_000);
      t.match(await status(system, 'long'), {
        state: 'completed',
        step_results: [{ step: 'nap' }, { step: 'do' }],
      });
      t.match(await status(system, 'new'), { state: 'completed', step_results: [{ step: 'other' }] });
      system = await system.crash({ modules: jobs(nextJob([])) });
      t.equal((await status(system, 'long')).state, 'completed', 'nothing needs the old definition any more');
      await system.stop();
    }
  },
);

t.test('idsNamedMax: of many such sagas ten are named, and the others counted', async (t) => {
  const system = await TestSystem.start({ modules: jobs(longJob), partitionCount: 1 });
  const payload = { desk: 'd1', characters: 1 };
  for (let index = 0; index < 12; index++)
    await system.ask({ type: 'command', kind: 'job', id: `long${index}`, command: 'start', payload });
  await t.rejects(system.crash({ modules: jobs(nextJob([])) }), {
    code: 'saga-version-missing',
    message: /job version 1: (long\d+, ){9}long\d+ and 2 more\)/,
  });
});
