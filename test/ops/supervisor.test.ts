/** The supervisor with real processes: rules V1–V3 of `ops/supervisor.ts`, and the policy it follows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type NextStep, nextStep, restartLimits } from '../../ops/restart-policy.js';
import { Program } from './support/program.js';

const childScript = fileURLToPath(new URL('./fixtures/supervised-child.js', import.meta.url));

/** A supervisor over a child that behaves as told at each start. */
function supervised(
  t: Test,
  acts: string,
  killAfterMs = 60_000,
): { parent: Program; starts: () => number[] } {
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-supervisor-'));
  const file = path.join(directory, 'starts');
  const args = [`${killAfterMs}`, childScript, file, acts];
  const parent = new Program('test/ops/fixtures/supervising-parent.js', args);
  t.teardown(async () => {
    await parent.end();
    rmSync(directory, { recursive: true, force: true });
  });
  const starts = (): number[] => readFileSync(file, 'utf8').trim().split('\n').map(Number);
  return { parent, starts };
}

t.test('a child that crashes is started again, whether it exits or is killed', async (t) => {
  const { parent, starts } = supervised(t, '1,kill,serve');
  await parent.saying(/serve \d+/);
  t.equal(starts().length, 3);
  t.match(
    parent.stdout,
    /"event":"server-restarting","exit_code":1|"exit_code":1.*"event":"server-restarting"/,
  );
  t.match(parent.stdout, /"signal":"SIGKILL"/);
});

t.test('the exit codes "stopped" and "refused" are passed on and nothing is started again', async (t) => {
  for (const code of [0, 2]) {
    const { parent, starts } = supervised(t, `${code}`);
    t.equal((await parent.ended).code, code);
    t.equal(starts().length, 1);
  }
});

t.test('after too many fast failures in a row it gives up and says so', async (t) => {
  const { parent, starts } = supervised(t, '1,1,1,1,serve');
  const end = await parent.ended;
  t.equal(end.code, 1);
  t.equal(starts().length, 4, 'the first start and three more');
  t.match(end.stdout, 'server-given-up');
});

t.test('V1: SIGINT and SIGTERM reach the child as one SIGTERM and its exit code comes back', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { parent } = supervised(t, 'serve');
    await parent.saying(/serve \d+/);
    parent.kill(signal);
    parent.kill(signal);
    const end = await parent.ended;
    t.equal(end.code, 0, signal);
    t.equal(end.stdout.match(/got SIGTERM/g)?.length, 1, signal);
  }
});

t.test('V2: a child that does not stop is killed after a while', async (t) => {
  const { parent } = supervised(t, 'hang', 100);
  await parent.saying(/hang \d+/);
  parent.kill();
  const end = await parent.ended;
  t.equal(end.code, 1);
  t.match(end.stdout, 'got SIGTERM');
});

t.test('V3: a parent killed with -9 leaves no child behind', async (t) => {
  const { parent } = supervised(t, 'serve');
  await parent.saying(/serve \d+/);
  parent.kill('SIGKILL');
  // `ended` waits for stdout to close, which the child holds as well.
  t.equal((await parent.ended).signal, 'SIGKILL');
});

const crash = (livedMs: number, fastFailures: number, jitter = 0.999_999): NextStep =>
  nextStep({ code: 1, signal: null, livedMs }, { fastFailures, jitter, limits: restartLimits });

t.test('delays double from 100 ms to 5 s and then it gives up', async (t) => {
  const delays: number[] = [];
  for (let failures = 0; ; ) {
    const next = crash(10, failures);
    if (next.type !== 'restart') {
      t.equal(next.type, 'give-up');
      break;
    }
    delays.push(Math.round(next.delayMs));
    failures = next.fastFailures;
  }
  t.same(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

t.test('jitter takes away at most half of a delay', async (t) => {
  t.match(crash(10, 0, 0), { delayMs: 50 });
});

t.test('a child that was well for a while starts a new count', async (t) => {
  t.match(crash(restartLimits.wellAfterMs, 7), { type: 'restart', fastFailures: 1 });
  t.match(crash(restartLimits.wellAfterMs - 1, 8), { type: 'give-up' });
});
