/** Stored forms are fixed by their version: a start that would read them otherwise is refused, on every store. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { defineAggregate, defineContract, defineModule, type Module } from '../../actors/model/index.js';
import { Type } from '../../actors/model/typebox.js';
import { createSystem, type SystemOptions } from '../../ops/index.js';
import { redisSuite } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';

type StoreOptions = NonNullable<SystemOptions['store']>;

const noteContract = defineContract({
  kind: 'note',
  events: { Written: { version: 1, schema: Type.Object({ text: Type.String() }) } },
  commands: { write: { version: 1, input: Type.Object({ text: Type.String() }), reply: Type.Null() } },
  queries: { text: { input: Type.Object({}), reply: Type.String() } },
  rejections: {},
});

const notes = defineModule({
  name: 'notes',
  aggregates: [
    defineAggregate(noteContract, {
      initial: () => ({ text: '' }),
      decide: {
        write: (_state, { text }) => ({
          events: [{ type: 'Written' as const, data: { text } }],
          reply: null,
        }),
      },
      evolve: { Written: (_state, { text }) => ({ text }) },
      read: { text: ({ text }) => text },
      snapshot: { version: 1 },
    }),
  ],
});

/** As a later release has it: the event says who wrote as well. */
function laterNotes(version: 1 | 2): Module {
  const schema = Type.Object({ text: Type.String(), author: Type.String() });
  const upcast = { 1: ([text]: readonly unknown[]) => ({ text: String(text), author: 'unknown' }) };
  const Written = version === 1 ? { version, schema } : { version, schema, upcast };
  const contract = defineContract({
    kind: 'note',
    events: { Written },
    commands: { write: { version: 1, input: Type.Object({ text: Type.String() }), reply: Type.Null() } },
    queries: { text: { input: Type.Object({}), reply: Type.String() } },
    rejections: {},
  });
  const actor = defineAggregate(contract, {
    initial: () => ({ text: '' }),
    decide: {
      write: (_state, { text }) => ({
        events: [{ type: 'Written', data: { text, author: 'me' } }],
        reply: null,
      }),
    },
    evolve: { Written: (_state, { text, author }) => ({ text: `${text} (${author})` }) },
    read: { text: ({ text }) => text },
    snapshot: { version: 2 },
  });
  return defineModule({ name: 'notes', aggregates: [actor] });
}

async function refuseChangedFields(t: Test, store: StoreOptions): Promise<void> {
  const read = async (modules: readonly Module[]) => {
    const system = await createSystem({ modules, store });
    const answer = await system.query(noteContract, 'n', 'text', {});
    await system.stop();
    return answer;
  };
  const first = await createSystem({ modules: [notes], store });
  t.match(await first.call(noteContract, 'n', 'write', { text: 'hello' }), { ok: true });
  await first.stop();
  await t.rejects(createSystem({ modules: [laterNotes(1)], store }), {
    code: 'schema-changed',
    message: /event note Written changed under version 1: raise its version and add an upcaster/,
  });
  t.match(await read([notes]), { ok: true, reply: 'hello' }, 'the refused start has changed nothing');
  t.match(await read([laterNotes(2)]), { ok: true }, 'under a version of its own it starts');
}

t.test('embedded: a changed field list under an old schema version is refused at start', async (t) => {
  await refuseChangedFields(t, { type: 'embedded', directory: path.join(temporaryDirectory(t), 'data') });
});

redisSuite('changed fields on Redis', (server) => {
  void t.test('Redis: a changed field list under an old schema version is refused at start', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const directory = path.join(temporaryDirectory(t), 'data');
    await refuseChangedFields(t, { type: 'redis', url, prefix, directory });
  });
});
