/**
 * The commands with a key that are under way, from their arrival until their group is durable: so that of several with
 * one id one runs, and the others get its outcome.
 *
 *     begun ──executed, recorded──▸ waiting for its group ──settled──▸ gone: answered from the log from now on
 *       └──ended without a record──▸ gone: a repeat runs anew
 */
import type { Executed } from '../executed.js';
import { PassingMap } from '../passing-map.js';

/** A caller who repeated a command while it was under way. */
export interface AttachedCaller {
  readonly requestId: number;
  readonly waitMs: number;
}

export interface RunningCommand {
  readonly fingerprint: string;
  /** The first caller. */
  readonly requestId: number;
  /** Callers who wait for it to be executed. */
  readonly attached: AttachedCaller[];
  executed: Executed | undefined;
  /** The group that records it. */
  group: number;
}

export class RunningCommands {
  readonly #byId = new PassingMap<RunningCommand>();

  get(commandId: string): RunningCommand | undefined {
    return this.#byId.get(commandId);
  }

  begin(commandId: string, fingerprint: string, requestId: number): RunningCommand {
    const running: RunningCommand = { fingerprint, requestId, attached: [], executed: undefined, group: 0 };
    this.#byId.set(commandId, running);
    return running;
  }

  /** Takes it out, with whoever attached to it: its outcome stands in the log, or nowhere. */
  take(commandId: string): RunningCommand | undefined {
    return this.#byId.take(commandId);
  }

  /** True when every one was executed. */
  get isQuiet(): boolean {
    for (const { executed } of this.#byId.values()) if (executed === undefined) return false;
    return true;
  }

  /** Forgets all; gives the requests of those that were not executed. */
  reset(): readonly number[] {
    const requests: number[] = [];
    for (const { executed, requestId, attached } of this.#byId.values()) {
      if (executed === undefined) requests.push(requestId, ...attached.map((caller) => caller.requestId));
    }
    this.#byId.clear();
    return requests;
  }
}
