/**
 * Drives a server with one workload over N connections and measures it. Runs in a process of its own (`load-process.ts`).
 *
 * *Closed loop*: each connection sends its next request when its answer is there; latency counts from the send.
 * *Open loop*: requests are due by a schedule that ignores the server. A request that finds no free connection waits, and
 * its latency counts from the moment it was due, so a stalled server shows as the latency its users would have seen
 * (no coordinated omission).
 *
 * L1  Every command handed out by the workload ends in exactly one of `answered` and `lost` before `run` resolves.
 * L2  A latency belongs to the measurement when its request was sent (closed) or due (open) inside the measured window;
 *     the rate counts the answers that came inside it.
 * L3  `run` ends: a request without an answer is given up after `requestTimeoutMs`, a run whose server is gone ends early.
 *
 *     connecting ──> warm-up ──> measuring ──> draining ──> ended
 */

import { type Endpoint, type HttpAnswer, HttpConnection } from './http-connection.js';
import type { LatencySummary } from './latency-histogram.js';
import { type Histogram, newHistogram, summarise } from './latency-histogram.js';

/** What is sent and what its answers mean. Commands are opaque to the generator. */
export interface Workload<Command> {
  next(): Command;
  /** The bytes of a request; unchanged until its answer. `connection` counts from 0: one buffer each is enough. */
  encode(command: Command, connection: number): Buffer;
  /** Books the answer; undefined when it counts as done, else the short word to count it under as an error. */
  answered(command: Command, answer: HttpAnswer): string | undefined;
  /** The command may or may not have been executed. */
  lost(command: Command, reason: string): void;
}

export interface LoadPlan {
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Requests per second; absent for a closed loop. */
  readonly rate?: number;
  /** Gaps of the open loop: exponential (independent users) or all equal. */
  readonly schedule: 'poisson' | 'constant';
  readonly seed: number;
}

export interface LoadProgress {
  readonly phase: 'warm-up' | 'measuring' | 'draining';
  readonly second: number;
  readonly done: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly backlog: number;
}

export interface LoadResult {
  /** Answers that count, inside the window. */
  readonly done: number;
  readonly rate: number;
  readonly latency: LatencySummary;
  /** By status and code, warm-up included. Empty when everything went well. */
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  /** Answers that count in each second of the window. */
  readonly perSecond: readonly number[];
  /** Open loop: the most requests that were due and not sent, and those never sent because the run ended. */
  readonly backlogMax: number;
  readonly unsent: number;
  /** CPU time of this process during the window, seconds. */
  readonly cpuSeconds: number;
  /** Set when the run ended before its time. */
  readonly aborted?: string;
}

export interface LoadListener {
  readonly measuring: () => void;
  readonly measured: () => void;
  readonly second: (progress: LoadProgress) => void;
}

/** Longer than a held transfer (10 s) and a command's deadline (10 s). */
const requestTimeoutMs = 20_000;
const connectTimeoutMs = 10_000;
/** Without one open connection for so long the server counts as gone. */
const serverGoneMs = 5_000;
const errorKindsMax = 50;
/** Node's shortest timer. Answers also look whether something is due, so this matters only to a quiet server. */
const scheduleTickMs = 1;

type Phase = 'connecting' | LoadProgress['phase'] | 'ended';

export class LoadGenerator<Command> {
  readonly #workload: Workload<Command>;
  readonly #plan: LoadPlan;
  readonly #listener: LoadListener;
  readonly #connections: HttpConnection[];
  readonly #idle: HttpConnection[] = [];
  readonly #commands: (Command | undefined)[];
  /** Per connection: when its request was sent (closed loop) or due (open loop), and whether it was really sent. */
  readonly #since: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #latencies: Histogram = newHistogram();
  #secondLatencies: Histogram = newHistogram();
  readonly #errors = new Map<string, number>();
  readonly #perSecond: number[] = [];
  readonly #random: () => number;
  #phase: Phase = 'connecting';
  #inFlight = 0;
  /** Real beginning and real length; the planned end only bounds the schedule of the open loop. */
  #windowStart = Number.POSITIVE_INFINITY;
  #windowSeconds = 0;
  #windowEnd = 0;
  #nextDue = 0;
  #doneInSecond = 0;
  #errorCount = 0;
  #done = 0;
  #backlogMax = 0;
  #unsent = 0;
  #lastOpenAt = 0;
  #secondTimer: NodeJS.Timeout | undefined;
  #second = 0;
  #cpuSeconds = 0;
  #aborted: string | undefined;
  #ended: (() => void) | undefined;

  constructor(endpoint: Endpoint, workload: Workload<Command>, plan: LoadPlan, listener: LoadListener) {
    this.#workload = workload;
    this.#plan = plan;
    this.#listener = listener;
    this.#commands = new Array<Command | undefined>(plan.connections).fill(undefined);
    this.#since = new Float64Array(plan.connections);
    this.#sentAt = new Float64Array(plan.connections);
    this.#random = xorshift(plan.seed);
    const events = {
      idle: (connection: HttpConnection) => this.#free(connection),
      answered: (connection: HttpConnection, answer: HttpAnswer) => this.#answered(connection, answer),
      lost: (connection: HttpConnection, reason: string) => this.#lost(connection, reason),
    };
    this.#connections = Array.from(
      { length: plan.connections },
      (_, index) => new HttpConnection(index, endpoint, events),
    );
  }

  /** Once. Rejects only when no connection could be opened. */
  async run(): Promise<LoadResult> {
    try {
      await this.#untilConnected();
      await this.#drive();
    } finally {
      for (const connection of this.#connections) connection.close();
    }
    return this.#result();
  }

  async #untilConnected(): Promise<void> {
    const deadline = performance.now() + connectTimeoutMs;
    while (this.#idle.length < this.#plan.connections) {
      if (performance.now() > deadline)
        throw new Error(`only ${this.#idle.length} of ${this.#plan.connections} connections opened`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #drive(): Promise<void> {
    const { warmUpSeconds, seconds, rate } = this.#plan;
    const start = performance.now();
    this.#windowEnd = start + (warmUpSeconds + seconds) * 1_000;
    this.#nextDue = start;
    this.#lastOpenAt = start;
    this.#phase = 'warm-up';
    const timers = [
      setTimeout(() => this.#beginWindow(), warmUpSeconds * 1_000),
      setTimeout(() => this.#endWindow(), (warmUpSeconds + seconds) * 1_000),
    ];
    if (rate !== undefined) timers.push(setInterval(() => this.#sendDue(), scheduleTickMs));
    this.#countSecondsAnew();
    return new Promise<void>((resolve) => {
      this.#ended = () => {
        this.#ended = undefined;
        this.#phase = 'ended';
        for (const timer of timers) clearTimeout(timer);
        clearInterval(this.#secondTimer);
        resolve();
      };
      for (const connection of this.#idle.splice(0)) this.#free(connection);
    });
  }

  #beginWindow(): void {
    this.#phase = 'measuring';
    this.#windowStart = performance.now();
    this.#doneInSecond = 0;
    this.#countSecondsAnew();
    this.#cpuSeconds = -cpuSecondsNow();
    this.#listener.measuring();
  }

  #endWindow(): void {
    if (this.#phase !== 'measuring') return;
    this.#windowSeconds = (performance.now() - this.#windowStart) / 1_000;
    if (this.#perSecond.length < this.#plan.seconds) this.#everySecond();
    else this.#perSecond[this.#perSecond.length - 1]! += this.#doneInSecond;
    this.#phase = 'draining';
    this.#countSecondsAnew();
    this.#cpuSeconds += cpuSecondsNow();
    this.#listener.measured();
    this.#endIfDrained();
  }

  /** Seconds count from the beginning of each phase. */
  #countSecondsAnew(): void {
    clearInterval(this.#secondTimer);
    this.#second = 0;
    this.#secondTimer = setInterval(() => this.#everySecond(), 1_000);
  }

  /** A connection can take a request. */
  #free(connection: HttpConnection): void {
    if (this.#plan.rate !== undefined || this.#phase === 'connecting') {
      this.#idle.push(connection);
      if (this.#phase !== 'connecting') this.#sendDue();
    } else if (this.#phase !== 'draining' && this.#phase !== 'ended') {
      const now = performance.now();
      this.#send(connection, now, now);
    }
  }

  #sendDue(): void {
    if (this.#phase === 'ended') return;
    const now = performance.now();
    while (this.#nextDue <= now && this.#nextDue < this.#windowEnd) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (!connection.isIdle) continue;
      this.#send(connection, this.#nextDue, now);
      this.#nextDue += this.#gapMs();
    }
    this.#endIfDrained();
  }

  #gapMs(): number {
    const mean = 1_000 / (this.#plan.rate as number);
    return this.#plan.schedule === 'constant' ? mean : -mean * Math.log(1 - this.#random());
  }

  #send(connection: HttpConnection, since: number, now: number): void {
    const { index } = connection;
    const command = this.#workload.next();
    this.#commands[index] = command;
    this.#since[index] = since;
    this.#sentAt[index] = now;
    this.#inFlight++;
    connection.send(this.#workload.encode(command, index));
  }

  #answered(connection: HttpConnection, answer: HttpAnswer): void {
    const now = performance.now();
    const command = this.#take(connection.index);
    const error = this.#workload.answered(command, answer);
    const since = this.#since[connection.index] as number;
    if (error !== undefined) this.#countError(error);
    else {
      this.#doneInSecond++;
      if (this.#phase === 'measuring') this.#done++;
    }
    const micros = Math.max(1, Math.round((now - since) * 1_000));
    if (since >= this.#windowStart && since < this.#windowEnd) this.#latencies.recordValue(micros);
    this.#secondLatencies.recordValue(micros);
    if (this.#phase === 'draining') this.#endIfDrained();
  }

  #lost(connection: HttpConnection, reason: string): void {
    this.#countError(`lost ${reason}`);
    this.#workload.lost(this.#take(connection.index), reason);
    if (this.#phase === 'draining') this.#endIfDrained();
  }

  #take(index: number): Command {
    const command = this.#commands[index];
    if (command === undefined) throw new Error(`no command in flight on connection ${index}`);
    this.#commands[index] = undefined;
    this.#inFlight--;
    return command;
  }

  #countError(kind: string): void {
    this.#errorCount++;
    const name = this.#errors.has(kind) || this.#errors.size < errorKindsMax ? kind : 'other';
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }

  #endIfDrained(): void {
    if (this.#phase !== 'draining' || this.#inFlight > 0) return;
    if (this.#plan.rate !== undefined && this.#nextDue < this.#windowEnd && this.#aborted === undefined)
      return;
    this.#ended?.();
  }

  #everySecond(): void {
    const now = performance.now();
    this.#giveUpOverdue(now);
    const backlog = this.#backlog(now);
    this.#backlogMax = Math.max(this.#backlogMax, backlog);
    if (this.#phase !== 'ended' && this.#phase !== 'connecting') this.#reportSecond(backlog);
    if (this.#connections.some((connection) => connection.isOpen)) this.#lastOpenAt = now;
    else if (now - this.#lastOpenAt > serverGoneMs) this.#abort('the server is gone');
    if (this.#phase === 'draining' && now > this.#windowEnd + requestTimeoutMs)
      this.#abort('not drained in time');
  }

  #reportSecond(backlog: number): void {
    const { p50Ms, p99Ms } = summarise(this.#secondLatencies);
    const phase = this.#phase as LoadProgress['phase'];
    const second = ++this.#second;
    this.#listener.second({
      phase,
      second,
      done: this.#doneInSecond,
      errors: this.#errorCount,
      p50Ms,
      p99Ms,
      backlog,
    });
    if (phase === 'measuring') this.#perSecond.push(this.#doneInSecond);
    this.#doneInSecond = 0;
    this.#secondLatencies.reset();
  }

  #backlog(now: number): number {
    if (this.#plan.rate === undefined) return 0;
    const late = Math.min(now, this.#windowEnd) - this.#nextDue;
    return Math.max(0, Math.floor((late * this.#plan.rate) / 1_000));
  }

  #giveUpOverdue(now: number): void {
    for (const connection of this.#connections) {
      if (this.#commands[connection.index] === undefined) continue;
      if (now - (this.#sentAt[connection.index] as number) > requestTimeoutMs) connection.abandon('timeout');
    }
  }

  #abort(reason: string): void {
    if (this.#phase === 'ended') return;
    this.#aborted = reason;
    if (this.#phase === 'measuring') this.#endWindow();
    this.#phase = 'draining';
    for (const connection of this.#connections) connection.close();
    this.#endIfDrained();
  }

  #result(): LoadResult {
    if (this.#plan.rate !== undefined) {
      while (this.#nextDue < this.#windowEnd) {
        this.#unsent++;
        this.#nextDue += this.#gapMs();
      }
    }
    return {
      done: this.#done,
      rate: this.#windowSeconds === 0 ? 0 : this.#done / this.#windowSeconds,
      latency: summarise(this.#latencies),
      errors: Object.fromEntries(this.#errors),
      errorCount: this.#errorCount,
      perSecond: this.#perSecond,
      backlogMax: this.#backlogMax,
      unsent: this.#unsent,
      cpuSeconds: this.#cpuSeconds,
      ...(this.#aborted === undefined ? {} : { aborted: this.#aborted }),
    };
  }
}

function cpuSecondsNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Marsaglia's xorshift32 in [0, 1): a seed replays its schedule and its choices. */
export function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4_294_967_296;
  };
}
