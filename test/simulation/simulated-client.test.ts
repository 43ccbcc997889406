import t from 'tap';
import { JournalAudit } from '../../ops/simulation/journal-audit.js';
import { SeededRandom } from '../../ops/simulation/seeded-random.js';
import { type ClientWorld, SimulatedClient } from '../../ops/simulation/simulated-client.js';
import type { SimulatedNode } from '../../ops/simulation/simulated-node.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { compileKinds } from '../../runtime/kind-table.js';
import { SchemaCatalogue } from '../../runtime/schema-catalogue.js';
import { counterModule } from '../support/counter-module.js';

/** A client whose nodes never answer, and who was asked when. */
function clientOfTheSilent() {
  let now = 0;
  const asked: { readonly node: SimulatedNode; readonly key: string }[] = [];
  const audit = new JournalAudit({
    disk: new MemoryDisk(1),
    kinds: compileKinds([counterModule()], SchemaCatalogue.parse(undefined)).table,
    watchers: [],
    wallClockMax: () => now,
  });
  const world: ClientWorld = {
    draw: new SeededRandom(1),
    audit,
    now: () => now,
    next: () => ({
      call: { type: 'command', kind: 'counter', id: 'c', command: 'add', payload: { amount: 1 } },
    }),
    note: () => {},
    commandIdOf: (_call, _caller, key) => key,
    ask: (node, { key }) => asked.push({ node, key }),
    isSuperseded: () => false,
  };
  const client = new SimulatedClient('client', () => world);
  const wait = (ms: number) => {
    now += ms;
  };
  return { client, asked, wait };
}

/** Of a node a client that gets no answer looks at nothing else. */
function node() {
  const life = { isAlive: true };
  return { life, node: life as SimulatedNode };
}

t.test('a call without an answer fails, whoever serves by then', (t) => {
  const { client, wait } = clientOfTheSilent();
  client.drive(node().node);
  wait(20_001);
  t.throws(() => client.drive(node().node), /I15: a call of client has no answer after 20001 ms/);
  t.end();
});

t.test('what was asked of a node that has ended by itself is asked again, under the same key', (t) => {
  const { client, asked, wait } = clientOfTheSilent();
  const [old, next] = [node(), node()];
  client.drive(old.node);
  wait(100);
  client.drive(next.node);
  t.ok(
    asked.every(({ node }) => node === old.node),
    'while it lives its answer is waited for',
  );
  const before = asked.length;
  old.life.isAlive = false;
  wait(20_000);
  client.drive(next.node);
  t.ok(asked.length > before);
  t.ok(asked.slice(before).every(({ node }) => node === next.node));
  t.equal(new Set(asked.map(({ key }) => key)).size, 1);
  t.end();
});
