/** Chance from a seed, as `troupe/simulation` draws it. */
export { SeededRandom } from '../../ops/simulation/seeded-random.js';
