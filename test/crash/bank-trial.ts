/**
 * A bank under load whose server may end at any moment, and the proof that it kept its word: rounds of clients, then
 * everything unknown is asked again, every saga is waited for, and the books are compared with what was answered.
 */
import { HttpClient, inParallel } from '../../bench/http-client.js';
import { headerOf } from '../../bench/http-connection.js';
import { type ServerOptions, ServerProcess } from '../../bench/server-process.js';
import type { Violations } from '../../bench/violations.js';
import { BankBooks, openedAmount } from './bank-books.js';
import { BankClients } from './bank-clients.js';
import { requestOf } from './bank-command.js';
import type { CommandRecord } from './command-history.js';

export interface BankTrialOptions {
  readonly seed: number;
  readonly clientCount: number;
  readonly accountCount: number;
  /** Kept by the caller, for a look at what went wrong. */
  readonly dataDirectory: string;
  readonly store: string;
  readonly serverArgs: readonly string[];
}

export interface Settled {
  /** Commands without a definite answer before, by what the server said of them afterwards. */
  readonly wereApplied: number;
  readonly wereNot: number;
}

const settleWidth = 64;
const sagaWaitSeconds = 30;
const lastWordsLines = 15;
/** Tokens live an hour. */
const tokenRenewMs = 20 * 60_000;

export class BankTrial {
  readonly #options: BankTrialOptions;
  readonly #violations: Violations;
  readonly #accountIds: readonly string[];
  readonly #books: BankBooks;
  #server: ServerProcess | undefined;
  #token = '';
  #tokenAt = Number.NEGATIVE_INFINITY;

  constructor(options: BankTrialOptions, violations: Violations) {
    this.#options = options;
    this.#violations = violations;
    this.#accountIds = Array.from({ length: options.accountCount }, (_, index) => `crash-${index}`);
    this.#books = new BankBooks(this.#accountIds, () => this.#token);
  }

  /** Starts a server on the same data. */
  async start(more: Pick<ServerOptions, 'env' | 'wrapper'> = {}): Promise<ServerProcess> {
    const { dataDirectory, store, serverArgs } = this.#options;
    const args = ['--log-level', 'warn', '--store', store, ...serverArgs];
    this.#server = await ServerProcess.start({ dataDirectory, args, ...more });
    if (performance.now() - this.#tokenAt > tokenRenewMs) {
      this.#token = await this.#server.token('crash', 'bench');
      this.#tokenAt = performance.now();
    }
    return this.#server;
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error('start comes first');
    return this.#server;
  }

  get serverOutput(): string {
    return (this.#server?.output ?? '').trimEnd().split('\n').slice(-lastWordsLines).join('\n');
  }

  async openAccounts(): Promise<void> {
    await this.#withClient(async (client) => {
      await inParallel(this.#accountIds.length, settleWidth, async (index) => {
        const account_id = this.#accountIds[index] as string;
        const body = { account_id, account_type: 'checking', currency: 'USD', initial_deposit: openedAmount };
        const answer = await client.insist({
          method: 'POST',
          path: '/api/v1/accounts',
          token: this.#token,
          idempotencyKey: `open-${account_id}`,
          body: JSON.stringify(body),
        });
        if (answer.status !== 201) throw new Error(`opening ${account_id}: ${answer.status} ${answer.body}`);
      });
    });
  }

  /** Begins to ask, until the clients are ended. */
  load(round: number): BankClients {
    const { seed, clientCount } = this.#options;
    return new BankClients({
      endpoint: this.server.endpoint,
      token: this.#token,
      accountIds: this.#accountIds,
      clientCount,
      name: `${seed}-${round}`,
      seed: seed * 1_000_003 + round * 104_729,
      violations: this.#violations,
    });
  }

  /** Resolves when a command has a definite answer. */
  async probe(): Promise<void> {
    const body = { account_id: 'crash-probe', account_type: 'checking', currency: 'USD' };
    await this.#withClient(async (client) => {
      await client.insist({
        method: 'POST',
        path: '/api/v1/accounts',
        token: this.#token,
        idempotencyKey: 'probe',
        body: JSON.stringify(body),
      });
    });
  }

  /** Makes every command definite and every saga ended, books what took effect, and compares the books. */
  async settle(records: readonly CommandRecord[]): Promise<Settled> {
    let wereApplied = 0;
    let wereNot = 0;
    await this.#withClient(async (client) => {
      await inParallel(records.length, settleWidth, async (index) => {
        const record = records[index] as CommandRecord;
        if (record.standing.type === 'unknown') {
          const wasApplied = await this.#askAgain(client, record);
          if (wasApplied) wereApplied++;
          else wereNot++;
        }
        if (record.standing.type === 'accepted') await this.#awaitSaga(client, record, record.standing.id);
      });
    });
    // In the order of asking; the order in a statement is the bank's.
    for (const { standing, command } of records) {
      if (standing.type === 'applied') this.#books.apply(command, standing.id);
      else if (standing.type !== 'refused') this.#violations.add(`${command.key} is still ${standing.type}`);
      else if (!expectedRefusals.has(standing.code)) this.#violations.add(`${command.key}: ${standing.code}`);
    }
    await this.#withClient((client) => this.#books.check(client, this.#violations));
    return { wereApplied, wereNot };
  }

  /** What a server says of every account: status, view and the newest lines of its statement. */
  async readAll(server: ServerProcess): Promise<readonly string[]> {
    const texts: string[] = [];
    const client = new HttpClient(server.endpoint, settleWidth);
    try {
      await inParallel(this.#accountIds.length, settleWidth, async (index) => {
        const path = `/api/v1/accounts/${this.#accountIds[index]}`;
        const answers: string[] = [];
        for (const asked of [path, `${path}/transactions?limit=50`]) {
          const reply = await client.ask({ method: 'GET', path: asked, token: this.#token });
          answers.push(
            reply.type === 'answer' ? `${reply.answer.status} ${reply.answer.body}` : `503 ${reply.reason}`,
          );
        }
        texts[index] = answers.find((text) => !text.startsWith('200')) ?? answers.join('\n');
      });
    } finally {
      client.close();
    }
    return texts;
  }

  /** Every line of every account, from its first. */
  async checkEverything(): Promise<void> {
    await this.#withClient((client) => this.#books.checkEverything(client, this.#violations));
  }

  async end(): Promise<void> {
    await this.#server?.kill();
  }

  /** True when the answer was recorded before. */
  async #askAgain(client: HttpClient, record: CommandRecord): Promise<boolean> {
    const answer = await client.insist(requestOf(record.command, this.#accountIds, this.#token));
    record.answered(answer, this.#violations);
    return headerOf(answer, 'idempotency-replayed') === 'true';
  }

  async #awaitSaga(client: HttpClient, record: CommandRecord, id: string): Promise<void> {
    const path = `/api/v1/transfers/${id}?wait=${sagaWaitSeconds}`;
    const answer = await client.insist({ method: 'GET', path, token: this.#token });
    if (answer.status === 200) record.ended(answer, this.#violations);
    else
      this.#violations.add(`${record.command.key}: its saga ${id} answers ${answer.status} ${answer.body}`);
  }

  async #withClient(use: (client: HttpClient) => Promise<void>): Promise<void> {
    const client = new HttpClient(this.server.endpoint, settleWidth);
    try {
      await use(client);
    } finally {
      client.close();
    }
  }
}

/** What the load provokes on purpose: withdrawals over the daily limit or the balance, transfers of too much. */
const expectedRefusals: ReadonlySet<string> = new Set([
  '409 insufficient-funds',
  '409 daily-limit-exceeded',
  'compensated',
]);
