/** Looks after the room of the store, and says when it takes no new data and when it does again. */
import type { Store } from '../persistence/store.js';
import type { Clock, Report } from './clock.js';
import { RecurringLook } from './recurring-look.js';

const lookEveryMs = 1_000;

export class SpaceWatch {
  readonly #store: Store;
  readonly #report: Report;
  readonly looks: RecurringLook;
  #acceptsWrites = true;

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly report: Report }) {
    this.#store = parts.store;
    this.#report = parts.report;
    this.looks = new RecurringLook(parts.clock, lookEveryMs, () => this.#look());
  }

  /** True until a look has shown otherwise. */
  get acceptsWrites(): boolean {
    return this.#acceptsWrites;
  }

  async #look(): Promise<void> {
    try {
      this.#note((await this.#store.space()).acceptsWrites);
    } catch (cause) {
      this.#report('warn', 'store-space-unknown', { cause: String(cause) });
    }
  }

  #note(acceptsWrites: boolean): void {
    if (acceptsWrites === this.#acceptsWrites) return;
    this.#acceptsWrites = acceptsWrites;
    if (acceptsWrites) this.#report('warn', 'store-space-back');
    else this.#report('error', 'store-nearly-full');
  }
}
