/**
 * One node per prefix: a lease in Redis that the node renews while it lives. Two nodes that both believe to have it are told apart by
 * the epochs of the partitions; and one that lost it to another takes no partition back, or it would leave the other one with a
 * memory that is out of date and nobody to tell it so.
 *
 * A holder that died on this machine since it booted is succeeded at once; any other, once its lease has run out.
 */
import { hostname } from 'node:os';
import {
  isOfThisBoot,
  isProcessAlive,
  processNamespace,
  processStart,
  unknownStart,
} from '../process-life.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReport } from '../store-report.js';
import { functions } from './function-library.js';
import type { SendCommand } from './redis-connection.js';

/** Redis measures it. A restart on another machine waits this long at most. */
export const leaseMs = 6_000;
const renewEveryMs = 2_000;
const pollMs = 250;

interface LeaseParts {
  readonly key: string;
  readonly send: SendCommand;
  readonly clock: StoreClock;
  readonly report: StoreReport;
  /** Tells this opening from any other. */
  readonly nonce: string;
}

export interface NodeLease {
  release(): Promise<void>;
}

/** How a lease of this process begins, whichever of its threads opened the store. */
export function holderOfProcess(): string {
  return `${hostname()} ${process.pid} ${processStart()} ${processNamespace()} `;
}

/** Throws `store-locked`, naming the node that has the prefix. */
export async function acquireLease(parts: LeaseParts): Promise<NodeLease> {
  const { key, send } = parts;
  const holder = `${holderOfProcess()}${parts.nonce}`;
  let leftMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const other = await hold(parts, holder, '');
    if (other === undefined) break;
    if (isDeadHere(other) && (await hold(parts, holder, other)) === undefined) break;
    const left = Number(await send('PTTL', [key]));
    // Renewed while we looked: it lives.
    if (left > leftMs) throw locked(key, other);
    leftMs = left;
    await new Promise<void>((resolve) => {
      // Not the clock's timer, which would let the process end here.
      setTimeout(resolve, pollMs);
    });
  }
  return keep(parts, holder);
}

function keep(parts: LeaseParts, holder: string): NodeLease {
  let isReleased = false;
  let wasLost = false;
  const renew = async (): Promise<void> => {
    if (isReleased) return;
    try {
      const other = await hold(parts, holder, '');
      if (other !== undefined && !wasLost)
        parts.report('error', 'node-lease-lost', { holder: other.split(' ', 2).join(' ') });
      wasLost = other !== undefined;
    } catch (error) {
      parts.report('debug', 'node-lease-not-renewed', { message: String(error) });
    }
    if (!isReleased) parts.clock.after(renewEveryMs, () => void renew());
  };
  parts.clock.after(renewEveryMs, () => void renew());
  return {
    async release() {
      isReleased = true;
      // Without a server the lease runs out by itself.
      await parts.send('FCALL', [functions.lease, '1', parts.key, holder, '', '0']).catch(() => undefined);
    },
  };
}

/** Undefined when it is ours now; else who has it. */
async function hold({ key, send }: LeaseParts, holder: string, from: string): Promise<string | undefined> {
  const other = await send('FCALL', [functions.lease, '1', key, holder, from, String(leaseMs)]);
  return other === null ? undefined : String(other);
}

function isDeadHere(holder: string): boolean {
  const [host, pid, start = unknownStart, namespace] = holder.split(' ');
  // Two machines may have one name, and the first namespace has the same number on all of them: the boot tells them apart.
  const isOfThisMachine = host === hostname() && namespace === processNamespace() && isOfThisBoot(start);
  return isOfThisMachine && !isProcessAlive(Number(pid), start);
}

function locked(key: string, holder: string): StoreFailure {
  const [host, pid] = holder.split(' ');
  const prefix = key.slice(0, key.lastIndexOf(':'));
  return new StoreFailure(
    'store-locked',
    `the prefix "${prefix}" is in use by process ${pid} on ${host}; give this node a --prefix of its own, or stop the other`,
  );
}
