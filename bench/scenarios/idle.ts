/**
 * A great many accounts, opened and left alone, then deposits to random ones of them: what an account costs that nobody
 * uses, in the store and in memory, and whether it comes back when somebody does.
 *
 * The load begins when the tables hold every account, so that the readings at that moment are of idle ones. The books of
 * some accounts stand for all: reading a million back takes longer than the run.
 */
import type { HttpClient } from '../http-client.js';
import { readMetrics } from '../server-figures.js';
import { DepositScenario } from './deposits.js';
import type { ScenarioOptions } from './scenario.js';

const accountsReadMax = 20_000;
const sweptMsMax = 30_000;
const sweptPollMs = 100;

export class IdleScenario extends DepositScenario {
  constructor(options: ScenarioOptions) {
    super(options, accountsReadMax);
  }

  override async prepare(client: HttpClient): Promise<void> {
    await super.prepare(client);
    const until = performance.now() + sweptMsMax;
    while (((await readMetrics(client)).get('troupe_table_lag_entries') ?? 0) > 0) {
      if (performance.now() > until) throw new Error('the tables do not catch up with the log');
      await new Promise((resolve) => setTimeout(resolve, sweptPollMs));
    }
  }
}
