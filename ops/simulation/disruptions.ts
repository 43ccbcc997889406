/**
 * What befalls the nodes and the store of a simulation: while they live, and at the end of each life. Draws, does it, and
 * checks at once what must hold of it.
 */
import { errorCode } from '../../actors/model/error-code.js';
import { EntryReader, EntryWriter, noHash } from '../../persistence/entry.js';
import type { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { count, type RunTally } from './run-tally.js';
import type { Scenario } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedArchive } from './simulated-archive.js';
import type { SimulatedNode } from './simulated-node.js';
import type { VirtualClock } from './virtual-clock.js';
import { Violation } from './workload.js';

/** What disruptions need of their simulation. */
export interface Disrupted {
  readonly draw: SeededRandom;
  readonly world: VirtualClock;
  readonly scenario: Scenario;
  readonly disk: MemoryDisk;
  /** Undefined: nothing is archived. */
  readonly archive: SimulatedArchive | undefined;
  readonly tally: RunTally;
  /** The node that clients ask. */
  readonly node: SimulatedNode;
  /** Nodes whose partitions another one has taken, and that still live. */
  readonly superseded: Set<SimulatedNode>;
  note(...what: readonly string[]): void;
  sometimes(name: string): void;
  observe(): void;
  checkTables(): void;
  /** The store lost rows and kept the log. */
  tablesWentBack(): void;
  /** Lets clients work for so long. */
  live(ms: number): Promise<void>;
  /** Starts the next node. */
  start(): Promise<void>;
  /** Gives the next node a wall clock of its own. */
  skew(): void;
  setWallClocksRight(): void;
  /** Nobody hears of what this node was asked. */
  lose(node: SimulatedNode): void;
  /** Asks for something; the answer is given back and checked by nobody. */
  askBlindly(node: SimulatedNode, answered: (isRecorded: boolean) => void): void;
  /** Newest position of a partition that holds a command whose answer a client has; 0 for none. */
  acknowledged(partition: number): number;
  /** Nothing more can be said of this run. */
  end(): void;
}

const endings = {
  embedded: ['power', 'process', 'stop', 'damage'],
  server: ['kill', 'stop', 'server-crash', 'outage', 'takeover', 'failover'],
} as const;

const hourMs = 3_600_000;

/** What an entry may turn into: damaged in itself, or sound and of a history that is not this one, as a write that went astray leaves it. */
const damages: readonly {
  readonly name: string;
  readonly damaged: (sound: Uint8Array, draw: SeededRandom) => Uint8Array;
}[] = [
  { name: 'a flipped bit', damaged: withFlippedBit },
  { name: 'an entry of another history', damaged: ofAnotherHistory },
];

function withFlippedBit(sound: Uint8Array, draw: SeededRandom): Uint8Array {
  const offset = draw.below(sound.length);
  return sound.map((byte, at) => (at === offset ? byte ^ (1 << draw.below(8)) : byte));
}

/** At the same place a moment later, following the same entry or none that is here; nothing happened in it. */
function ofAnotherHistory(sound: Uint8Array, draw: SeededRandom): Uint8Array {
  const { partition, position, epoch, time, group, previousHash } = new EntryReader(sound);
  const before = draw.below(2) === 0 ? previousHash : noHash;
  const header = { partition, position, epoch, group, siblings: [], watermarks: [] };
  return new EntryWriter().finish({ ...header, time: time + 1, previousHash: before });
}

export class Disruptions {
  readonly #simulation: Disrupted;
  /** Ends of pauses that have begun. */
  readonly #resumptions = new Set<() => void>();

  constructor(simulation: Disrupted) {
    this.#simulation = simulation;
  }

  /** Between two looks at the clients. */
  async whileLiving(): Promise<void> {
    const { draw, world, scenario } = this.#simulation;
    const roll = draw.below(200);
    if (roll < 3) this.#pause(draw.below(2) === 0 ? undefined : draw.below(this.#simulation.node.shardCount));
    else if (roll < 5 && scenario.skewMsMax > 0) {
      this.#happens('wall clock jumps');
      // The latest time shown is noted before it may be left behind.
      this.#simulation.observe();
      world.setWallClock(world.now() + Math.round((draw.fraction() * 2 - 1) * hourMs));
    }
  }

  /** Ends the node's life, or takes the store away from it, one way or another. */
  async endLife(): Promise<void> {
    const { draw, scenario } = this.#simulation;
    if (this.#simulation.node.fatal.length > 0) return this.replaceNode();
    const ways = endings[scenario.flavour];
    const way = draw.pick<(typeof endings)[keyof typeof endings][number]>(ways);
    switch (way) {
      case 'power':
      case 'process':
        return this.#crash(way);
      case 'stop':
        return this.#stop();
      case 'damage':
        return this.#damage();
      case 'kill':
        return this.#kill();
      case 'server-crash':
        return this.#crashServer();
      case 'outage':
        return this.#outage();
      case 'takeover':
        return this.#takeOver();
      default:
        return this.#failOver();
    }
  }

  /** The node can only be helped by a new one. */
  async replaceNode(): Promise<void> {
    const { scenario, draw } = this.#simulation;
    if (scenario.flavour === 'embedded') await this.#crash(draw.pick(['power', 'process']));
    else await this.#kill();
  }

  /** No pause, no superseded node, no wrong clock is left. */
  async heal(): Promise<void> {
    const { world, superseded, disk } = this.#simulation;
    for (const resume of this.#resumptions) resume();
    disk.comeBack();
    this.#simulation.setWallClocksRight();
    // Those that were superseded come to know it, and end.
    await world.advance(2_000);
    for (const node of [...superseded]) this.#end(node);
    if (this.#simulation.node.fatal.length > 0) await this.replaceNode();
  }

  #happens(name: string): void {
    count(this.#simulation.tally.faults, name);
    this.#simulation.note(name);
  }

  #pause(shard: number | undefined): void {
    const { node, draw, world } = this.#simulation;
    this.#happens(shard === undefined ? 'pause of a node' : 'pause of a shard');
    node.pause(shard);
    const resume = () => {
      this.#resumptions.delete(resume);
      node.resume(shard);
    };
    this.#resumptions.add(resume);
    world.after(draw.pick([5, 50, 400]), resume);
  }

  #end(node: SimulatedNode): void {
    for (const code of node.fatal) this.#simulation.sometimes(`a node ended by itself: ${code}`);
    node.kill();
    this.#simulation.lose(node);
  }

  async #next(): Promise<void> {
    this.#simulation.checkTables();
    this.#simulation.skew();
    await this.#simulation.start();
  }

  async #crash(kind: 'power' | 'process'): Promise<void> {
    const { disk, node, archive } = this.#simulation;
    this.#happens(kind === 'power' ? 'power loss' : 'kill of the process');
    this.#end(node);
    if (disk.crash(kind) > 0) this.#simulation.sometimes('a crash took unflushed writes');
    if (kind === 'power') archive?.losePower();
    await this.#next();
  }

  async #stop(): Promise<void> {
    const { node, disk, scenario } = this.#simulation;
    this.#happens('stop');
    for (const resume of this.#resumptions) resume();
    const isStopped = await node.stop();
    if (!isStopped) this.#simulation.sometimes('a stop was cut short');
    this.#simulation.lose(node);
    if (scenario.flavour === 'embedded' && (disk.halted || !isStopped)) disk.crash('process');
    await this.#next();
  }

  /** I20: an entry of the tail is not what it was; nothing of it is served, and with the entry put right all is. */
  async #damage(): Promise<void> {
    const { disk, node, draw, archive } = this.#simulation;
    const { name, damaged } = draw.pick(damages);
    this.#end(node);
    disk.crash('power');
    archive?.losePower();
    this.#simulation.checkTables();
    for (let partition = 0; partition < disk.partitionCount; partition++) {
      const tail = disk.flushedPosition(partition) - disk.checkpoint(partition).position;
      if (tail <= 0) continue;
      const position = disk.flushedPosition(partition) - draw.below(tail);
      const sound = disk.entry(partition, position)?.bytes;
      if (sound === undefined) continue;
      this.#happens(name);
      disk.replaceEntry(partition, position, damaged(sound, draw));
      const code = await this.#startAnyway();
      if (code === undefined)
        throw new Violation(`I20: ${name} in entry ${position} of partition ${partition} was served`);
      disk.crash('power');
      disk.replaceEntry(partition, position, sound);
      break;
    }
    await this.#next();
  }

  /** The code with which a start is refused; undefined when it serves. */
  async #startAnyway(): Promise<string | undefined> {
    try {
      await this.#simulation.start();
      return undefined;
    } catch (cause) {
      if (cause instanceof Violation) throw cause;
      return String(errorCode(cause) ?? 'error');
    }
  }

  /** The process is gone; what it has sent may still reach the server, before or after the next one has begun. */
  async #kill(): Promise<void> {
    this.#happens('kill of the process');
    this.#end(this.#simulation.node);
    // With its machine, if no other node is on it.
    if (this.#simulation.superseded.size === 0) this.#simulation.archive?.losePowerSometimes();
    await this.#next();
  }

  async #crashServer(): Promise<void> {
    const { disk, draw, world } = this.#simulation;
    this.#happens('crash of the server');
    if (disk.crash(draw.pick(['power', 'process'])) > 0)
      this.#simulation.sometimes('a crash took unflushed writes');
    disk.goDown();
    await world.advance(draw.below(300));
    disk.comeBack();
    this.#simulation.checkTables();
  }

  async #outage(): Promise<void> {
    const { disk, draw } = this.#simulation;
    this.#happens('outage of the server');
    disk.goDown();
    await this.#simulation.live(draw.below(600));
    disk.comeBack();
  }

  /** Another node takes the partitions while this one lives, paused or not; it must find out by itself. */
  async #takeOver(): Promise<void> {
    const { draw, node, superseded, world } = this.#simulation;
    const isPaused = draw.below(2) === 0;
    this.#happens(isPaused ? 'takeover from a paused node' : 'takeover');
    if (isPaused) {
      node.pause();
      world.after(draw.below(500), () => node.resume());
    }
    superseded.add(node);
    await this.#next();
  }

  /**
   * I19: the replica takes over. When it lacks entries, nothing is recorded by a node that knew more; what it lacked is
   * gone, so the run ends there. When it lacks rows or tokens only, the log has all of it, and everything must go on.
   */
  async #failOver(): Promise<void> {
    const { disk, draw, scenario, node, world } = this.#simulation;
    if (scenario.replicaLag === undefined) return this.#outage();
    this.#happens('failover to a replica');
    if (draw.below(2) === 0) disk.replicateLog();
    const positions = () =>
      Array.from({ length: disk.partitionCount }, (_, partition) => disk.flushedPosition(partition));
    const before = positions();
    const acknowledged = before.map((_, partition) => this.#simulation.acknowledged(partition));
    const lost = disk.failOver();
    const after = positions();
    if (lost === 0) return;
    if (before.every((position, partition) => position === after[partition])) {
      this.#simulation.sometimes('a failover lost rows only');
      return this.#simulation.tablesWentBack();
    }
    this.#simulation.sometimes('a failover lost entries');
    this.#simulation.lose(node);
    for (const other of this.#simulation.superseded) this.#end(other);
    for (let round = 0; round < 20; round++) {
      node.resume();
      this.#simulation.askBlindly(node, (isRecorded) => {
        if (isRecorded) this.#simulation.sometimes('a node went on where nothing was lost');
      });
      await world.advance(100);
    }
    for (const [partition, position] of after.entries()) {
      // What nobody was told of may be gone: as if it had never arrived.
      if ((acknowledged[partition] ?? 0) > position && disk.flushedPosition(partition) > position)
        throw new Violation(`I19: partition ${partition} went back to ${position}, and was written on`);
    }
    if (node.fatal.includes('store-went-back')) this.#simulation.sometimes('a rollback was halted');
    this.#simulation.end();
  }
}
