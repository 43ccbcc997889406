/**
 * Who and what stands around the nodes of one simulation: an archive and its reader, a network, providers, an operator,
 * subscribers. Each is drawn from a stream of chance of its own: with or without it the rest of a seed is drawn the same.
 */
import type { ActorCall } from '../../actors/model/call.js';
import type { Caller } from '../../actors/model/message.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import { type ClientRequest, HttpRequests } from './http-requests.js';
import type { JournalAudit } from './journal-audit.js';
import type { Scenario } from './scenario.js';
import { SeededRandom } from './seeded-random.js';
import { SimulatedArchive, type SimulatedArchiveOptions, type TrimmedDisk } from './simulated-archive.js';
import type { ClientAsk } from './simulated-client.js';
import { type ConnectionEnds, SimulatedNetwork } from './simulated-network.js';
import type { SimulatedNode } from './simulated-node.js';
import { SimulatedOperator } from './simulated-operator.js';
import { SimulatedProviders } from './simulated-providers.js';
import { SimulatedReader } from './simulated-reader.js';
import { SimulatedSubscriber, type SubscriberManner } from './simulated-subscriber.js';
import type { VirtualClock } from './virtual-clock.js';
import type { Workload } from './workload.js';

export interface CastStage {
  readonly seed: number;
  readonly workload: Workload;
  readonly scenario: Scenario;
  readonly world: VirtualClock;
  readonly disk: TrimmedDisk;
  /** Throws before the first start. */
  readonly audit: JournalAudit;
  readonly hasAudit: boolean;
  /** Things go wrong. */
  isOn(): boolean;
  fault(name: string): void;
  note(...what: readonly string[]): void;
  sometimes(name: string): void;
}

/** Of one in so many seeds. */
const archiveEvery = 3;
const networkEvery = 3;

export class Cast {
  readonly #stage: CastStage;
  /** Undefined: nothing is archived. */
  readonly archive: SimulatedArchive | undefined;
  /** Looks far back, which is what asks the archive. */
  readonly reader: SimulatedReader | undefined;
  /** Undefined: clients call the system itself. */
  readonly #network: SimulatedNetwork | undefined;
  readonly #requests: HttpRequests;
  readonly providers: SimulatedProviders;
  readonly operator: SimulatedOperator;
  readonly subscribers: readonly SimulatedSubscriber[];

  constructor(stage: CastStage) {
    this.#stage = stage;
    const { seed, workload, world } = stage;
    const disturbed = {
      world,
      isOn: () => stage.isOn(),
      onFault: (name: string) => stage.fault(name),
    };
    this.archive = this.#drawArchive(disturbed);
    this.reader = this.#drawReader();
    const networkDraw = new SeededRandom(Math.imul(seed, 0x6a09e667) ^ 31);
    if (networkDraw.below(networkEvery) === 0)
      this.#network = new SimulatedNetwork({ ...disturbed, draw: networkDraw });
    this.#requests = new HttpRequests(workload.modules);
    this.providers = new SimulatedProviders({
      ...disturbed,
      ports: workload.modules.flatMap(({ ports }) => ports ?? []),
      adapters: workload.adapters ?? {},
      draw: new SeededRandom(Math.imul(seed, 0x27d4eb2f) ^ 11),
    });
    const operatorDraw = new SeededRandom(Math.imul(seed, 0x2545f491) ^ 17);
    this.operator = new SimulatedOperator(`op${seed}`, () => ({
      draw: operatorDraw,
      letters: () => {
        stage.audit.advance();
        return stage.audit.letters;
      },
      note: (...what) => stage.note(...what),
    }));
    this.subscribers = this.#drawSubscribers();
  }

  get hasNetwork(): boolean {
    return this.#network !== undefined;
  }

  /** Over HTTP where there is a network and a route, otherwise as a caller in the same process. */
  ask(node: SimulatedNode, asked: ClientAsk, answered: (answer: ActorAnswer) => void): void {
    const { call, caller, commandId, key, isKeyed, isForged } = asked;
    const [network, transport] = [this.#network, node.transport];
    const request =
      network === undefined ? undefined : this.#requests.requestOf(call, caller, { key, isForged });
    if (network === undefined || transport === undefined || request === undefined) {
      const fingerprint = isKeyed ? { fingerprint: isForged ? 'another' : 'f' } : {};
      return node.submit({ call, caller, commandId, ...fingerprint }, answered);
    }
    network.ask(transport, request, {
      answered: (answer) => {
        this.#stage.sometimes('an answer came over HTTP');
        answered(this.#requests.answerOf(call, answer));
      },
      lost: () => answered({ type: 'failure', code: 'outcome-unknown', detail: 'the connection is gone' }),
    });
  }

  /** Under which the journal knows what is asked with this key. */
  commandIdOf(call: ActorCall, caller: Caller, key: string): string {
    const overHttp = this.hasNetwork ? this.#requests.commandIdOf(call, caller, key) : undefined;
    return overHttp ?? key.padEnd(22, '-');
  }

  driveSubscribers(node: SimulatedNode): void {
    for (const subscriber of this.subscribers) subscriber.drive(node);
  }

  #drawArchive(disturbed: Pick<SimulatedArchiveOptions, 'isOn' | 'onFault'>): SimulatedArchive | undefined {
    const stage = this.#stage;
    const draw = new SeededRandom(Math.imul(stage.seed, 0x3c6ef372) ^ 23);
    if (draw.below(archiveEvery) > 0) return undefined;
    stage.disk.beforeTrim(() => {
      if (stage.hasAudit) stage.audit.advance();
    });
    return new SimulatedArchive({ ...disturbed, draw, disk: stage.disk });
  }

  #drawReader(): SimulatedReader | undefined {
    if (this.archive === undefined) return undefined;
    const stage = this.#stage;
    const draw = new SeededRandom(Math.imul(stage.seed, 0x1f83d9ab) ^ 29);
    const sometimes = (name: string) => stage.sometimes(name);
    return new SimulatedReader(`past${stage.seed}`, () => ({ draw, audit: stage.audit, sometimes }));
  }

  #drawSubscribers(): SimulatedSubscriber[] {
    const stage = this.#stage;
    const draw = new SeededRandom(Math.imul(stage.seed, 0x165667b1) ^ 13);
    const { partitionCount } = stage.scenario;
    const kinds = stage.workload.modules.flatMap(({ aggregates }) =>
      aggregates.map(({ contract }) => contract),
    );
    const world = () => ({
      draw,
      partitionCount,
      audit: stage.audit,
      sometimes: (name: string) => stage.sometimes(name),
      stream: (node: SimulatedNode, request: ClientRequest, ends: ConnectionEnds) =>
        node.transport === undefined ? undefined : this.#network?.ask(node.transport, request, ends),
    });
    return Array.from({ length: draw.pick([0, 1, 2]) }, () => {
      const kind = draw.below(3) === 0 && kinds.length > 0 ? draw.pick(kinds).kind : undefined;
      const manner = this.#mannerOf(draw.pick(['follow', 'follow', 'pages']));
      return new SimulatedSubscriber(world, { manner, kind }, partitionCount);
    });
  }

  /** Where there is a network, whoever follows does so over it. */
  #mannerOf(manner: 'follow' | 'pages'): SubscriberManner {
    return manner === 'follow' && this.hasNetwork ? 'stream' : manner;
  }
}
