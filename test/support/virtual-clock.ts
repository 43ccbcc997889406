/** Time as a test owns it: the clock of `troupe/simulation`. */
export { VirtualClock } from '../../ops/simulation/virtual-clock.js';
