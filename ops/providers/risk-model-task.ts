/**
 * Runs a risk model in a thread of the pool. The thread keeps what it has loaded.
 */
import type { Assessment, RiskModel } from './risk-model.js';

export default async function assess({ model, facts }: Assessment): Promise<number> {
  const { default: judge } = (await import(model)) as { readonly default: RiskModel };
  return await judge(facts);
}
