/** The workloads by name, and which one a seed has. Each run has a fresh one: they remember. */
import type { Workload } from '../../../ops/simulation/workload.js';
import { bankWorkload } from './bank.js';
import { listWorkload } from './lists.js';
import { mixedWorkload } from './mixed.js';
import { orderWorkload } from './orders.js';
import { postWorkload } from './post.js';

export const workloads: Readonly<Record<string, () => Workload>> = {
  bank: () => bankWorkload(),
  lists: () => listWorkload(),
  post: () => postWorkload(),
  orders: () => orderWorkload(),
  mixed: () => mixedWorkload(),
};

export const workloadNames: readonly string[] = Object.keys(workloads);

/** The workload of a seed: neighbouring seeds have different ones. */
export function workloadFor(seed: number): Workload {
  const make = workloads[workloadNames[seed % workloadNames.length] as string];
  // There is one for every remainder.
  return (make as () => Workload)();
}
