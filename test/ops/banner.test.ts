/** What a newcomer sees and copies. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { banner, type NodeFacts } from '../../ops/banner.js';

const facts: NodeFacts = {
  version: '1.2.3',
  mode: 'development',
  address: 'http://127.0.0.1:8080',
  store: 'embedded (LMDB) in ./data',
  durability: 'disk',
  shards: 1,
  partitions: 16,
  modules: ['banking'],
  tokenCommand: 'npx troupe token',
};

t.test('the banner names address, store, durability, shards and partitions', async (t) => {
  const text = banner(facts);
  for (const fact of [facts.address, facts.store, 'fsync', '1, over 16 partitions', 'banking', '1.2.3']) {
    t.match(text, fact);
  }
  t.match(banner({ ...facts, shards: 0 }), 'on the main thread');
});

t.test('a durability that may lose work is shouted', async (t) => {
  t.match(banner({ ...facts, durability: 'none' }), 'NONE: a power cut may lose acknowledged work');
});

t.test('the session is shell that parses, and sends what the routes take', async (t) => {
  const session = banner(facts)
    .split('\n')
    .filter((line) => /^ {2}(TOKEN=|API=|post|curl)/.test(line));
  t.equal(session.length, 8, 'token, address, helper, two accounts, deposit, transfer, result');
  const parsed = spawnSync('sh', ['-n'], { input: session.join('\n'), encoding: 'utf8' });
  t.equal(parsed.status, 0, parsed.stderr);
  const bodies = session.flatMap((line) => /-d '(.*)'$/.exec(line)?.[1] ?? []);
  t.equal(bodies.length, 4);
  for (const body of bodies) t.type(JSON.parse(body), 'object');
  t.match(session.join('\n'), 'Prefer: wait=10');
});

t.test('an app of the user gets a session without bank accounts, production gets none', async (t) => {
  const own = banner({ ...facts, modules: ['tickets'] });
  t.notMatch(own, 'alice-checking');
  t.match(own, 'npx troupe token');
  t.notMatch(banner({ ...facts, mode: 'production' }), 'TOKEN=');
});
