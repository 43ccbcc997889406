/**
 * Stock and purses by their events: what one order did to each, once. Nothing is reserved that is not there, nothing done
 * after it was taken back, nothing both taken and given back (I10); no money and no goods appear or vanish (I8, I9).
 */
import { type AuditedEvent, Violation } from '../../../ops/simulation/workload.js';
import { purseContract, stockContract } from '../../examples/stock-and-payment.js';

/** What was put aside is one word for goods reserved and money charged: both are kept or given back. */
export interface Share {
  readonly count: number;
  readonly state: 'aside' | 'kept' | 'given back';
}

interface Holder {
  free: number;
  supplied: number;
  /** By order. */
  readonly shares: Map<string, Share>;
}

export interface Sums {
  readonly free: number;
  readonly aside: number;
  readonly kept: number;
}

const puts = new Set(['Reserved', 'Charged']);
const keeps = new Set(['Taken', 'Settled']);
const returns = new Set(['Released', 'Refunded']);

export class ShopBooks {
  readonly #holders = new Map<string, Holder>();

  take({ kind, id, type, data }: AuditedEvent): void {
    if (kind !== stockContract.kind && kind !== purseContract.kind) return;
    // The contracts' own events: one of these numbers, or an order.
    const { order = '', count, amount } = data as { order?: string; count?: number; amount?: number };
    const holder = this.#holder(kind, id);
    const name = `${kind}/${id}`;
    const size = count ?? amount ?? 0;
    const share = holder.shares.get(order);
    if (type === 'Stocked' || type === 'Filled') {
      holder.free += size;
      holder.supplied += size;
    } else if (puts.has(type)) {
      if (share !== undefined)
        throw new Violation(`I10: ${name}: ${type} for ${order}, which is ${share.state}`);
      holder.free -= size;
      if (holder.free < 0) throw new Violation(`I9: ${name} is at ${holder.free} after ${type} for ${order}`);
      holder.shares.set(order, { count: size, state: 'aside' });
    } else if (keeps.has(type)) {
      if (share?.state !== 'aside')
        throw new Violation(`I10: ${name}: ${type} for ${order}, which is ${share?.state ?? 'not there'}`);
      holder.shares.set(order, { ...share, state: 'kept' });
    } else if (returns.has(type)) {
      if (share !== undefined && share.state !== 'aside')
        throw new Violation(`I10: ${name}: ${type} for ${order}, which is ${share.state}`);
      holder.free += share?.count ?? 0;
      // Given back before it came: it must not come later.
      holder.shares.set(order, { count: share?.count ?? 0, state: 'given back' });
    }
  }

  sums(kind: string, id: string): Sums {
    const { free, supplied, shares } = this.#holder(kind, id);
    const sum = (state: Share['state']) =>
      [...shares.values()].reduce((total, share) => total + (share.state === state ? share.count : 0), 0);
    const sums = { free, aside: sum('aside'), kept: sum('kept') };
    if (sums.free + sums.aside + sums.kept !== supplied)
      throw new Violation(`I8: ${kind}/${id}: ${JSON.stringify(sums)} of ${supplied}`);
    return sums;
  }

  /** Throws unless the order has what it wanted, or nothing. */
  check(kind: string, id: string, order: string, wanted: number): void {
    const { state, count } = this.#holder(kind, id).shares.get(order) ?? { state: 'given back', count: 0 };
    const kept = state === 'kept' ? count : 0;
    if (state === 'aside' || kept !== wanted)
      throw new Violation(`I10: order ${order} has ${kept} of ${kind}/${id} (${state}), not ${wanted}`);
  }

  #holder(kind: string, id: string): Holder {
    const key = `${kind}/${id}`;
    let holder = this.#holders.get(key);
    if (holder === undefined) {
      holder = { free: 0, supplied: 0, shares: new Map() };
      this.#holders.set(key, holder);
    }
    return holder;
  }
}
