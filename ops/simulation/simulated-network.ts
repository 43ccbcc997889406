/**
 * The network between simulated clients and the gateways of nodes: connections with a request each, that take their time, and break.
 *
 *     request   arrives, late or not · is lost with its connection
 *     answer    arrives, late or not · is lost with its connection: the gateway hears that its client has left
 *     stream    chunk by chunk in their order · breaks anywhere · a client that does not read for a while
 *
 * A client hears at once that its connection is gone, and never why; what a node that has ended still owed is never heard of.
 */
import type { TransportAnswer, TransportStream } from '../../gateway/transport.js';
import type { ClientAnswer, ClientRequest } from './http-requests.js';
import type { SeededRandom } from './seeded-random.js';
import type { Arrival, SimulatedTransport } from './simulated-transport.js';
import type { VirtualClock } from './virtual-clock.js';

export interface NetworkOptions {
  readonly draw: SeededRandom;
  readonly world: VirtualClock;
  /** Whether anything may go wrong now. */
  readonly isOn: () => boolean;
  readonly onFault: (name: string) => void;
}

export interface ConnectionEnds {
  /** The whole answer, of a request that is not followed by a stream. */
  readonly answered: (answer: ClientAnswer) => void;
  /** Part of the body of a stream. */
  readonly chunk?: (text: string) => void;
  /** The connection is gone, or the stream has ended. */
  readonly lost: () => void;
}

const breakRates = [0, 0.01, 0.08] as const;
const latenciesMsMax = [0, 1, 5, 40] as const;
const readPausesMs = [5, 60, 700] as const;

export class SimulatedNetwork {
  readonly #options: NetworkOptions;
  readonly #breakRate: number;
  readonly #latencyMsMax: number;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#breakRate = options.draw.pick(breakRates);
    this.#latencyMsMax = options.draw.pick(latenciesMsMax);
  }

  /** Sends a request on a connection of its own; the function closes it. Exactly one of the ends is told in the end, or none (see above). */
  ask(transport: SimulatedTransport, request: ClientRequest, ends: ConnectionEnds): () => void {
    const connection = new Connection(this, this.#options.world, ends);
    if (this.breaks('request')) {
      this.#options.world.after(this.latencyMs(), () => connection.break());
      return () => connection.close();
    }
    this.#options.world.after(this.latencyMs(), () => transport.arrive(request, connection));
    return () => connection.close();
  }

  latencyMs(): number {
    const { draw, isOn } = this.#options;
    return isOn() ? draw.fraction() * this.#latencyMsMax : 0;
  }

  breaks(what: string): boolean {
    const { draw, isOn, onFault } = this.#options;
    if (!isOn() || draw.fraction() >= this.#breakRate) return false;
    onFault(`connection broken: ${what}`);
    return true;
  }

  /** Ms for which a client reads nothing; undefined: it keeps up. */
  readPauseMs(): number | undefined {
    const { draw, isOn, onFault } = this.#options;
    if (!isOn() || draw.below(12) > 0) return undefined;
    onFault('client does not read');
    return draw.pick(readPausesMs);
  }
}

/** One connection, from the request to the end of its answer. */
class Connection implements Arrival, TransportStream {
  readonly #network: SimulatedNetwork;
  readonly #world: VirtualClock;
  readonly #ends: ConnectionEnds;
  #state: 'open' | 'answered' | 'gone' = 'open';
  /** What was sent one after the other arrives one after the other. */
  #arrivesAt = 0;
  #sent = 0;
  #isBreaking = false;
  #onGone: (() => void) | undefined;
  #onReady: (() => void) | undefined;
  /** Runs on the thread of the gateway. */
  inGateway: (run: () => void) => void = () => {};
  settled: () => void = () => {};

  constructor(network: SimulatedNetwork, world: VirtualClock, ends: ConnectionEnds) {
    this.#network = network;
    this.#world = world;
    this.#ends = ends;
  }

  get aborted(): boolean {
    return this.#state === 'gone';
  }

  send(answer: TransportAnswer): void {
    if (this.#state !== 'open') return;
    this.#state = 'answered';
    this.settled();
    if (this.#network.breaks('answer')) return this.#arrive(() => this.#ends.lost());
    this.#arrive(() => this.#ends.answered(answer));
  }

  stream({ status, headers }: Omit<TransportAnswer, 'body'>): TransportStream | undefined {
    if (this.#state !== 'open') return undefined;
    if (status === 200) return this;
    this.send({ status, headers, body: '{}' });
    return undefined;
  }

  write(chunk: string): boolean {
    if (this.#state !== 'open') return false;
    // What is written to a connection that breaks goes nowhere, and the gateway does not know yet.
    if (this.#isBreaking) return true;
    if (this.#network.breaks('stream')) {
      this.#isBreaking = true;
      // Some of it may have come through.
      this.#arrive(() => this.#ends.chunk?.(chunk.slice(0, Math.floor(chunk.length / 2))));
      this.#arrive(() => this.break());
      return true;
    }
    this.#arrive(() => this.#ends.chunk?.(chunk));
    const pauseMs = this.#network.readPauseMs();
    if (pauseMs === undefined) return true;
    this.#world.after(pauseMs, () => this.inGateway(() => this.#ready()));
    return false;
  }

  onReady(run: () => void): void {
    this.#onReady = run;
  }

  onGone(run: () => void): void {
    if (this.#state === 'gone') run();
    else this.#onGone = run;
  }

  end(): void {
    if (this.#state === 'gone') return;
    this.#arrive(() => this.#ends.lost());
    this.#over();
  }

  cut(): void {
    this.end();
  }

  /** The client leaves. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'gone';
    this.inGateway(() => this.#over());
  }

  /** It breaks under both of them. */
  break(): void {
    if (this.#state !== 'open') return;
    this.#ends.lost();
    this.close();
  }

  #ready(): void {
    const run = this.#onReady;
    this.#onReady = undefined;
    run?.();
  }

  #over(): void {
    this.#state = 'gone';
    this.#onReady = undefined;
    this.settled();
    const run = this.#onGone;
    this.#onGone = undefined;
    run?.();
  }

  #arrive(run: () => void): void {
    this.#arrivesAt = Math.max(this.#arrivesAt, this.#world.monotonic() + this.#network.latencyMs());
    const arrivesAt = this.#arrivesAt + this.#sent++ * 1e-6;
    this.#world.after(arrivesAt - this.#world.monotonic(), run);
  }
}
