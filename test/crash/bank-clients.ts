/**
 * The clients of one round: each asks for one command after another until the round is over.
 */
import { HttpClient } from '../../bench/http-client.js';
import type { Endpoint } from '../../bench/http-connection.js';
import type { Violations } from '../../bench/violations.js';
import { CommandSource, requestOf } from './bank-command.js';
import { CommandRecord } from './command-history.js';

export interface ClientsOptions {
  readonly endpoint: Endpoint;
  readonly token: string;
  readonly accountIds: readonly string[];
  readonly clientCount: number;
  /** Begins every key of the round. */
  readonly name: string;
  readonly seed: number;
  readonly violations: Violations;
}

/** For parallel copies, beyond one connection per client. */
const spareConnections = 32;

export class BankClients {
  /** Everything asked, in the order of asking. */
  readonly records: CommandRecord[] = [];
  readonly #options: ClientsOptions;
  readonly #http: HttpClient;
  readonly #running: Promise<unknown>;
  #isOver = false;

  /** Begins at once. */
  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#http = new HttpClient(options.endpoint, options.clientCount + spareConnections);
    this.#running = Promise.all(
      Array.from({ length: options.clientCount }, (_, index) => this.#client(index)),
    );
  }

  /** Commands with a copy that is sent and not answered. */
  get unanswered(): number {
    return this.records.reduce((count, record) => count + (record.inFlight > 0 ? 1 : 0), 0);
  }

  /** No further command is begun; resolves when every copy was answered or lost. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#http.close();
    await this.#running;
  }

  async #client(index: number): Promise<void> {
    const { name, seed, accountIds } = this.#options;
    const source = new CommandSource(`${name}-${index}`, seed + index * 7919, accountIds.length);
    while (!this.#isOver) {
      const record = new CommandRecord(source.next());
      this.records.push(record);
      await this.#askCopies(record);
    }
  }

  async #askCopies(record: CommandRecord): Promise<void> {
    const { copies, isParallel } = record.command;
    if (isParallel) {
      await Promise.all(Array.from({ length: copies }, () => this.#ask(record)));
    } else {
      for (let copy = 0; copy < copies && !this.#isOver; copy++) await this.#ask(record);
    }
  }

  async #ask(record: CommandRecord): Promise<void> {
    const { accountIds, token, violations } = this.#options;
    record.inFlight++;
    const reply = await this.#http.ask(requestOf(record.command, accountIds, token));
    record.inFlight--;
    if (reply.type === 'answer') record.answered(reply.answer, violations);
  }
}
