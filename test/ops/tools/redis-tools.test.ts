/** The tools that look into a journal, as people run them, on Redis: beside a running node and on a damaged log. */
import path from 'node:path';
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { createSystem } from '../../../ops/index.js';
import { flipBit, withClient } from '../../persistence/redis/redis-place.js';
import { redisSuite } from '../../support/redis-suite.js';
import counters from '../fixtures/counter-app.js';
import { add, appFile, temporaryFolder, toolEnd, troupe } from './counted-place.js';

redisSuite('tools on Redis', (server) => {
  void t.test('read, tail, verify and doctor look into Redis beside its running node', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const directory = path.join(temporaryFolder(t), 'data');
    const there = ['--store', url, '--prefix', prefix];
    const system = await createSystem({
      modules: [counters],
      store: { type: 'redis', url, prefix, directory },
      partitions: 4,
    });
    for (const amount of [1, 2, 3]) await add(system, 'one', amount);

    const tail = troupe(t, [
      ...['journal', 'tail', '-f', '-n', '1', '--data', directory, '--app', appFile],
      ...there,
    ]);
    await tail.saying(/"amount":3/);
    await add(system, 'two', 33);
    await tail.saying(/counter\/two[^\n]*\n[^\n]*"amount":33/);
    tail.kill('SIGINT');
    t.equal((await tail.ended).code, 0);

    const read = await toolEnd(t, directory, ['journal', 'read', '--app', appFile, ...there]);
    t.equal(read.code, 0, read.stderr);
    t.match(
      read.stdout,
      /counter\/one {2}0 → 1 {2}command \S+, by system\n {4}event {4}Added \{"amount":1\}/,
    );

    const doctor = await toolEnd(t, directory, ['doctor', ...there]);
    t.equal(doctor.code, 0, doctor.stdout);
    t.match(doctor.stdout, new RegExp(`owner +process ${process.pid}`));
    t.match(doctor.stdout, 'Nothing is wrong');

    const sound = await toolEnd(t, directory, ['journal', 'verify', '--progress', ...there]);
    t.equal(sound.code, 0, sound.stdout);
    t.match(sound.stderr, /verify: \d+ of 4 entries/);
    await system.stop();

    const partition = partitionOf('one', 4);
    await withClient(url, (client) => flipBit(client, `${prefix}:{${partition}}:log`, 2));
    const damaged = await toolEnd(t, directory, ['journal', 'verify', ...there]);
    t.equal(damaged.code, 3, damaged.stdout);
    t.match(
      damaged.stdout,
      new RegExp(`partition +${partition}: .*DAMAGED\\n {2}position 2: torn.*\\n {2}position 3: chain`),
    );
  });
});
