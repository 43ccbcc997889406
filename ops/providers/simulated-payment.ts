/**
 * The payment provider of a system that has none: charges by reference, and gives them back. `payment_method` steers it.
 */
import { createHash } from 'node:crypto';
import { type ActivityResult, defineAdapter, type PortAdapter } from '../../actors/model/activity.js';
import { reject } from '../../actors/model/message.js';
import { paymentPort } from '../../actors/providers/payment-port.js';
import { keepNewest, Simulator, type SimulatorParts } from './simulator.js';

const methods: ReadonlySet<string> = new Set(['credit_card', 'debit_card', 'bank_transfer', 'wallet']);
const behaviourPattern = /_(declined|slow|flaky|lost_reply)$/;

type Charged = ActivityResult<typeof paymentPort, 'charge'>;

export function simulatedPayment(parts: SimulatorParts): PortAdapter<typeof paymentPort> {
  const simulator = new Simulator(parts);
  /** By reference: the charge, or `cancelled` before one came. */
  const charges = new Map<string, Charged | 'refunded' | 'cancelled'>();

  return defineAdapter(paymentPort, {
    charge: async (input, { idempotencyKey, signal }) => {
      const { reference, order_id, amount, currency, payment_method } = input;
      if (!methods.has(payment_method.replace(behaviourPattern, ''))) {
        return reject('payment-method-invalid', `Methods are ${[...methods].join(', ')}`);
      }
      const key = `charge ${idempotencyKey}`;
      return await simulator.perform(
        { key, steering: payment_method, refusal: 'payment-declined', signal },
        () => {
          const known = charges.get(reference);
          if (typeof known === 'object') return known;
          if (known !== undefined) return reject('payment-cancelled', `The charge was ${known}`);
          const payment_id = simulatedId('pay', reference);
          const charged = { payment_id, order_id, amount, currency, payment_method };
          keepNewest(charges, reference, charged);
          return charged;
        },
      );
    },
    refund: async ({ reference }, { idempotencyKey, signal }) => {
      const key = `refund ${idempotencyKey}`;
      return await simulator.perform({ key, steering: '', refusal: 'refund-refused', signal }, () => {
        const known = charges.get(reference);
        const refunded = known !== undefined && known !== 'cancelled';
        keepNewest(charges, reference, refunded ? 'refunded' : 'cancelled');
        return { refunded, refund_id: refunded ? simulatedId('ref', reference) : '' };
      });
    },
  });
}

/** The same for the same reference, also after a restart that forgot it. */
export function simulatedId(prefix: string, reference: string): string {
  return `${prefix}_${createHash('sha256').update(reference).digest('hex').slice(0, 24)}`;
}
