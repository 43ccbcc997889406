/**
 * The adapter of the port risk-model: a model of one's own, a JavaScript file, run in a pool of threads, because one that
 * takes 20 ms would hold up every actor of a shard for as long.
 *
 * Its default export takes the facts of a transfer (`TransferFacts`) and returns a score from 0 to 1. From the threshold
 * on a transfer is refused.
 */
import { defineAdapter, type PortAdapter } from '../../actors/model/activity.js';
import { OperatingError } from '../../actors/model/errors.js';
import { reject } from '../../actors/model/message.js';
import type { Static } from '../../actors/model/typebox.js';
import { riskModelPort, type TransferFactsSchema } from '../../actors/providers/risk-model-port.js';
import type { Offload } from '../../runtime/offload.js';

export type TransferFacts = Static<typeof TransferFactsSchema>;
/** What a model's file exports as its default. */
export type RiskModel = (facts: TransferFacts) => number | Promise<number>;

/** What the task is told; see `risk-model-task.ts`. */
export interface Assessment {
  /** URL of the model's file. */
  readonly model: string;
  readonly facts: TransferFacts;
}

export interface PooledRiskModel {
  readonly model: URL;
  /** Scores from here on are refused, in percent; 101: none. */
  readonly thresholdPercent: number;
  readonly offload: Offload;
}

const task = new URL('./risk-model-task.js', import.meta.url);

export function pooledRiskModel(options: PooledRiskModel): PortAdapter<typeof riskModelPort> {
  const { model, thresholdPercent, offload } = options;
  return defineAdapter(riskModelPort, {
    assess: async (facts, { signal }) => {
      const score = await scoreOf(offload, { model: model.href, facts }, signal);
      if (!(score >= 0 && score <= 1)) {
        throw new OperatingError('provider-refused', 'the risk model gave no score from 0 to 1');
      }
      // Not `score * 100`, which is below 29 for 0.29.
      if (score < thresholdPercent / 100) return { score };
      const percent = Math.max(thresholdPercent, Math.floor(score * 100));
      return reject(
        'risk_check_failed',
        `Risk score ${percent} % reaches the limit of ${thresholdPercent} %`,
      );
    },
  });
}

async function scoreOf(offload: Offload, assessment: Assessment, signal: AbortSignal): Promise<number> {
  try {
    return await offload.run<number>(task, assessment, signal);
  } catch (cause) {
    // Too slow, or too many wait: what is thrown then says so, and another attempt may go well.
    if (signal.aborted || (cause instanceof OperatingError && cause.code === 'overloaded')) throw cause;
    throw new OperatingError('provider-refused', 'the risk model threw', { cause });
  }
}
