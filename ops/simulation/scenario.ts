/**
 * The circumstances of one simulation, drawn from its seed: how many partitions and shards, what store, how tight the bounds.
 */
import type { Limits } from '../../runtime/limits.js';
import type { StoreFlavour } from './fault-plan.js';
import type { SeededRandom } from './seeded-random.js';

export interface Scenario {
  readonly flavour: StoreFlavour;
  readonly partitionCount: number;
  readonly shardCount: number;
  readonly clientCount: number;
  readonly operationsPerClient: number;
  /** Appends and commits that the replica may be behind; undefined without one. */
  readonly replicaLag: number | undefined;
  readonly lifeMsMax: number;
  /** A wall clock is off by at most this. */
  readonly skewMsMax: number;
  readonly limits: Partial<Limits>;
}

export function drawScenario(draw: SeededRandom): Scenario {
  const flavour = draw.pick<StoreFlavour>(['embedded', 'server']);
  const partitionCount = draw.pick([1, 2, 4, 6, 8]);
  return {
    flavour,
    partitionCount,
    shardCount: Math.min(partitionCount, draw.pick([1, 1, 2, 3])),
    clientCount: 2 + draw.below(6),
    operationsPerClient: 3 + draw.below(6),
    replicaLag: flavour === 'server' && draw.below(4) === 0 ? draw.pick([1, 3, 20]) : undefined,
    lifeMsMax: draw.pick([60, 400, 1_500]),
    skewMsMax: draw.pick([0, 0, 200, 3_600_000]),
    limits: drawLimits(draw),
  };
}

/** Small enough to be reached by a few clients, or as they are. */
function drawLimits(draw: SeededRandom): Partial<Limits> {
  return {
    activationsMax: draw.pick([3, 100]),
    sweepPeriodMs: draw.pick([20, 200, 1_000]),
    sweepBuckets: draw.pick([1, 4, 16]),
    sliceRowsMax: draw.pick([1, 500]),
    groupCommandsMax: draw.pick([1, 2, 8, 4_096]),
    groupBytesMax: draw.pick([2_000, 1_048_576]),
    groupsInFlightMax: draw.pick([1, 2, 2, 3]),
    internalHopsPerTurnMax: draw.pick([1, 5, 1_000]),
    channelPendingMax: draw.pick([1, 3, 4_096]),
    mailboxMax: draw.pick([2, 1_024]),
    callsPerShardMax: draw.pick([4, 16_384]),
    tableLagEntriesMax: draw.pick([8, 250_000]),
    appendDeadlineMs: 100,
    callDeadlineMs: 500,
    groupPaceMs: draw.pick([0, 0, 3, 20]),
    paceFromPerMs: draw.pick([0.01, 25]),
    paceCommands: draw.pick([3, 300]),
  };
}
