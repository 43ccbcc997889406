/**
 * Every bound of the runtime by name, with its default. Each has a test that reaches it.
 */
export interface Limits {
  /** Encoded bytes of one event. */
  readonly eventBytesMax: number;
  readonly eventsPerCommandMax: number;
  readonly messagesPerCommandMax: number;
  /** Records of one partition in one group; past it the partition's next command waits for the next group. */
  readonly entryBytesMax: number;
  readonly groupBytesMax: number;
  readonly groupCommandsMax: number;
  /** Encoded bytes of an actor's state: above the first a warning, above the second its commands are refused. */
  readonly stateBytesWarn: number;
  readonly stateBytesMax: number;
  /** Commands that wait for one actor to load. */
  readonly mailboxMax: number;
  /** Calls that one shard holds unanswered; above it the edge answers `overloaded`. */
  readonly callsPerShardMax: number;
  /** Bytes of these calls as they came in: what mailboxes can hold at most. Above it the same answer. */
  readonly callBytesPerShardMax: number;
  /** Messages between actors executed before the loop looks at outside commands again. */
  readonly internalHopsPerTurnMax: number;
  /**
   * Work of one turn before the open group is sent and I/O let in. Without it a batch of a hundred transfers was one
   * turn of 10 ms, in which no durable group could be answered and everybody else stood still.
   */
  readonly turnMs: number;
  /** Groups sent and not yet durable, if the store is good for so many. Two hide the flush behind the work; more only add latency. */
  readonly groupsInFlightMax: number;
  /** Time between two groups while commands come in fast, if the store asks for so much; 0: each turn's group is sent at once. */
  readonly groupPaceMs: number;
  /** What fast is: commands per ms of the group before. */
  readonly paceFromPerMs: number;
  /** A group with so many waits no longer. */
  readonly paceCommands: number;
  /** Activations that a shard keeps; the least recently used clean ones go first. */
  readonly activationsMax: number;
  /** Their estimated weight in memory (`weightOf`), bounded in the same way. */
  readonly activationBytesMax: number;
  /** A sweep of a partition's dirty rows takes this long over this many buckets, at most so many rows a slice. */
  readonly sweepPeriodMs: number;
  readonly sweepBuckets: number;
  readonly sliceRowsMax: number;
  /** Due timers that are taken at a time, with a look at I/O in between. */
  readonly timersPerTurn: number;
  /** Due timers whose actors are being loaded; past it the next wait, so that a restart after an outage loads in portions. */
  readonly timersLoadingMax: number;
  /** Entries that the tables may lag behind the log before outside commands are refused. */
  readonly tableLagEntriesMax: number;
  /** Messages of one channel kept in memory while their receiver is on another shard; the rest is read again later. */
  readonly channelPendingMax: number;
  /** An append without an answer for this long is settled by looking. */
  readonly appendDeadlineMs: number;
  readonly callDeadlineMs: number;
  /** Filter in front of the recorded outcomes, all generations together: 16 bits an id. */
  readonly filterBytes: number;
  /** Activities of one shard under way; the others wait in their order. */
  readonly activitiesMax: number;
  /** A throwing `evolve` or recovery, or a hung or ended thread, is a strike; at this many their actor is parked. */
  readonly strikesMax: number;
  /** Strikes are forgotten when the next one comes later than this. */
  readonly strikeMemoryMs: number;
  /** Dead letters of a partition, by number and by bytes; past either a refused message is dropped and reported. */
  readonly lettersMax: number;
  readonly letterBytesMax: number;
  /** Reads of the journal under way that answer calls; the others wait in their order. */
  readonly journalReadsMax: number;
  /** Events folded for one `at_version` query, or passed on the way to one history page. */
  readonly historyEventsMax: number;
  /** Entries that a shard keeps between two questions of the feed's follower; past it the follower reads the journal. */
  readonly tailBytesMax: number;
  /** Newest entries kept for subscriptions, opened: some five times as much memory. */
  readonly recentBytesMax: number;
  /** Bytes of the log that one page of the feed opens; past it the page ends, full or not. */
  readonly scanBytesMax: number;
  readonly subscriptionsMax: number;
  /** Open sagas of one partition counted for the metrics; with more the count is too low, and reported. */
  readonly censusRowsMax: number;
}

export const defaultLimits: Limits = {
  eventBytesMax: 16_384,
  eventsPerCommandMax: 256,
  messagesPerCommandMax: 64,
  entryBytesMax: 262_144,
  groupBytesMax: 1_048_576,
  groupCommandsMax: 4_096,
  stateBytesWarn: 1_048_576,
  stateBytesMax: 4_194_304,
  mailboxMax: 1_024,
  callsPerShardMax: 16_384,
  callBytesPerShardMax: 16 * 1_048_576,
  internalHopsPerTurnMax: 1_000,
  turnMs: 2,
  groupsInFlightMax: 2,
  groupPaceMs: 5,
  paceFromPerMs: 25,
  paceCommands: 300,
  activationsMax: 100_000,
  activationBytesMax: 256 * 1_048_576,
  sweepPeriodMs: 1_000,
  sweepBuckets: 16,
  sliceRowsMax: 500,
  timersPerTurn: 256,
  timersLoadingMax: 1_024,
  tableLagEntriesMax: 250_000,
  channelPendingMax: 4_096,
  appendDeadlineMs: 5_000,
  callDeadlineMs: 10_000,
  filterBytes: 64 * 1_048_576,
  activitiesMax: 256,
  strikesMax: 3,
  strikeMemoryMs: 600_000,
  lettersMax: 10_000,
  letterBytesMax: 16 * 1_048_576,
  journalReadsMax: 4,
  historyEventsMax: 100_000,
  tailBytesMax: 4 * 1_048_576,
  recentBytesMax: 4 * 1_048_576,
  scanBytesMax: 16 * 1_048_576,
  subscriptionsMax: 256,
  censusRowsMax: 50_000,
};
