/**
 * The end of a simulation: all that was begun must end (I27), then everything must add up, and once more after a stop and a
 * start.
 */
import type { ActorCall } from '../../actors/model/call.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import type { Cast } from './cast.js';
import type { Disruptions } from './disruptions.js';
import type { JournalAudit } from './journal-audit.js';
import { addCounters, type RunTally } from './run-tally.js';
import type { SeededRandom } from './seeded-random.js';
import type { TrimmedDisk } from './simulated-archive.js';
import type { SimulatedClient } from './simulated-client.js';
import type { SimulatedNode } from './simulated-node.js';
import type { VirtualClock } from './virtual-clock.js';
import { type AnsweredOperation, Violation, type Workload } from './workload.js';

/** What comes to rest. */
export interface Restless {
  readonly draw: SeededRandom;
  readonly world: VirtualClock;
  readonly disk: TrimmedDisk;
  readonly tally: RunTally;
  readonly workload: Workload;
  readonly cast: Cast;
  readonly clients: readonly SimulatedClient[];
  readonly node: SimulatedNode;
  readonly audit: JournalAudit;
  sometimes(name: string, by?: number): void;
  observe(): void;
  checkTables(isSettled: boolean): void;
  start(): Promise<void>;
  lose(node: SimulatedNode): void;
  /** Asks the node as somebody of whom the journal need not know. */
  answerTo(call: ActorCall): Promise<ActorAnswer>;
}

const patienceMs = 60_000;
const timersAheadMs = 5_000;
/** Failures that pass. A node that another one has superseded shortly before all healed comes to know it when it is asked to write. */
const passing: ReadonlySet<string> = new Set([
  'mailbox-full',
  'outcome-unknown',
  'overloaded',
  'storage-behind',
  'storage-unavailable',
]);

export class ComingToRest {
  readonly #simulation: Restless;
  readonly #disruptions: Disruptions;

  constructor(simulation: Restless, disruptions: Disruptions) {
    this.#simulation = simulation;
    this.#disruptions = disruptions;
  }

  /** Nothing goes wrong any more. Throws a `Violation`. */
  async run(): Promise<void> {
    const { clients, cast, tally, world } = this.#simulation;
    await this.#disruptions.heal();
    await this.#until(
      () => 'clients have their answers',
      async () => {
        if (this.#node.fatal.length > 0) await this.#disruptions.replaceNode();
        for (const client of clients) client.drive(this.#node);
        return clients.every((client) => client.isDone);
      },
    );
    await this.#everythingEnds();
    await this.#checkLetters();
    await this.#until(
      () => 'no dead letter is left',
      async () => {
        cast.operator.drive(this.#node, true);
        return this.#audit.letters.waiting.length === 0;
      },
    );
    await this.#everythingEnds();
    await this.#until(
      () => 'the tables have caught up',
      async () => {
        const shards = await world.settled(this.#node.metrics());
        return shards.every(({ tableLagEntries }) => tableLagEntries === 0);
      },
    );
    await this.#until(
      () => 'the subscribers have every event',
      async () => {
        cast.driveSubscribers(this.#node);
        return cast.subscribers.every(({ isAtEnd }) => isAtEnd);
      },
    );
    this.#countEnds();
    await this.#checkAtRest();
    addCounters(tally, await world.settled(this.#node.metrics()));
    await this.#stopWell();
    await this.#simulation.start();
    await this.#checkAtRest();
    await this.#stopWell();
  }

  /** Another one after each replacement. */
  get #node(): SimulatedNode {
    return this.#simulation.node;
  }

  get #audit(): JournalAudit {
    return this.#simulation.audit;
  }

  async #stopWell(): Promise<void> {
    if (!(await this.#node.stop())) throw new Violation('I25: the node does not stop');
    this.#simulation.lose(this.#node);
    this.#simulation.checkTables(true);
  }

  async #everythingEnds(): Promise<void> {
    await this.#until(
      () => `everything ends: ${this.#unfinished().join(', ')}`,
      async () => this.#unfinished().length === 0,
    );
  }

  /** What has begun and not ended; timers that are due soon are waited for. */
  #unfinished(): string[] {
    const audit = this.#audit;
    const dueBefore = this.#simulation.world.now() + timersAheadMs;
    return [
      ...audit.channels.open(),
      ...audit.timers.due(dueBefore).map((name) => `timer ${name}`),
      ...audit.openSagas(),
    ];
  }

  async #until(what: () => string, isDone: () => Promise<boolean>): Promise<void> {
    const { world, draw } = this.#simulation;
    const endsAt = world.monotonic() + patienceMs;
    while (!(await isDone())) {
      if (this.#node.fatal.length > 0) await this.#disruptions.replaceNode();
      if (world.monotonic() > endsAt) throw new Violation(`I27: not within ${patienceMs} ms: ${what()}`);
      await world.advance(10 + draw.below(40));
      this.#simulation.observe();
    }
  }

  #countEnds(): void {
    const simulation = this.#simulation;
    for (const state of this.#audit.sagaStates()) simulation.sometimes(`a saga came to be ${state}`);
    const { queuedCount, replayedCount, skippedCount } = this.#audit.letters;
    simulation.sometimes('a message became a dead letter', queuedCount);
    simulation.sometimes('a dead letter was replayed', replayedCount);
    simulation.sometimes('a dead letter was skipped', skippedCount);
  }

  async #checkAtRest(): Promise<void> {
    const { workload, world } = this.#simulation;
    this.#audit.advance();
    const operations = this.#answered();
    for (const { commandId, operation, answer, executions } of operations) {
      const isKeyed = operation.call.type === 'command' && operation.sent !== 'once';
      if (isKeyed && executions !== 1)
        throw new Violation(`I1: ${commandId} was answered, and is recorded ${executions} times`);
      if (answer === undefined && isKeyed) throw new Violation(`I15: ${commandId} has no answer`);
    }
    this.#checkRefusals();
    await this.#checkLetters();
    await this.#checkArchive();
    await workload.check?.({
      operations,
      ask: (call) => this.#patientAnswerTo(call),
      now: () => world.now(),
    });
  }

  /** What was refused for certain is in no journal. */
  #checkRefusals(): void {
    for (const { commandId, failure, isKeyed } of this.#simulation.clients.flatMap(
      ({ tracked }) => tracked,
    )) {
      const isDefinite = failure !== undefined && failure !== 'outcome-unknown';
      if (!isKeyed && isDefinite && this.#audit.executionsOf(commandId) > 0)
        throw new Violation(`I15: ${commandId} was refused with ${failure}, and is in the journal`);
    }
  }

  async #checkLetters(): Promise<void> {
    const { world, cast, disk } = this.#simulation;
    await this.#until(
      () => 'the letters are listed',
      () => world.settled(cast.operator.check(this.#node, disk.partitionCount)),
    );
  }

  /** Every history is whole, wherever its parts stand. */
  async #checkArchive(): Promise<void> {
    const { world, disk, cast } = this.#simulation;
    const { archive, reader } = cast;
    if (archive === undefined || reader === undefined) return;
    this.#simulation.sometimes('a segment was archived', archive.segmentCount);
    this.#simulation.sometimes('an entry was trimmed', disk.trimmed().flat().length);
    await archive.check();
    await world.settled(reader.readAll(this.#node));
    if (disk.violation !== undefined) throw disk.violation;
  }

  /** Asks again where the node has too much to do (its bounds are low), and a new one where it has come to its end. */
  async #patientAnswerTo(call: ActorCall): Promise<ActorAnswer> {
    const { world } = this.#simulation;
    const endsAt = world.monotonic() + patienceMs;
    for (;;) {
      const answer = await this.#simulation.answerTo(call);
      const isPassing = answer.type === 'failure' && passing.has(answer.code);
      if (!isPassing || world.monotonic() > endsAt) return answer;
      await world.advance(200);
      if (this.#node.fatal.length > 0) await this.#disruptions.replaceNode();
    }
  }

  #answered(): AnsweredOperation[] {
    return this.#simulation.clients.flatMap((client) =>
      client.tracked.map(({ operation, commandId, answer }) => ({
        operation,
        commandId,
        answer,
        executions: this.#audit.executionsOf(commandId),
      })),
    );
  }
}
