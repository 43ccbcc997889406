/**
 * Every built-in simulator, by the name of its port.
 */
import type { AnyAdapter } from '../../actors/model/activity.js';
import { simulatedEmail, simulatedPush, simulatedSms } from './simulated-messages.js';
import { simulatedPayment } from './simulated-payment.js';
import { simulatedShipping } from './simulated-shipping.js';
import type { SimulatorParts } from './simulator.js';

export type ProvidedPort = 'payment' | 'shipping' | 'email' | 'sms' | 'push';

export function simulatedProviders(parts: SimulatorParts): Readonly<Record<ProvidedPort, AnyAdapter>> {
  return {
    payment: simulatedPayment(parts),
    shipping: simulatedShipping(parts),
    email: simulatedEmail(parts),
    sms: simulatedSms(parts),
    push: simulatedPush(parts),
  };
}
