/** `troupe journal read`, `tail` and `verify` as people run them, on real data directories. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { add, appFile, moved, runningSystem, temporaryFolder, toolEnd, troupe } from './counted-place.js';

const app = ['--app', appFile];

t.test('read shows commands, events, messages, timers and answers by name', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  await add(system, 'from', 5);
  await moved(system, 'first', 'from', 'to', 2);
  await system.stop();
  const end = await toolEnd(t, directory, ['journal', 'read', ...app]);
  t.equal(end.code, 0, end.stderr);
  t.match(end.stdout, /counter\/from {2}0 → 1 {2}command \S+, by system\n {4}event {4}Added \{"amount":5\}/);
  t.match(end.stdout, /message {2}m\d+\.\d+\.\d+ to counter\/to: add \{"amount":2\}/);
  t.match(end.stdout, /timer {4}wake at 2\d{3}-[^\n]*: wake v2 \{"definition_version":1\}/);
  t.match(end.stdout, 'answer   reply to add {"total":5}');
});

t.test('read as JSON gives one entry a line, and with an actor only its records', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  for (const amount of [1, 2, 3]) await add(system, 'one', amount);
  await add(system, 'other', 9);
  const end = await toolEnd(t, directory, ['journal', 'read', '--json', '--actor', 'counter/one', ...app]);
  const entries = end.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(
    entries.flatMap(({ records }) => records.map((record: Record<string, unknown>) => record.events)),
    [1, 2, 3].map((amount) => [{ type: 'Added', schema_version: 1, data: { amount } }]),
  );
  t.ok(entries.every(({ partition }) => partition === partitionOf('one', 4)));
  const limited = await toolEnd(t, directory, ['journal', 'read', '--json', '--limit', '2', ...app]);
  t.equal(limited.stdout.trim().split('\n').length, 2);
  const second = entries[1].position;
  const range = ['--partition', String(partitionOf('one', 4)), '--from', second, '--to', second].map(String);
  const ranged = await toolEnd(t, directory, ['journal', 'read', '--json', ...range, ...app]);
  t.match(JSON.parse(ranged.stdout), { position: second, records: [{ id: 'one' }] });
});

t.test('without the modules fields are shown as stored, and a remark says why', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  await add(system, 'one', 7);
  await system.stop();
  const missing = path.join(directory, 'nothing.js');
  const end = await toolEnd(t, directory, ['journal', 'read', '--app', missing]);
  t.equal(end.code, 0);
  t.match(end.stdout, 'event    Added [7]');
  t.match(end.stderr, 'fields are shown without their names');
});

t.test('tail follows a running owner and ends with 0 when it is interrupted', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  await add(system, 'one', 1);
  await add(system, 'one', 2);
  const tail = troupe(t, ['journal', 'tail', '-f', '-n', '1', '--data', directory, ...app]);
  await tail.saying(/"amount":2/);
  await add(system, 'two', 33);
  await tail.saying(/counter\/two[^\n]*\n[^\n]*"amount":33/);
  tail.kill('SIGINT');
  const end = await tail.ended;
  t.equal(end.code, 0);
  t.notMatch(end.stdout, '"amount":1}', 'only as many old entries as asked for');
});

t.test('verify finds a sound log beside its running owner', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  for (let index = 0; index < 40; index++) await add(system, `counter-${index}`, 1);
  const end = await toolEnd(t, directory, ['journal', 'verify', '--progress']);
  t.equal(end.code, 0, end.stdout);
  t.match(end.stdout, /partition {3}0: positions 1 to \d+, \d+ entries, [^\n]*, sound/);
  t.match(end.stderr, /verify: \d+ of 40 entries/);
});

t.test('verify names partition and position of a flipped bit and exits with 3', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  await add(system, 'one', 123);
  await add(system, 'one', 321);
  await add(system, 'one', 5);
  await system.stop();
  const file = path.join(directory, 'log', 'data.mdb');
  const bytes = readFileSync(file);
  // msgpack: the fields of the event `Added`, uint16 321; LMDB may hold old copies of the page as well.
  const marker = Buffer.from([0x91, 0xcd, 0x01, 0x41]);
  let found = 0;
  for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at + 1)) {
    bytes.writeUInt8((bytes[at + 3] ?? 0) ^ 1, at + 3);
    found++;
  }
  t.ok(found > 0);
  writeFileSync(file, bytes);
  const end = await toolEnd(t, directory, ['journal', 'verify']);
  t.equal(end.code, 3);
  t.match(
    end.stdout,
    new RegExp(
      `partition +${partitionOf('one', 4)}: .*DAMAGED\\n {2}position 2: torn.*\\n {2}position 3: chain`,
    ),
  );
  const json = await toolEnd(t, directory, ['journal', 'verify', '--json']);
  t.match(JSON.parse(json.stdout), { sound: false });
});

t.test('where there is no store, and on a partition it does not have, tools end with 2', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  for (const tool of [
    ['journal', 'read'],
    ['journal', 'verify'],
  ]) {
    const end = await toolEnd(t, directory, tool);
    t.equal(end.code, 2, tool.join(' '));
    t.match(end.stderr, 'holds no store');
  }
  const system = await runningSystem(t, directory);
  await system.stop();
  const end = await toolEnd(t, directory, ['journal', 'verify', '--partition', '4']);
  t.equal(end.code, 2);
  t.match(end.stderr, 'partitions 0 to 3, not 4');
});
