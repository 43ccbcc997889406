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
 * L3  `run` ends: a request without an answer is given up after a while, a run whose server is gone ends early.
 *
 *     connecting ──> warm-up ──> measuring ──> draining ──> ended
 */

import { ArrivalSchedule } from './arrival-schedule.js';
import { type Endpoint, type HttpAnswer, HttpConnection } from './http-connection.js';
import type { LatencySummary } from './latency-histogram.js';
import { LoadTally } from './load-tally.js';

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
  /** A request without an answer is given up. Default 20 s: longer than a held transfer or a command's deadline, 10 s. */
  readonly requestTimeoutMs?: number;
  /** Without one open connection for so long the server counts as gone. Default 5 s. Both are looked at once a second. */
  readonly serverGoneMs?: number;
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

const requestTimeoutDefaultMs = 20_000;
const serverGoneDefaultMs = 5_000;
const connectTimeoutMs = 10_000;
/** Node's shortest timer. Answers also look whether something is due, so this matters only to a quiet server. */
const scheduleTickMs = 1;
/**
 * Requests sent before answers are read again. On a processor shared with the server each one may wake it and wait until it
 * sleeps again, half a ms: a hundred that were due together kept their own answers waiting for 55 ms.
 */
const sendsPerPass = 8;

type Phase = 'connecting' | LoadProgress['phase'] | 'ended';

export class LoadGenerator<Command> {
  readonly #workload: Workload<Command>;
  readonly #plan: LoadPlan;
  readonly #listener: LoadListener;
  readonly #connections: HttpConnection[];
  /** Free connections, while requests wait for their time. One may stand here twice, or be busy again: ask it. */
  readonly #idle: HttpConnection[] = [];
  readonly #commands: (Command | undefined)[];
  /** Per connection: when its request was sent (closed loop) or due (open loop), and when it was really sent. */
  readonly #since: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #tally = new LoadTally();
  #schedule: ArrivalSchedule | undefined;
  #phase: Phase = 'connecting';
  #inFlight = 0;
  /** When the window really began; its end as planned. */
  #windowStart = Number.POSITIVE_INFINITY;
  #windowEnd = 0;
  #backlogMax = 0;
  #unsent = 0;
  #lastOpenAt = 0;
  #isPassDue = false;
  #secondTimer: NodeJS.Timeout | undefined;
  /** Of the phase under way. */
  #second = 0;
  #aborted: string | undefined;
  #ended: (() => void) | undefined;

  constructor(endpoint: Endpoint, workload: Workload<Command>, plan: LoadPlan, listener: LoadListener) {
    this.#workload = workload;
    this.#plan = plan;
    this.#listener = listener;
    this.#commands = new Array<Command | undefined>(plan.connections).fill(undefined);
    this.#since = new Float64Array(plan.connections);
    this.#sentAt = new Float64Array(plan.connections);
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

  get #requestTimeoutMs(): number {
    return this.#plan.requestTimeoutMs ?? requestTimeoutDefaultMs;
  }

  /** Once. Rejects only when the connections could not be opened. */
  async run(): Promise<LoadResult> {
    try {
      await this.#untilConnected();
      await this.#drive();
    } finally {
      for (const connection of this.#connections) connection.close();
    }
    return {
      ...this.#tally.result(),
      backlogMax: this.#backlogMax,
      unsent: this.#unsent,
      ...(this.#aborted === undefined ? {} : { aborted: this.#aborted }),
    };
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
    const { warmUpSeconds, seconds, rate, schedule: gaps, seed } = this.#plan;
    const start = performance.now();
    this.#windowEnd = start + (warmUpSeconds + seconds) * 1_000;
    this.#lastOpenAt = start;
    const timers = [
      setTimeout(() => this.#beginWindow(), warmUpSeconds * 1_000),
      setTimeout(() => this.#endWindow(), (warmUpSeconds + seconds) * 1_000),
    ];
    if (rate !== undefined) {
      this.#schedule = new ArrivalSchedule({ rate, gaps, seed, from: start, until: this.#windowEnd });
      timers.push(setInterval(() => this.#sendDue(), scheduleTickMs));
    }
    this.#enter('warm-up');
    return new Promise<void>((resolve) => {
      this.#ended = () => {
        this.#ended = undefined;
        this.#phase = 'ended';
        for (const timer of [...timers, this.#secondTimer]) clearTimeout(timer);
        resolve();
      };
      for (const connection of this.#idle.splice(0)) this.#free(connection);
    });
  }

  /** Seconds count from the beginning of each phase. */
  #enter(phase: LoadProgress['phase']): void {
    this.#phase = phase;
    this.#second = 0;
    clearInterval(this.#secondTimer);
    this.#secondTimer = setInterval(() => this.#everySecond(), 1_000);
  }

  #beginWindow(): void {
    if (this.#phase !== 'warm-up') return;
    this.#windowStart = performance.now();
    this.#tally.beginWindow(this.#windowStart);
    this.#enter('measuring');
    this.#listener.measuring();
  }

  #endWindow(): void {
    if (this.#phase !== 'measuring') return;
    this.#tally.endWindow(performance.now(), this.#plan.seconds);
    this.#enter('draining');
    this.#listener.measured();
    this.#endIfDrained();
  }

  /** A connection can take a request. */
  #free(connection: HttpConnection): void {
    const isSending = this.#phase === 'warm-up' || this.#phase === 'measuring';
    if (this.#schedule === undefined && isSending) {
      const now = performance.now();
      this.#send(connection, now, now);
    } else {
      this.#idle.push(connection);
      this.#sendDue();
    }
  }

  #sendDue(): void {
    const schedule = this.#schedule;
    if (schedule === undefined || this.#phase === 'ended') return;
    const now = performance.now();
    for (let sent = 0; schedule.isDue(now); ) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (!connection.isIdle) continue;
      if (sent++ === sendsPerPass) {
        this.#idle.push(connection);
        this.#passSoon();
        break;
      }
      this.#send(connection, schedule.next, now);
      schedule.advance();
    }
    this.#endIfDrained();
  }

  /** Sends on after a look at the sockets. */
  #passSoon(): void {
    if (this.#isPassDue) return;
    this.#isPassDue = true;
    setImmediate(() => {
      this.#isPassDue = false;
      this.#sendDue();
    });
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
    const since = this.#since[connection.index] as number;
    const error = this.#workload.answered(this.#take(connection.index), answer);
    if (error === undefined)
      this.#tally.done(now - since, since >= this.#windowStart && since < this.#windowEnd);
    else this.#tally.error(error);
    this.#endIfDrained();
  }

  #lost(connection: HttpConnection, reason: string): void {
    this.#tally.error(`lost ${reason}`);
    this.#workload.lost(this.#take(connection.index), reason);
    this.#endIfDrained();
  }

  #take(index: number): Command {
    const command = this.#commands[index];
    if (command === undefined) throw new Error(`no command in flight on connection ${index}`);
    this.#commands[index] = undefined;
    this.#inFlight--;
    return command;
  }

  #endIfDrained(): void {
    if (this.#phase !== 'draining' || this.#inFlight > 0) return;
    if (this.#schedule === undefined || this.#schedule.isOver) this.#ended?.();
  }

  #everySecond(): void {
    const now = performance.now();
    this.#giveUpOverdue(now);
    if (this.#phase === 'ended' || this.#phase === 'connecting') return;
    const backlog = this.#schedule?.backlog(now) ?? 0;
    this.#backlogMax = Math.max(this.#backlogMax, backlog);
    const errors = this.#tally.errorCount;
    this.#listener.second({
      phase: this.#phase,
      second: ++this.#second,
      errors,
      backlog,
      ...this.#tally.endSecond(),
    });
    if (this.#connections.some((connection) => connection.isOpen)) this.#lastOpenAt = now;
    const { serverGoneMs = serverGoneDefaultMs } = this.#plan;
    if (now - this.#lastOpenAt > serverGoneMs) this.#abort('the server is gone');
    else if (now > this.#windowEnd + this.#requestTimeoutMs) this.#abort('not drained in time');
  }

  #giveUpOverdue(now: number): void {
    for (const connection of this.#connections) {
      if (this.#commands[connection.index] === undefined) continue;
      if (now - (this.#sentAt[connection.index] as number) > this.#requestTimeoutMs)
        connection.abandon('timeout');
    }
  }

  #abort(reason: string): void {
    this.#aborted = reason;
    this.#unsent = this.#schedule?.takeRest() ?? 0;
    this.#beginWindow();
    this.#endWindow();
    for (const connection of this.#connections) connection.close();
    this.#endIfDrained();
  }
}
