/**
 * A provider that is not there: what the built-in simulators have in common (decision D11). It behaves as its input
 * says, by a word in the field that steers it (`credit_card_declined`, `ann+slow@example.com`), or by a number:
 *
 *     nothing                    approved, after `latencyMs` and with a chance of `successRate`
 *     declined     +15550000001  rejected
 *     slow         +15550000002  approved after `slowMs`
 *     flaky        +15550000003  two attempts find nobody, the third is approved
 *     lost_reply   +15550000004  approved, but the first answer never arrives; a repeat gets it
 *
 * M1  Under one key it happens once; every repeat gets the first outcome, for the newest `rememberedMax` keys.
 */
import { OperatingError } from '../../actors/model/errors.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import type { Clock, Random } from '../../runtime/clock.js';

export const rememberedMax = 10_000;
export const slowMs = 3_000;
const flakyAttempts = 2;

export interface SimulatorSettings {
  /** Time before an answer; row 104 names 1,000. Default 0. */
  readonly latencyMs: number;
  /** Share that is approved, 0 to 1; row 104 names 0.9. Default 1. */
  readonly successRate: number;
}

export interface SimulatorParts {
  readonly settings: SimulatorSettings;
  readonly clock: Pick<Clock, 'after'>;
  readonly random: Pick<Random, 'fraction'>;
}

export type Behaviour = 'approved' | 'declined' | 'slow' | 'flaky' | 'lost_reply';

const wordPattern = /(?<![a-z])(declined|slow|flaky|lost_reply)(?![a-z])/;
const numbers: Readonly<Record<string, Behaviour>> = {
  '+15550000001': 'declined',
  '+15550000002': 'slow',
  '+15550000003': 'flaky',
  '+15550000004': 'lost_reply',
};

export function behaviourOf(steering: string): Behaviour {
  // The pattern names behaviours and nothing else.
  const word = wordPattern.exec(steering)?.[1] as Behaviour | undefined;
  return word ?? numbers[steering] ?? 'approved';
}

export interface SimulatedCall<Code extends string> {
  /** Port, activity and idempotency key. */
  readonly key: string;
  /** The field that steers. */
  readonly steering: string;
  /** The code of what is declined. */
  readonly refusal: Code;
  readonly signal: AbortSignal;
}

interface Remembered {
  attempts: number;
  outcome?: unknown;
}

export class Simulator {
  readonly #parts: SimulatorParts;
  readonly #remembered = new Map<string, Remembered>();

  constructor(parts: SimulatorParts) {
    this.#parts = parts;
  }

  /** `effect` runs at most once per key and gives the result or a rejection. */
  async perform<Result, const Code extends string>(
    call: SimulatedCall<Code>,
    effect: () => Result,
  ): Promise<Result | Rejection<Code>> {
    const { settings } = this.#parts;
    const behaviour = behaviourOf(call.steering);
    await this.#pause(behaviour === 'slow' ? slowMs : settings.latencyMs, call.signal);
    const memory = this.#memoryOf(call.key);
    memory.attempts++;
    if (behaviour === 'flaky' && memory.attempts <= flakyAttempts) {
      throw new OperatingError('provider-unavailable', 'the simulated provider is not there');
    }
    if (!('outcome' in memory)) {
      memory.outcome = this.#isDeclined(behaviour)
        ? reject(call.refusal, 'Declined by the simulator')
        : effect();
      if (behaviour === 'lost_reply') await this.#pause(Number.POSITIVE_INFINITY, call.signal);
    }
    // What is remembered under a key was made by the effect of that key.
    return memory.outcome as Result | Rejection<Code>;
  }

  #isDeclined(behaviour: Behaviour): boolean {
    const { settings, random } = this.#parts;
    if (behaviour !== 'approved') return behaviour === 'declined';
    return settings.successRate < 1 && random.fraction() >= settings.successRate;
  }

  #memoryOf(key: string): Remembered {
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const memory: Remembered = { attempts: 0 };
    keepNewest(this.#remembered, key, memory);
    return memory;
  }

  /** Rejects when the signal is aborted first. */
  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const cancel =
        delayMs === Number.POSITIVE_INFINITY ? () => {} : this.#parts.clock.after(delayMs, () => resolve());
      const stop = (): void => {
        cancel();
        reject(new OperatingError('outcome-unknown', 'the simulated provider was not waited for'));
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }
}

/** Maps keep the order of insertion: the first is the oldest. */
export function keepNewest<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= rememberedMax) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
