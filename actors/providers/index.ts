/** Ports to providers outside, for the sagas of a module and for whoever writes an adapter. */
export { emailPort, pushPort, smsPort } from './message-ports.js';
export { paymentPort } from './payment-port.js';
export { riskModelPort } from './risk-model-port.js';
export { shippingPort } from './shipping-port.js';
