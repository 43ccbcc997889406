/**
 * The load generator's own process: gets one order, sets a scenario up, drives it, checks its books, reports and exits.
 * Forked by `load-child.ts`; `load-messages.ts` is what they say to each other.
 */

import { setUpWidth } from './bank-accounts.js';
import { HttpClient } from './http-client.js';
import { LoadGenerator } from './load-generator.js';
import type { LoadOrder, LoadReport } from './load-messages.js';
import { DepositScenario } from './scenarios/deposits.js';
import { IdleScenario } from './scenarios/idle.js';
import type { Scenario, ScenarioOptions } from './scenarios/scenario.js';
import { TransferScenario } from './scenarios/transfers.js';

process.once('message', (order) => {
  // Sent by our own parent in the form that LoadOrder gives it.
  void run(order as LoadOrder);
});
// Without a parent there is nobody to report to.
process.once('disconnect', () => process.exit(1));

function report(message: LoadReport): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function run(order: LoadOrder): Promise<void> {
  try {
    switch (order.scenario.name) {
      case 'deposits':
        await drive(new DepositScenario(order.scenario), order);
        break;
      case 'transfers':
        await drive(new TransferScenario(order.scenario), order);
        break;
      case 'idle':
        await drive(new IdleScenario(order.scenario), order);
        break;
    }
  } catch (error) {
    await report({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect();
}

async function drive<Command>(scenario: Scenario<Command>, order: LoadOrder): Promise<void> {
  const client = new HttpClient(order.endpoint, clientWidth(order.scenario));
  try {
    await report({ type: 'phase', phase: 'opening accounts' });
    await scenario.prepare(client);
    await report({ type: 'phase', phase: 'warm-up' });
    const generator = new LoadGenerator(order.endpoint, scenario, order.plan, {
      measuring: () => void report({ type: 'phase', phase: 'measuring' }),
      measured: () => void report({ type: 'phase', phase: 'draining' }),
      second: (progress) => void report({ type: 'second', progress }),
    });
    const result = await generator.run();
    await report({ type: 'phase', phase: 'asking again' });
    await scenario.settle(client);
    await report({ type: 'phase', phase: 'checking the books' });
    const books = await scenario.checkBooks(client);
    await report({ type: 'done', result, books });
  } finally {
    client.close();
  }
}

function clientWidth(options: ScenarioOptions): number {
  return Math.min(setUpWidth, Math.max(8, options.accounts));
}
