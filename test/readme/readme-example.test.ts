/** The README's module is run as it stands there: by the command it names, over HTTP, and in process. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { createSystem } from '../../ops/index.js';
import { connectTo, startServer } from '../support/server.js';

// Inside the package, so that `troupe/model` means this tree, as it means the installed package for a user.
const directory = fileURLToPath(new URL('./my-app/', import.meta.url));
const file = path.join(directory, 'my-app.mjs');

function exampleOfReadme(): string {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const example = /```js\n(import .*?)```/s.exec(readme)?.[1];
  if (example === undefined) throw new Error('the README shows no module');
  return example;
}

mkdirSync(directory, { recursive: true });
writeFileSync(file, exampleOfReadme());
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.test('the README module runs under `troupe start --app`', async (t) => {
  const server = await startServer(t, { args: ['--app', file] });
  const client = connectTo(t, server.endpoint);
  const token = await server.token('ann', 'customer');
  const post = async (target: string, body: unknown): Promise<Record<string, unknown>> => {
    const reply = await client.ask({
      method: 'POST',
      path: `/api/v1/actors/${target}`,
      token,
      waitSeconds: 10,
      body: JSON.stringify(body),
    });
    if (reply.type === 'lost') throw new Error(reply.reason);
    return JSON.parse(reply.answer.body) as Record<string, unknown>;
  };
  await post('show/opera/open', { seats: 1 });
  await post('show/ballet/open', { seats: 1 });
  const ann = await post('evening/ann-friday/start', { first: 'opera', second: 'ballet', buyer: 'ann' });
  t.equal(ann.state, 'completed');
  const bob = await post('evening/bob-friday/start', { first: 'opera', second: 'ballet', buyer: 'bob' });
  t.equal(bob.state, 'compensated');
  t.match(bob.errors, [/sold-out/]);
});

t.test('the README module runs in process', async (t) => {
  const { default: module } = await import(pathToFileURL(file).href);
  const system = await createSystem({ modules: [module] });
  t.teardown(() => system.stop());
  const show = module.aggregates[0].contract;
  await system.call(show, 'opera', 'open', { seats: 1 });
  const taken = await system.call(show, 'opera', 'take', { buyer: 'ann' });
  t.hasStrict(taken, { ok: true, reply: { left: 0 } });
  const refused = await system.call(show, 'opera', 'take', { buyer: 'bob' });
  t.hasStrict(refused, { ok: false, type: 'rejection', code: 'sold-out' });
});
