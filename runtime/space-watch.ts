/** Looks after the room of the store, and says when it takes no new data and when it does again. */
import type { Store } from '../persistence/store.js';
import type { Clock, Report } from './clock.js';

const lookEveryMs = 1_000;

export class SpaceWatch {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #report: Report;
  #acceptsWrites = true;
  #isStopped = false;

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly report: Report }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#report = parts.report;
  }

  /** True until a look has shown otherwise. */
  get acceptsWrites(): boolean {
    return this.#acceptsWrites;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#store.space().then(
      ({ acceptsWrites }) => {
        this.#note(acceptsWrites);
        this.#lookLater();
      },
      (cause: unknown) => {
        this.#report('warn', 'store-space-unknown', { cause: String(cause) });
        this.#lookLater();
      },
    );
  }

  stop(): void {
    this.#isStopped = true;
  }

  #note(acceptsWrites: boolean): void {
    if (acceptsWrites === this.#acceptsWrites) return;
    this.#acceptsWrites = acceptsWrites;
    if (acceptsWrites) this.#report('warn', 'store-space-back');
    else this.#report('error', 'store-nearly-full');
  }

  #lookLater(): void {
    if (!this.#isStopped) this.#clock.after(lookEveryMs, () => this.start());
  }
}
