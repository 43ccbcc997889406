/** The pool with real threads: its bound, its end, and what an abort leaves behind. */
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createOffload, tasksWaitingMax } from '../../runtime/offload.js';

const task = new URL('./offload-tasks.js', import.meta.url);

function hanging(t: Test) {
  const offload = createOffload({ threads: 1 });
  t.teardown(() => offload.close());
  const running = new Int32Array(new SharedArrayBuffer(4));
  const controller = new AbortController();
  const stopped = offload.run(task, { running }, controller.signal).catch((error: Error) => error.name);
  const isRunning = async (): Promise<void> => {
    while (Atomics.load(running, 0) === 0) await turn();
  };
  return { offload, stopped, isRunning, abort: () => controller.abort() };
}

t.test('a task that is stopped in the middle leaves nobody behind it waiting', async (t) => {
  const { offload, stopped, isRunning, abort } = hanging(t);
  const next = [1, 2, 3].map((double) => offload.run(task, { double }));
  await isRunning();
  abort();
  t.equal(await stopped, 'AbortError');
  t.same(await Promise.all(next), [2, 4, 6]);
});

t.test('a task that is stopped while it waits does not run', async (t) => {
  const { offload, stopped, isRunning, abort } = hanging(t);
  await isRunning();
  const waiting = new AbortController();
  const running = new Int32Array(new SharedArrayBuffer(4));
  const second = offload.run(task, { running }, waiting.signal).catch((error: Error) => error.name);
  waiting.abort();
  t.equal(await second, 'AbortError');
  abort();
  await stopped;
  t.equal(await offload.run(task, { double: 4 }), 8);
  t.equal(running[0], 0);
});

t.test('more tasks than may wait are refused, and those that wait run', async (t) => {
  const { offload, stopped, isRunning, abort } = hanging(t);
  await isRunning();
  const waiting = Array.from({ length: tasksWaitingMax }, (_, double) => offload.run(task, { double }));
  await t.rejects(offload.run(task, { double: 1 }), { code: 'overloaded' });
  abort();
  await stopped;
  t.equal((await Promise.all(waiting)).at(-1), (tasksWaitingMax - 1) * 2);
});
