/**
 * One simulation from one seed: a node or several over a simulated store, clients that ask until they know, and everything
 * that may befall them; then everything heals, and must come to rest.
 *
 *     open ─▸ setup ─▸ life ─▸ something ends it ─▸ life ─▸ … ─▸ heal ─▸ check ─▸ stop ─▸ open ─▸ check
 *
 * S1  The same seed gives the same run: `trace` is a hash over every answer, fault and turn of events with its virtual time.
 * S2  Checks run while it goes on, at every answer and every few ms, and once more when all is at rest.
 */
import { createHash } from 'node:crypto';
import type { ActorCall } from '../../actors/model/call.js';
import { errorCode } from '../../actors/model/error-code.js';
import type { Caller } from '../../actors/model/message.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import { Cast, type CastStage } from './cast.js';
import { ComingToRest, type Restless } from './coming-to-rest.js';
import { type Disrupted, Disruptions } from './disruptions.js';
import { FaultPlan } from './fault-plan.js';
import { JournalAudit } from './journal-audit.js';
import { count, newTally, type RunTally } from './run-tally.js';
import { drawScenario, type Scenario } from './scenario.js';
import { SeededRandom } from './seeded-random.js';
import { type SimulatedArchive, TrimmedDisk } from './simulated-archive.js';
import { type ClientAsk, SimulatedClient } from './simulated-client.js';
import { SimulatedNode } from './simulated-node.js';
import { TablesAudit } from './tables-audit.js';
import { VirtualClock } from './virtual-clock.js';
import { Violation, type Workload } from './workload.js';

export interface SimulationResult {
  readonly trace: string;
  readonly tally: RunTally;
}

/** Lives after which nothing goes wrong any more. */
const livesMax = 8;
/** Starts in a row that may find no store; then it answers for a while. */
const failedStartsMax = 10;
/**
 * What a caller hears whose node asked for its end before it answered: the process goes with the one shard that was fenced,
 * also where another shard still holds the call.
 */
const nodeEnded: ActorAnswer = {
  type: 'failure',
  code: 'outcome-unknown',
  detail: 'the node came to its end',
};

/** Runs one seed to its end. Throws a `Violation` at the first thing that does not hold. `onNote` hears what the trace is made of. */
export async function runSimulation(
  seed: number,
  workload: Workload,
  onNote: (line: string) => void = () => {},
): Promise<SimulationResult> {
  return new Simulation(seed, workload, onNote).run();
}

class Simulation implements CastStage, Disrupted, Restless {
  readonly seed: number;
  readonly draw: SeededRandom;
  readonly world: VirtualClock;
  readonly scenario: Scenario;
  readonly disk: TrimmedDisk;
  readonly plan: FaultPlan;
  readonly tally: RunTally = newTally();
  readonly clients: readonly SimulatedClient[];
  readonly cast: Cast;
  /** Nodes that were superseded and still live. */
  readonly superseded = new Set<SimulatedNode>();
  readonly workload: Workload;
  readonly #disruptions: Disruptions;
  readonly #onNote: (line: string) => void;
  readonly #hash = createHash('sha256');
  #node: SimulatedNode | undefined;
  #checks = 0;
  #audit: JournalAudit | undefined;
  #tablesAudit: TablesAudit;
  #operationsLeft: number;
  #wallClockMax = 0;
  #starts = 0;
  #skewMs = 0;
  #isOver = false;

  constructor(seed: number, workload: Workload, onNote: (line: string) => void) {
    this.seed = seed;
    this.#onNote = onNote;
    this.workload = workload;
    this.draw = new SeededRandom(Math.imul(seed, 0x9e3779b1));
    const schedule = new SeededRandom(Math.imul(seed, 0x85ebca6b) ^ 0x5bd1e995);
    this.world = new VirtualClock({ fraction: schedule.fraction });
    this.scenario = drawScenario(this.draw);
    this.disk = new TrimmedDisk(this.scenario.partitionCount);
    if (this.scenario.replicaLag !== undefined) this.disk.keepReplica();
    this.plan = new FaultPlan(this.scenario.flavour, {
      draw: new SeededRandom(Math.imul(seed, 0xc2b2ae35) ^ 7),
      world: this.world,
      onFault: (name) => this.fault(name),
    });
    this.#operationsLeft = this.scenario.clientCount * this.scenario.operationsPerClient;
    this.clients = Array.from(
      { length: this.scenario.clientCount },
      (_, index) => new SimulatedClient(`k${seed}.${index}`, () => this.#clientWorld),
    );
    this.#tablesAudit = new TablesAudit(this.disk);
    this.cast = new Cast(this);
    this.#disruptions = new Disruptions(this);
  }

  async run(): Promise<SimulationResult> {
    await this.start();
    await this.#setUp();
    this.plan.isOn = true;
    for (let life = 0; life < livesMax && !this.#isOver; life++) {
      await this.live(20 + this.draw.below(this.scenario.lifeMsMax));
      if (this.clients.every((client) => client.isDone) && life > 0) break;
      if (!this.#isOver) await this.#disruptions.endLife();
    }
    if (!this.#isOver) {
      this.plan.isOn = false;
      this.note('heal');
      await new ComingToRest(this, this.#disruptions).run();
    }
    this.tally.runs = 1;
    this.tally.virtualMs = this.world.monotonic();
    return { trace: this.#hash.digest('hex'), tally: this.tally };
  }

  get node(): SimulatedNode {
    if (this.#node === undefined) throw new Error('no node has been started');
    return this.#node;
  }

  get archive(): SimulatedArchive | undefined {
    return this.cast.archive;
  }

  get hasAudit(): boolean {
    return this.#audit !== undefined;
  }

  get audit(): JournalAudit {
    if (this.#audit === undefined) throw new Error('no node has been started');
    return this.#audit;
  }

  note(...what: readonly string[]): void {
    const line = `${this.world.monotonic().toFixed(3)} ${what.join(' ')}`;
    this.#hash.update(`${line}\n`);
    this.#onNote(line);
  }

  isOn(): boolean {
    return this.plan.isOn;
  }

  sometimes(name: string, by = 1): void {
    count(this.tally.sometimes, name, by);
  }

  fault(name: string): void {
    count(this.tally.faults, name);
    this.note('fault', name);
  }

  /** A wall clock of its own for the next node, as long as anything may go wrong. */
  skew(): void {
    const { skewMsMax } = this.scenario;
    this.#noteWallClock();
    this.#skewMs = this.plan.isOn ? Math.round((this.draw.fraction() * 2 - 1) * skewMsMax) : 0;
  }

  /** Starts a node and makes it the one that clients ask. A store that does not answer is asked again. */
  async start(): Promise<void> {
    const { isOn } = this.plan;
    for (let failed = 0; ; failed++) {
      if (failed === failedStartsMax) this.plan.isOn = false;
      if (failed > failedStartsMax) throw new Violation('I27: the node does not start');
      this.#starts++;
      try {
        this.#node = await this.#tryStart();
        this.plan.isOn = isOn;
        break;
      } catch (cause) {
        // A shard that serves already may have broken the store of the process while another one opened.
        if (this.disk.halted) this.disk.crash('process');
        else if (!isStoreUnavailable(cause)) throw cause;
        this.sometimes('a start that found no store');
        await this.world.advance(20 + this.draw.below(50));
      }
    }
    this.#audit ??= this.#newAudit();
    await this.archive?.checkAfterCrash();
    this.note('started');
  }

  async #tryStart(): Promise<SimulatedNode> {
    const { partitionCount, flavour } = this.scenario;
    return SimulatedNode.start({
      modules: this.workload.modules,
      world: this.world,
      openStore: () =>
        createMemoryStore({
          partitionCount,
          disk: this.disk,
          faults: this.plan.faults,
          failsWithProcess: flavour === 'embedded',
          isServer: flavour === 'server',
          node: this.#starts,
        }),
      shardCount: this.scenario.shardCount,
      limits: this.scenario.limits,
      providers: this.cast.providers,
      archive: this.archive,
      hasGateway: this.cast.hasNetwork,
      seed: this.seed + this.#starts * 7_919,
      linkDelayMs: this.plan.linkDelayMs,
      skewMs: () => this.#skewMs,
      report: (event, details) => {
        this.note('report', event, JSON.stringify(details));
        this.archive?.hear(event, details);
        this.sometimes(`report ${event}`);
      },
    });
  }

  /** Lets clients work for so long, or until nobody has anything to do. */
  async live(ms: number): Promise<void> {
    const endsAt = this.world.monotonic() + ms;
    while (this.world.monotonic() < endsAt && this.node.fatal.length === 0) {
      if (this.clients.every((client) => client.isDone)) return;
      await this.#disruptions.whileLiving();
      for (const client of this.clients) client.drive(this.node);
      this.cast.operator.drive(this.node, false);
      this.cast.driveSubscribers(this.node);
      this.cast.reader?.drive(this.node);
      await this.world.advance(1 + this.draw.below(10));
      this.observe();
    }
  }

  /** Looks at everything that can be looked at without asking (S2). */
  observe(): void {
    this.#noteWallClock();
    const { scenario } = this;
    if (scenario.replicaLag !== undefined) this.disk.replicate(this.draw.below(scenario.replicaLag + 1));
    this.audit.advance();
    if (this.disk.violation !== undefined) throw this.disk.violation;
    const pending = this.node.system.callsPending;
    const most = (scenario.limits.callsPerShardMax ?? 0) * this.node.shardCount;
    if (pending > most) throw new Violation(`I16: ${pending} calls are pending, the most is ${most}`);
  }

  /** Nobody hears of what this node was asked. */
  lose(node: SimulatedNode): void {
    for (const client of this.clients) client.lose(node);
    this.superseded.delete(node);
  }

  checkTables(isSettled = false): void {
    this.audit.advance();
    this.#tablesAudit.check(this.audit, isSettled);
  }

  /** The tables are older than they were, and by right: the store lost rows and kept the log. */
  tablesWentBack(): void {
    this.#tablesAudit.wentBack();
  }

  acknowledged(partition: number): number {
    let newest = 0;
    for (const { commandId, answer } of this.clients.flatMap(({ tracked }) => tracked)) {
      const place = answer === undefined ? undefined : this.audit.placeOf(commandId);
      if (place?.partition === partition) newest = Math.max(newest, place.position);
    }
    return newest;
  }

  /** What was lost with an older history is no longer there to be checked; the run ends here. */
  end(): void {
    this.#isOver = true;
    this.node.kill();
    for (const node of this.superseded) node.kill();
  }

  askBlindly(node: SimulatedNode, answered: (isRecorded: boolean) => void): void {
    const { call } = this.workload.next(this.draw, this.world.now());
    const commandId = `blind${this.seed}.${++this.#checks}`.padEnd(22, '-');
    const caller = { principal: 'somebody', roles: ['admin'], internal: false };
    node.submit({ call, caller, commandId, fingerprint: 'f' }, (answer) =>
      answered(answer.type !== 'failure' && call.type === 'command'),
    );
  }

  async #setUp(): Promise<void> {
    for (const [index, call] of (this.workload.setup ?? []).entries()) {
      const commandId = `setup${this.seed}.${index}`.padEnd(22, '-');
      const answer = await this.#answerTo(call, { commandId, fingerprint: 'f' });
      if (answer.type !== 'reply') throw new Error(`setup: ${JSON.stringify(answer)}`);
    }
  }

  answerTo(call: ActorCall): Promise<ActorAnswer> {
    return this.#answerTo(call, { commandId: `check${++this.#checks}`.padEnd(22, '-') });
  }

  async #answerTo(
    call: ActorCall,
    how: { readonly commandId: string; readonly fingerprint?: string },
  ): Promise<ActorAnswer> {
    let answer: ActorAnswer | undefined;
    const caller = { principal: 'somebody', roles: ['admin'], internal: false };
    this.node.submit({ call, caller, ...how }, (given) => {
      answer = given;
    });
    await this.world.until(() => answer !== undefined || this.node.fatal.length > 0);
    // Whoever asks may look at what the journal says of it.
    this.#audit?.advance();
    if (answer === undefined) this.sometimes('a node ended while somebody waited for its answer');
    return answer ?? nodeEnded;
  }

  #newAudit(): JournalAudit {
    const watcher = this.workload.watch?.();
    return new JournalAudit({
      disk: this.disk,
      kinds: this.node.system.kinds,
      watchers: watcher === undefined ? [] : [watcher],
      wallClockMax: () => {
        this.#noteWallClock();
        return this.#wallClockMax;
      },
    });
  }

  /** The wall clock runs on from the latest time it has shown, and every node has it right. */
  setWallClocksRight(): void {
    this.#noteWallClock();
    this.#skewMs = 0;
    this.world.setWallClock(this.#wallClockMax);
  }

  #noteWallClock(): void {
    this.#wallClockMax = Math.max(this.#wallClockMax, this.world.now() + this.#skewMs);
  }

  get #clientWorld() {
    return {
      draw: this.draw,
      audit: this.audit,
      now: () => this.world.monotonic(),
      next: () => {
        if (this.#operationsLeft <= 0) return undefined;
        this.#operationsLeft--;
        this.tally.commands++;
        return this.workload.next(this.draw, this.world.now());
      },
      commandIdOf: (call: ActorCall, caller: Caller, key: string) => this.cast.commandIdOf(call, caller, key),
      ask: (node: SimulatedNode, asked: ClientAsk, answered: (answer: ActorAnswer) => void) =>
        this.cast.ask(node, asked, answered),
      note: (...what: readonly string[]) => {
        this.note(...what);
        count(this.tally.answers, what.slice(2).join(' ').trim());
      },
      isSuperseded: (node: SimulatedNode) => this.superseded.has(node) || node.fatal.length > 0,
    };
  }
}

function isStoreUnavailable(cause: unknown): boolean {
  return errorCode(cause) === 'storage-unavailable';
}
