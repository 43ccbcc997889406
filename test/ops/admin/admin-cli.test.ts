/** The commands for operators as people run them: real processes against a real server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { freePort } from '../../../bench/free-port.js';
import { startOperatorServer } from '../../gateway/operator/operator-server.js';
import { Program, type ProgramEnd } from '../support/program.js';

const { server, ask, askCustomer, counter } = await startOperatorServer(t);
const url = `http://127.0.0.1:${server.endpoint.port}`;

/** In a directory where there is no configuration. */
function run(t: Test, ...args: readonly string[]): Promise<ProgramEnd> {
  const program = new Program('ops/cli.js', args, { cwd: tmpdir() });
  t.teardown(() => program.end());
  return program.ended;
}

/** With the server's place and the key in its data directory. */
function troupe(t: Test, ...args: readonly string[]): Promise<ProgramEnd> {
  return run(t, ...args, '--url', url, '--data', server.dataDirectory, '--as', 'olga');
}

async function json(t: Test, ...args: readonly string[]) {
  const end = await troupe(t, ...args, '--json');
  t.equal(end.code, 0, end.stderr);
  return end.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

t.test('timers: listed in a table or as JSON, moved and cancelled, dry first', async (t) => {
  t.match(await troupe(t, 'timers', 'ls', '--kind', 'counter'), { code: 0, stdout: '', stderr: 'no timers' });
  await counter('a', 'schedule', { name: 'late', dueAt: Date.UTC(2100, 0, 1) });
  const [timer] = await json(t, 'timers', 'ls', '--kind', 'counter');
  t.match(timer, { kind: 'counter', id: 'a', name: 'late', due_at: '2100-01-01T00:00:00.000Z' });
  const table = await troupe(t, 'timers', 'ls');
  t.match(
    table.stdout,
    /^DUE +ACTOR +NAME +COMMAND +TIMER\n2100-01-01 00:00:00 {2}counter\/a {2}late {2}ring/,
  );
  const moved = await troupe(t, 'timers', 'move', timer.timer_id, '--at', '2101-01-01T00:00:00Z');
  t.match(moved.stdout, 'timer "late" of counter/a: moved from 2100-01-01 00:00:00 to 2101-01-01 00:00:00');
  t.match(await troupe(t, 'timers', 'cancel', timer.timer_id, '--dry-run'), { stdout: /would be cancelled/ });
  t.match(await troupe(t, 'timers', 'cancel', timer.timer_id), { code: 0, stdout: /: cancelled/ });
  t.match(await troupe(t, 'timers', 'cancel', timer.timer_id), { code: 2, stderr: /^troupe: not-found: / });
  const odd = await troupe(t, 'timers', 'move', timer.timer_id, '--at', 'yesterday');
  t.match(odd, { code: 2, stderr: /--at.*yesterday.*RFC 3339/s });
  t.match(await troupe(t, 'timers', 'move', timer.timer_id), { code: 2, stderr: /say either --at or --in/ });
});

t.test('dead letters: counted, replayed, skipped', async (t) => {
  await counter('s', 'tell', { to: 'r', first: -1, count: 3 });
  let letters = await json(t, 'dead-letters', 'ls', '--target', 'counter/r');
  while (letters.length < 3) letters = await json(t, 'dead-letters', 'ls', '--target', 'counter/r');
  const [first, second] = letters;
  const dry = await troupe(t, 'dead-letters', 'replay', first.dead_letter_id, '--dry-run');
  t.equal(dry.stdout, '3 letters would be replayed\n');
  const refused = await troupe(t, 'dead-letters', 'replay', first.dead_letter_id);
  t.match(refused.stdout, /^0 replayed, 3 left: \S+ was refused, refused: a negative number/);
  t.match(await troupe(t, 'dead-letters', 'skip', first.dead_letter_id), { code: 0, stdout: /skipped/ });
  t.match(await json(t, 'dead-letters', 'replay', second.dead_letter_id), [{ count: 2, left: 0 }]);
  t.match(await ask('GET', '/api/v1/actors/counter/r'), { body: { received: ['s:0', 's:1'] } });
});

t.test('actors: listed, shown with state and history, unparked', async (t) => {
  await counter('cursed', 'add', { amount: 5 });
  for (let count = 0; count < 3; count++) await counter('cursed', 'curse', {});
  const parked = await troupe(t, 'actors', 'ls', '--parked');
  t.match(parked.stdout, /ACTOR +VERSION +STATE\ncounter\/cursed +1 +parked/);
  t.match(await troupe(t, 'actors', 'show', 'counter/cursed'), { stdout: /parked after 3 strikes/ });
  t.match(await troupe(t, 'actors', 'unpark', 'counter/cursed'), { stdout: /works again, at version 1/ });
  t.match(await troupe(t, 'actors', 'show', 'counter/cursed'), {
    stdout: /^actor +counter\/cursed\nversion +1\nstanding +at rest\n\ntotal +5\n(?![\s\S]*version)/,
  });
  t.match(await json(t, 'actors', 'events', 'counter/cursed'), [
    { event_type: 'Added', stream_version: 1, event_data: { amount: 5 } },
  ]);
  t.match(await troupe(t, 'actors', 'show', 'counter/nobody'), { stdout: /standing +nothing has happened/ });
  t.match(await troupe(t, 'actors', 'ls', '--parked', '--kind', 'journey'), { stderr: 'no parked actors' });
  t.match(await troupe(t, 'actors', 'show', 'cursed'), { code: 2, stderr: /kind\/id/ });
});

t.test('sagas: listed by state, shown step by step, told what to do', async (t) => {
  await askCustomer('POST', '/api/v1/actors/journey/waiting/start', { first: 0, second: 1 });
  const listed = await troupe(t, 'sagas', 'ls', '--state', 'running');
  t.match(
    listed.stdout,
    /SAGA +TYPE +STATE +STEP +STARTED +UPDATED +ERROR\nwaiting +journey +running +first/,
  );
  t.same(await json(t, 'sagas', 'ls', '--older-than', '1h'), []);
  const shown = await troupe(t, 'sagas', 'show', 'waiting');
  t.match(shown.stdout, /saga +waiting\ntype +journey\nstate +running/);
  t.match(shown.stdout, /STEP +OUTCOME +STARTED +TOOK +ATTEMPTS +ERROR +RESULT\nfirst +under-way/);
  const dry = await troupe(t, 'sagas', 'retry', 'waiting', '--dry-run');
  t.match(dry.stdout, 'is not parked and cannot be told to retry');
  t.match(await troupe(t, 'sagas', 'show', 'nobody'), {
    code: 2,
    stderr: 'troupe: not-found: Saga not found\n',
  });
});

t.test('sagas: a parked one is found, retried, skipped or aborted, with who did it and why', async (t) => {
  for (let count = 0; count < 3; count++) await counter('back', 'curse', {});
  for (const id of ['p1', 'p2']) {
    await askCustomer('POST', `/api/v1/actors/detour/${id}/start`, { back: 'back' });
    while ((await ask('GET', `/api/v1/sagas/${id}`)).body.parked_at === null);
  }
  t.match(await troupe(t, 'sagas', 'ls', '--parked', '--type', 'detour'), {
    stdout: /^SAGA .*\np1 +detour +failed \(parked\) +first .*\np2 +detour +failed \(parked\)/,
  });
  t.match(await json(t, 'sagas', 'skip', 'p1', '--dry-run'), [{ applies: true, dry_run: true }]);
  t.match(await troupe(t, 'sagas', 'retry', 'p1'), { code: 0, stdout: /^p1: retry done, now / });
  while ((await ask('GET', '/api/v1/sagas/p1')).body.parked_at === null);
  t.match(await troupe(t, 'sagas', 'skip', 'p1', '--reason', 'paid back by hand'), { code: 0 });
  t.match(await troupe(t, 'sagas', 'abort', 'p2', '--reason', 'a test'), {
    stdout: 'p2: abort done, now failed at first\n',
  });
  t.match(await troupe(t, 'sagas', 'abort', 'p2'), { code: 2, stderr: /^troupe: not-parked/ });
  t.match(await json(t, 'sagas', 'ls', '--state', 'failed', '--type', 'detour'), [{ saga_id: 'p2' }]);
  const told = async (id: string, type: string) =>
    (await json(t, 'actors', 'events', `detour/${id}`))
      .filter(({ event_type }) => event_type === type)
      .map(({ event_data: { verb = 'abort', principal, reason } }) => `${principal} ${verb} ${reason}`);
  t.same(await told('p1', 'SagaResumed'), ['olga retry ', 'olga skip paid back by hand']);
  t.same(await told('p2', 'SagaAborted'), ['olga abort a test']);
});

t.test('reactions: listed, and run over the past without sending twice', async (t) => {
  await counter('loud', 'echo', { to: 'ear', count: 1 });
  t.match(await troupe(t, 'reactions', 'ls'), {
    stdout: /REACTION +TO +MODULE\necho +counter\/Echoed +counters/,
  });
  t.match(await troupe(t, 'reactions', 'backfill', 'echo', '--dry-run'), {
    stdout: 'echo: 0 messages would be sent\n',
  });
  t.match(await json(t, 'reactions', 'backfill', 'echo'), [{ reaction: 'echo', count: 0 }]);
  t.match(await troupe(t, 'reactions', 'backfill', 'nothing'), { code: 2, stderr: /^troupe: not-found/ });
  const before = (time: string) => troupe(t, 'reactions', 'backfill', 'echo', '--dry-run', '--before', time);
  t.match(await before('2000-01-01T00:00:00Z'), { code: 0, stdout: 'echo: 0 messages would be sent\n' });
  t.match(await before('long ago'), { code: 2, stderr: /--before.*long ago.*RFC 3339/s });
});

t.test('audit: who did what, the operator by the name given', async (t) => {
  await troupe(t, 'actors', 'unpark', 'counter/cursed');
  const [line] = await json(t, 'audit', '--subject', 'olga', '--limit', '1');
  t.match(line, { principal: 'olga', outcome: 'accepted' });
  t.match(await troupe(t, 'audit', '--subject', 'counter/loud'), {
    stdout: /TIME +BY +ACTOR +COMMAND +OUTCOME +CORRELATION\n\S+ \S+ +carl +counter\/loud +echo +accepted/,
  });
  const between = (...times: readonly string[]) => json(t, 'audit', '--subject', 'counter/loud', ...times);
  const [echo] = await between();
  const [earlier, later] = [-1, 1].map((ms) => new Date(Date.parse(echo.at) + ms).toISOString()) as [
    string,
    string,
  ];
  t.match(await between('--from', echo.at, '--to', later), [{ command: 'echo' }]);
  t.same(await between('--from', later), []);
  t.same(await between('--to', earlier), []);
  t.match(await troupe(t, 'audit', '--from', 'monday'), { code: 2, stderr: /--from.*monday.*RFC 3339/s });
});

t.test('errors say what to do, and end with 2', async (t) => {
  const port = await freePort();
  const nobody = await run(
    t,
    'sagas',
    'ls',
    '--url',
    `http://127.0.0.1:${port}`,
    '--data',
    server.dataDirectory,
  );
  t.equal(nobody.code, 2);
  t.match(nobody.stderr, /no server answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): start one/);
  const empty = mkdtempSync(path.join(tmpdir(), 'troupe-admin-'));
  t.teardown(() => rmSync(empty, { recursive: true, force: true }));
  t.match(await run(t, 'timers', 'ls', '--url', url, '--data', empty), {
    code: 2,
    stderr: /there is no key/,
  });
  const customer = await server.token('carl', 'customer');
  t.match(await run(t, 'timers', 'ls', '--url', url, '--token', customer), {
    code: 2,
    stderr: /scope-missing: Admin access required; the token needs the role admin/,
  });
  t.match(await run(t, 'timers', 'ls', '--url', url, '--token', 'odd'), { code: 2, stderr: /token-invalid/ });
  t.match(await troupe(t, 'sagas', 'ls', '--older-than', 'long'), {
    code: 2,
    stderr: /Allowed: a time such as/,
  });
});
