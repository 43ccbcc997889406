/** The tables that the runtime reads by key and never by range: a store that must keep an index for ranges keeps none for these. */
import { actorTable } from './actor/actor-row.js';
import { outcomeTable } from './deduplication/outcome-ledger.js';
import { stateTable } from './derive/partition-state.js';

export const pointTables: readonly string[] = [actorTable, outcomeTable, stateTable];
