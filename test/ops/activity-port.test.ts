/** Both ends of the port over real message channels; the runner behind it is the real one. */
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { definePort, Type } from '../../actors/model/index.js';
import { RemoteActivities, serveActivities } from '../../ops/activity-port.js';
import { systemClock, systemRandom } from '../../ops/system-clock.js';
import { ActivityRunner } from '../../runtime/activity/activity-runner.js';

// The served end keeps no process alive.
const alive = setInterval(() => {}, 60_000);
t.teardown(() => clearInterval(alive));

const mill = definePort({
  name: 'mill',
  activities: { grind: { input: Type.BigInt(), result: Type.BigInt(), rejections: [] } },
});

function fixture(grind: (grain: bigint, signal: AbortSignal) => Promise<bigint>) {
  const runner = new ActivityRunner({
    ports: [mill],
    adapters: { mill: { grind: (grain: bigint, { signal }) => grind(grain, signal) } },
    ...{ clock: systemClock, random: systemRandom, report: () => {} },
  });
  const { port1, port2 } = new MessageChannel();
  serveActivities(port1, runner);
  const remote = new RemoteActivities(port2);
  const run = (input: unknown, signal?: AbortSignal) =>
    remote.run({
      ...{ port: 'mill', activity: 'grind', input, idempotencyKey: 'k', deadlineAt: Date.now() + 60_000 },
      ...(signal === undefined ? {} : { signal }),
    });
  return { runner, remote, run, near: port1 };
}

/** An adapter that does not answer, and says when it has begun and when it was told to stop. */
function stalling() {
  const calls: AbortSignal[] = [];
  let began = (): void => {};
  const begun = new Promise<void>((resolve) => {
    began = resolve;
  });
  const grind = (_: bigint, signal: AbortSignal): Promise<bigint> => {
    calls.push(signal);
    began();
    return new Promise(() => {});
  };
  return { calls, begun, grind };
}

t.test('an outcome comes back to the run that asked for it', async (t) => {
  const { run, remote } = fixture(async (grain) => grain * 2n);
  const outcomes = await Promise.all([run(1n), run('flour'), run(3n)]);
  t.match(outcomes, [
    { type: 'result', value: 2n },
    { type: 'failed', error: { code: 'validation-failed' } },
    { type: 'result', value: 6n },
  ]);
  remote.close();
});

t.test('a run that is withdrawn is withdrawn over there', async (t) => {
  const { calls, begun, grind } = stalling();
  const { run, remote } = fixture(grind);
  const controller = new AbortController();
  const outcome = run(1n, controller.signal);
  await begun;
  controller.abort();
  t.match(await outcome, { type: 'failed', error: { code: 'outcome-unknown' } });
  t.equal(calls[0]?.aborted, true);
  t.match(await run(1n, AbortSignal.abort()), { type: 'failed' }, 'before it began');
  remote.close();
});

t.test('a shard that is gone has withdrawn what it had under way', async (t) => {
  const { calls, begun, grind } = stalling();
  const { run, remote, runner } = fixture(grind);
  const outcome = run(1n);
  await begun;
  const stopped = once(calls[0] as AbortSignal, 'abort');
  remote.close();
  t.match(await outcome, { type: 'failed', error: { code: 'outcome-unknown' } });
  await stopped;
  await new Promise(setImmediate);
  t.equal(runner.openCount, 0);
  t.match(await run(1n), { type: 'failed' }, 'and takes no more');
});

t.test('a thread of adapters that is gone leaves no run open', async (t) => {
  const { begun, grind } = stalling();
  const { run, near } = fixture(grind);
  const outcome = run(1n);
  await begun;
  near.close();
  t.match(await outcome, { type: 'failed', error: { code: 'outcome-unknown' } });
});
