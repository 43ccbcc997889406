/**
 * The shipping provider of a system that has none. `service` steers it: `standard`, `express_declined`.
 */
import { type ActivityResult, defineAdapter, type PortAdapter } from '../../actors/model/activity.js';
import { reject } from '../../actors/model/message.js';
import { shippingPort } from '../../actors/providers/shipping-port.js';
import { simulatedId } from './simulated-payment.js';
import { keepNewest, Simulator, type SimulatorParts } from './simulator.js';

type Label = ActivityResult<typeof shippingPort, 'create_label'>;

export function simulatedShipping(parts: SimulatorParts): PortAdapter<typeof shippingPort> {
  const simulator = new Simulator(parts);
  const labels = new Map<string, Label | 'cancelled'>();

  return defineAdapter(shippingPort, {
    create_label: async ({ reference, service }, { idempotencyKey, signal }) => {
      const key = `create_label ${idempotencyKey}`;
      return await simulator.perform({ key, steering: service, refusal: 'service-unknown', signal }, () => {
        const known = labels.get(reference);
        if (known === 'cancelled') return reject('shipment-cancelled', 'The label was cancelled');
        if (known !== undefined) return known;
        const tracking_number = simulatedId('trk', reference);
        const label = {
          shipment_id: simulatedId('shp', reference),
          tracking_number,
          label_url: `simulator:labels/${tracking_number}`,
        };
        keepNewest(labels, reference, label);
        return label;
      });
    },
    cancel_label: async ({ reference }, { idempotencyKey, signal }) => {
      const key = `cancel_label ${idempotencyKey}`;
      return await simulator.perform({ key, steering: '', refusal: 'shipment-under-way', signal }, () => {
        const known = labels.get(reference);
        keepNewest(labels, reference, 'cancelled');
        return { cancelled: known !== undefined && known !== 'cancelled' };
      });
    },
  });
}
