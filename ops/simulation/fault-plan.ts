/**
 * What goes wrong in one simulation, drawn from its seed: first which kinds of fault there are at all and how often each
 * comes, then, write by write and read by read, whether it comes now. Seeds that have few kinds of fault go deeper into each;
 * a mix of everything would hide what only one of them finds.
 */
import type { MemoryFaults, ReadFault, WriteFault } from '../../persistence/memory/memory-faults.js';
import type { SeededRandom } from './seeded-random.js';
import type { VirtualClock } from './virtual-clock.js';

/**
 * `embedded`: the store is in the process, one process at a time, and a failed write ends it. `server`: it is elsewhere,
 * outlives its clients, loses requests and replies, goes down, and may come back with an older history.
 */
export type StoreFlavour = 'embedded' | 'server';

const writeFaults = {
  embedded: ['refuse', 'delay', 'fail-flush'],
  server: ['refuse', 'delay', 'lose-request', 'lose-reply'],
} as const;
const readFaults = {
  embedded: ['delay'],
  server: ['delay', 'lose-request', 'lose-reply'],
} as const;
/** Likelihoods per write or read; a failed flush ends a process and is rarer. */
const rates = [0, 0, 0.005, 0.02, 0.1] as const;
const delayRates = [0.05, 0.3, 0.6] as const;
const flushFailureRates = [0, 0, 0, 0.004] as const;
/** The longest is beyond the deadline of an append. */
const delaysMsMax = [2, 8, 40, 250] as const;

export class FaultPlan {
  readonly #draw: SeededRandom;
  readonly #world: VirtualClock;
  readonly #onFault: (name: string) => void;
  readonly #writes: ReadonlyMap<WriteFault['type'], number>;
  readonly #reads: ReadonlyMap<ReadFault['type'], number>;
  readonly #delayMsMax: number;
  readonly #linkDelayMsMax: number;
  isOn = false;

  constructor(
    flavour: StoreFlavour,
    options: {
      readonly draw: SeededRandom;
      readonly world: VirtualClock;
      readonly onFault: (name: string) => void;
    },
  ) {
    const { draw } = options;
    this.#draw = draw;
    this.#world = options.world;
    this.#onFault = options.onFault;
    this.#writes = new Map(writeFaults[flavour].map((type) => [type, rateOf(type, draw)]));
    this.#reads = new Map(readFaults[flavour].map((type) => [type, rateOf(type, draw)]));
    this.#delayMsMax = draw.pick(delaysMsMax);
    this.#linkDelayMsMax = draw.pick([0, 1, 1, 10, 60]);
  }

  /** For the stores of one simulation. */
  readonly faults: MemoryFaults = {
    append: () => this.#writeFault('append'),
    commit: () => this.#writeFault('commit'),
    read: () => this.#readFault(),
  };

  readonly linkDelayMs = (): number => (this.isOn ? this.#draw.fraction() * this.#linkDelayMsMax : 0);

  #writeFault(write: string): WriteFault | undefined {
    const type = this.#drawn(this.#writes);
    if (type === undefined) return undefined;
    this.#onFault(`${write} ${type}`);
    if (type === 'refuse') return { type, detail: 'no room' };
    if (type !== 'delay') return { type };
    return { type, at: this.#draw.pick(['request', 'flush', 'reply']), until: this.#pause() };
  }

  #readFault(): ReadFault | undefined {
    const type = this.#drawn(this.#reads);
    if (type === undefined) return undefined;
    if (type === 'delay') return { type, until: this.#pause() };
    this.#onFault(`read ${type}`);
    return { type };
  }

  #drawn<Type>(rates: ReadonlyMap<Type, number>): Type | undefined {
    return this.isOn ? this.#draw.rated(rates) : undefined;
  }

  #pause(): Promise<void> {
    const ms = this.#draw.fraction() * this.#delayMsMax;
    return new Promise((resolve) => this.#world.after(ms, resolve));
  }
}

function rateOf(type: string, draw: SeededRandom): number {
  return draw.pick(type === 'delay' ? delayRates : type === 'fail-flush' ? flushFailureRates : rates);
}
