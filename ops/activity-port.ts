/**
 * Activities across a thread: adapters live on the main thread, where whoever put the system together made them; the
 * shards that order have a port to it. An outside call takes milliseconds, so one message each way is nothing.
 *
 * P1  Every run resolves: with the runner's outcome, or as failed when the port closes. A shard that is gone has
 *     withdrawn what it had under way; whoever runs its sagas next asks again under the same keys.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ActivityOutcome } from '../actors/model/activity.js';
import type { Activities, ActivityRequest } from '../runtime/activity/activities.js';

type Asked =
  | { readonly type: 'run'; readonly id: number; readonly request: Omit<ActivityRequest, 'signal'> }
  | { readonly type: 'withdraw'; readonly id: number };

interface Answered {
  readonly id: number;
  readonly outcome: ActivityOutcome;
}

/** The main thread's end: lives as long as the port is open, and keeps no process alive. */
export function serveActivities(port: MessagePort, activities: Activities): void {
  const open = new Map<number, AbortController>();
  const run = async (id: number, request: Omit<ActivityRequest, 'signal'>): Promise<void> => {
    const controller = new AbortController();
    open.set(id, controller);
    const outcome = await activities.run({ ...request, signal: controller.signal });
    open.delete(id);
    port.postMessage({ id, outcome } satisfies Answered);
  };
  port.on('message', (asked: Asked) => {
    if (asked.type === 'run') void run(asked.id, asked.request);
    else open.get(asked.id)?.abort();
  });
  port.on('close', () => {
    for (const controller of open.values()) controller.abort();
  });
  port.unref();
}

/** The shard's end. How much may be open at a time is the runner's to say. */
export class RemoteActivities implements Activities {
  readonly #port: MessagePort;
  readonly #open = new Map<number, (outcome: ActivityOutcome) => void>();
  #nextId = 1;
  #isClosed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', ({ id, outcome }: Answered) => this.#settle(id, outcome));
    port.on('close', () => this.#end());
  }

  run({ signal, ...request }: ActivityRequest): Promise<ActivityOutcome> {
    if (this.#isClosed) return Promise.resolve(closed);
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const withdraw = (): void => this.#ask({ type: 'withdraw', id });
      this.#open.set(id, (outcome) => {
        signal?.removeEventListener('abort', withdraw);
        resolve(outcome);
      });
      this.#ask({ type: 'run', id, request });
      if (signal?.aborted === true) withdraw();
      signal?.addEventListener('abort', withdraw, { once: true });
    });
  }

  close(): void {
    this.#port.close();
    this.#end();
  }

  #ask(asked: Asked): void {
    this.#port.postMessage(asked);
  }

  #settle(id: number, outcome: ActivityOutcome): void {
    const settle = this.#open.get(id);
    this.#open.delete(id);
    settle?.(outcome);
  }

  #end(): void {
    this.#isClosed = true;
    for (const settle of this.#open.values()) settle(closed);
    this.#open.clear();
  }
}

/** What had begun may have taken effect. */
const closed: ActivityOutcome = {
  type: 'failed',
  error: { code: 'outcome-unknown', detail: 'the thread of the adapters is gone' },
};
