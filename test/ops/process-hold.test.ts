/** A process that waits for the answer to a call, and for nothing else, lives until it has it; then it ends. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';

const library = new URL('../../ops/index.js', import.meta.url).href;
const program = `
  import { createSystem, defineModule, defineSaga, Type } from ${JSON.stringify(library)};
  const nap = defineSaga({
    name: 'nap', version: 1, events: {}, input: Type.Object({}), steps: [{ name: 'sleep', sleepMs: 300 }],
  });
  const system = await createSystem({ modules: [defineModule({ name: 'naps', aggregates: [], sagas: [nap] })] });
  const result = await system.start(nap, 'n1', {}, { waitMs: 30_000 });
  console.log(result.ok && result.reply.state);
  const refused = await system.start(nap, '?', {}).then(({ code }) => code);
  console.log(refused);
`;

t.test('a call that waits for a sleeping saga is answered, and nothing is left behind it', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  t.equal(stdout, 'completed\nid-invalid\n');
});
