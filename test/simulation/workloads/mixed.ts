/** Several workloads at once, on the same shards. */
import type { AuditedEvent, Workload } from '../../../ops/simulation/workload.js';
import { bankWorkload } from './bank.js';
import { listWorkload } from './lists.js';
import { orderWorkload } from './orders.js';
import { postWorkload } from './post.js';

export function mixedWorkload(): Workload {
  return combined([bankWorkload(3), listWorkload(2), postWorkload(3), orderWorkload()]);
}

/** Each operation belongs to one of them; each checks its own. */
function combined(parts: readonly Workload[]): Workload {
  return {
    name: parts.map(({ name }) => name).join(' and '),
    modules: parts.flatMap(({ modules }) => modules),
    adapters: Object.assign({}, ...parts.map(({ adapters }) => adapters)),
    setup: parts.flatMap(({ setup }) => setup ?? []),
    next: (draw, now) => draw.pick(parts).next(draw, now),
    watch: () => {
      const watchers = parts.flatMap((part) => part.watch?.() ?? []);
      return (event: AuditedEvent) => {
        for (const watch of watchers) watch(event);
      };
    },
    check: async (view) => {
      for (const part of parts) await part.check?.(view);
    },
  };
}
