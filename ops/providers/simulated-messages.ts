/**
 * E-mail, SMS and push of a system that has none: nothing is sent. The recipient steers it.
 */
import { type AdapterCall, defineAdapter, type PortAdapter } from '../../actors/model/activity.js';
import { recipientRefused } from '../../actors/providers/field-schemas.js';
import { emailPort, pushPort, smsPort } from '../../actors/providers/message-ports.js';
import { simulatedId } from './simulated-payment.js';
import { Simulator, type SimulatorParts } from './simulator.js';

export function simulatedEmail(parts: SimulatorParts): PortAdapter<typeof emailPort> {
  const send = sender(parts);
  return defineAdapter(emailPort, { send: ({ to }, call) => send({ recipient: to, call }) });
}

export function simulatedSms(parts: SimulatorParts): PortAdapter<typeof smsPort> {
  const send = sender(parts);
  return defineAdapter(smsPort, { send: ({ to }, call) => send({ recipient: to, call }) });
}

export function simulatedPush(parts: SimulatorParts): PortAdapter<typeof pushPort> {
  const send = sender(parts);
  return defineAdapter(pushPort, { send: ({ device }, call) => send({ recipient: device, call }) });
}

function sender(parts: SimulatorParts) {
  const simulator = new Simulator(parts);
  return ({ recipient, call }: { readonly recipient: string; readonly call: AdapterCall }) => {
    const { idempotencyKey: key, signal } = call;
    return simulator.perform({ key, steering: recipient, refusal: recipientRefused, signal }, () => ({
      message_id: simulatedId('msg', key),
    }));
  };
}
