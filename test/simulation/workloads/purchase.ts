/**
 * A purchase by card: the stock of `test/examples/stock-and-payment.ts` and a provider outside, so that what the saga takes
 * back may never have arrived, or may still be on its way.
 *
 *     reserve   each line at its stock item             undo: release
 *     charge    the card, at the provider               undo: refund
 *     ship      a shipment of all lines                 undo: cancel
 *     capture   the provider keeps the money; pivot
 *     take      each line leaves its stock
 */
import { definePort, perform } from '../../../actors/model/activity.js';
import { type Rejection, reject } from '../../../actors/model/message.js';
import { defineModule } from '../../../actors/model/module.js';
import { defineSaga } from '../../../actors/model/saga.js';
import { stepsOf } from '../../../actors/model/step-list.js';
import { Type } from '../../../actors/model/typebox.js';
import { Violation } from '../../../ops/simulation/workload.js';
import { OrderInput, reserveLine, shipOrder, takeLine } from '../../examples/stock-and-payment.js';

const Reference = Type.Object({ reference: Type.String() });

const cardPort = definePort({
  name: 'card',
  activities: {
    charge: {
      input: Type.Object({ reference: Type.String(), amount: Type.Integer() }),
      result: Type.Object({ receipt: Type.String() }),
      rejections: ['card-declined', 'charge-cancelled'],
    },
    refund: { input: Reference, result: Type.Object({ refunded: Type.Boolean() }), rejections: [] },
    capture: { input: Reference, result: Type.Null(), rejections: ['not-charged'] },
  },
});

/** Cards are good for this much. */
export const cardLimit = 500;
const patient = { attemptsMax: 4, retryDelayMs: 20, timeoutMs: 1_000 };

export const purchaseSaga = defineSaga({
  name: 'purchase',
  roles: [],
  events: {},
  version: 1,
  input: OrderInput,
  steps: stepsOf(OrderInput)
    .each('reserve', ({ input }) => input.lines, reserveLine)
    .step('charge', {
      ...patient,
      activity: ({ input, sagaId }) =>
        perform(cardPort, 'charge', { reference: sagaId, amount: input.amount }),
      undo: ({ sagaId }) => perform(cardPort, 'refund', { reference: sagaId }),
    })
    .step('ship', shipOrder)
    .step('capture', {
      ...patient,
      pivot: true,
      activity: ({ sagaId }) => perform(cardPort, 'capture', { reference: sagaId }),
    })
    .each('take', ({ input }) => input.lines, takeLine).steps,
});

export const purchaseModule = defineModule({
  name: 'purchases',
  aggregates: [],
  sagas: [purchaseSaga],
  ports: [cardPort],
});

interface Charge {
  /** 0: never charged. */
  readonly amount: number;
  readonly state: 'charged' | 'captured' | 'refunded' | 'cancelled';
}

/**
 * The provider: does each thing once however often it is asked, and remembers what was taken back before it came (decision
 * D3). Throws a `Violation` at what no saga may ask for, whatever was lost on the way.
 */
export class CardProvider {
  readonly #charges = new Map<string, Charge>();
  /** What is not to be believed, found while a saga asked; the answer to a saga cannot say it. */
  readonly faults: string[] = [];

  readonly adapter = {
    charge: async ({ reference, amount }: { readonly reference: string; readonly amount: number }) =>
      this.#charge(reference, amount),
    refund: async ({ reference }: { readonly reference: string }) => this.#refund(reference),
    capture: async ({ reference }: { readonly reference: string }) => this.#capture(reference),
  };

  #charge(reference: string, amount: number): { readonly receipt: string } | Rejection {
    const known = this.#charges.get(reference);
    if (known?.state === 'refunded' || known?.state === 'cancelled')
      return reject('charge-cancelled', 'it was taken back before');
    if (known !== undefined && known.amount !== amount) this.faults.push(`${reference} is charged otherwise`);
    if (amount > cardLimit) return reject('card-declined', 'too much for this card');
    if (known === undefined) this.#charges.set(reference, { amount, state: 'charged' });
    return { receipt: `receipt-${reference}` };
  }

  #refund(reference: string): { readonly refunded: boolean } {
    const known = this.#charges.get(reference);
    if (known === undefined) this.#charges.set(reference, { amount: 0, state: 'cancelled' });
    else if (known.state === 'captured') this.faults.push(`${reference} is captured and then refunded`);
    else if (known.state === 'charged') this.#charges.set(reference, { ...known, state: 'refunded' });
    return { refunded: known !== undefined && known.state !== 'cancelled' };
  }

  #capture(reference: string): null | Rejection {
    const known = this.#charges.get(reference);
    if (known?.state === 'refunded' || known?.state === 'cancelled')
      this.faults.push(`${reference} is taken back and then captured`);
    if (known === undefined || known.amount === 0)
      return reject('not-charged', 'there is nothing to capture');
    this.#charges.set(reference, { ...known, state: 'captured' });
    return null;
  }

  /** Throws unless the provider has the money of what was completed, and of nothing else. */
  check(reference: string, amount: number, isCompleted: boolean): void {
    const [fault] = this.faults;
    if (fault !== undefined) throw new Violation(`I10: at the provider: ${fault}`);
    const { state, amount: kept } = this.#charges.get(reference) ?? { state: 'cancelled', amount: 0 };
    if (isCompleted && (state !== 'captured' || kept !== amount))
      throw new Violation(`I10: purchase ${reference} is completed, its charge is ${state} of ${kept}`);
    if (!isCompleted && (state === 'charged' || state === 'captured'))
      throw new Violation(`I10: purchase ${reference} is taken back, its charge is ${state}`);
  }
}
