/**
 * Kills a server, or its store, or both, under load again and again and checks after each restart that nothing acknowledged was lost, nothing
 * was applied twice and the books are exact (`reliability.md` I1, I2, I8, I10, I14, I15).
 *
 *     start ──> load ──> kill -9 ──> start ──> ask again what is unknown ──> sagas end ──> check ──┐
 *                 ^                                                                                 │
 *                 └──────────────────────────── next round, same data ─────────────────────────────┘
 */
import { HttpClient, inParallel } from '../../bench/http-client.js';
import { headerOf } from '../../bench/http-connection.js';
import { xorshift } from '../../bench/seeded-random.js';
import { ServerProcess } from '../../bench/server-process.js';
import { Violations } from '../../bench/violations.js';
import type { RedisServer } from '../support/redis-server.js';
import { BankBooks, openedAmount } from './bank-books.js';
import { BankClients } from './bank-clients.js';
import { requestOf } from './bank-command.js';
import type { CommandRecord } from './command-history.js';

export interface CrashOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly clientCount: number;
  readonly accountCount: number;
  /** The kill comes this long after the load began, evenly drawn. */
  readonly killAfterMs: { readonly least: number; readonly most: number };
  /** Kept by the caller, for a look at what went wrong. */
  readonly dataDirectory: string;
  readonly store: string;
  readonly serverArgs: readonly string[];
  /** The server of `store`, when it may be killed as well: then node, store and both have their turns. */
  readonly redis?: RedisServer;
}

export type Victim = 'node' | 'store' | 'both';

export interface RoundReport {
  readonly round: number;
  readonly victim: Victim;
  readonly killedAfterMs: number;
  readonly commands: number;
  /** Commands with a request that was sent and not answered when the kill came. */
  readonly unanswered: number;
  /** Commands without a definite answer before the restart, by what the restarted server said of them. */
  readonly wereApplied: number;
  readonly wereNot: number;
  readonly refused: number;
  /** From the start of what was killed until a command had a definite answer again; a node that is ready gives one. */
  readonly restartMs: number;
}

export interface CrashReport {
  readonly rounds: readonly RoundReport[];
  readonly violations: readonly string[];
  readonly violationCount: number;
}

const settleWidth = 64;
const turns: readonly Victim[] = ['node', 'store', 'both'];
const sagaWaitSeconds = 30;
const lastWordsLines = 15;
/** Tokens live an hour. */
const tokenRenewMs = 20 * 60_000;

/**
 * Stops after the first round with violations; a server that does not start or does not answer is one. The last
 * violation is what the server wrote.
 */
export async function runCrashRounds(
  options: CrashOptions,
  onRound: (round: RoundReport) => void = () => {},
): Promise<CrashReport> {
  const violations = new Violations();
  const rounds: RoundReport[] = [];
  const run = new CrashRun(options, violations);
  try {
    await run.begin();
    for (let round = 1; round <= options.rounds && violations.count === 0; round++) {
      const report = await run.round(round);
      rounds.push(report);
      onRound(report);
    }
    if (violations.count === 0) await run.checkEverything();
  } catch (error) {
    violations.add(error instanceof Error ? error.message : String(error));
  } finally {
    await run.end();
  }
  if (violations.count > 0) violations.add(`the server's last words: ${run.serverOutput}`);
  return { rounds, violations: violations.first, violationCount: violations.count };
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #violations: Violations;
  readonly #accountIds: readonly string[];
  readonly #random: () => number;
  readonly #books: BankBooks;
  #server: ServerProcess | undefined;
  #token = '';
  #tokenAt = Number.NEGATIVE_INFINITY;

  constructor(options: CrashOptions, violations: Violations) {
    this.#options = options;
    this.#violations = violations;
    this.#random = xorshift(options.seed);
    this.#accountIds = Array.from({ length: options.accountCount }, (_, index) => `crash-${index}`);
    this.#books = new BankBooks(this.#accountIds, () => this.#token);
  }

  async begin(): Promise<void> {
    const server = await this.#start();
    await withClient(server, async (client) => {
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

  async round(round: number): Promise<RoundReport> {
    const { seed, clientCount, killAfterMs } = this.#options;
    const before = this.#running();
    const clients = new BankClients({
      endpoint: before.endpoint,
      token: this.#token,
      accountIds: this.#accountIds,
      clientCount,
      name: `${seed}-${round}`,
      seed: seed * 1_000_003 + round * 104_729,
      violations: this.#violations,
    });
    const killedAfterMs = killAfterMs.least + this.#random() * (killAfterMs.most - killAfterMs.least);
    await new Promise((resolve) => setTimeout(resolve, killedAfterMs));
    const { unanswered } = clients;
    const victim = this.#options.redis === undefined ? 'node' : (turns[round % turns.length] as Victim);
    const killed = this.#kill(before, victim);
    await clients.end();
    await killed;
    const startedAt = performance.now();
    const after = await this.#restart(before, victim);
    const restartMs = Math.round(performance.now() - startedAt);
    const settled = await this.#settle(after, clients.records);
    await withClient(after, (client) => this.#books.check(client, this.#violations));
    return {
      round,
      victim,
      killedAfterMs: Math.round(killedAfterMs),
      commands: clients.records.length,
      unanswered,
      ...settled,
      refused: clients.records.filter(({ standing }) => standing.type === 'refused').length,
      restartMs,
    };
  }

  async checkEverything(): Promise<void> {
    await withClient(this.#running(), (client) => this.#books.checkEverything(client, this.#violations));
  }

  get serverOutput(): string {
    return (this.#server?.output ?? '').trimEnd().split('\n').slice(-lastWordsLines).join('\n');
  }

  async end(): Promise<void> {
    await this.#server?.kill();
  }

  async #kill(server: ServerProcess, victim: Victim): Promise<void> {
    const { redis } = this.#options;
    await Promise.all([
      victim === 'store' ? undefined : server.kill(),
      victim === 'node' ? undefined : redis?.kill(),
    ]);
  }

  /** A node whose store alone was killed must go on by itself. */
  async #restart(server: ServerProcess, victim: Victim): Promise<ServerProcess> {
    if (victim !== 'node') await this.#options.redis?.start();
    if (victim !== 'store') return this.#start();
    if (!server.isRunning) throw new Error('the node ended because its store did');
    const probe = {
      method: 'POST',
      path: '/api/v1/accounts',
      token: this.#token,
      idempotencyKey: 'probe',
    } as const;
    const body = { account_id: 'crash-probe', account_type: 'checking', currency: 'USD' };
    await withClient(server, (client) =>
      client.insist({ ...probe, body: JSON.stringify(body) }).then(() => {}),
    );
    return server;
  }

  /** Makes every command definite and every saga ended, and books what took effect. */
  async #settle(server: ServerProcess, records: readonly CommandRecord[]) {
    let wereApplied = 0;
    let wereNot = 0;
    await withClient(server, async (client) => {
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
    return { wereApplied, wereNot };
  }

  /** True when the answer was recorded before the kill. */
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

  async #start(): Promise<ServerProcess> {
    const { dataDirectory, store, serverArgs } = this.#options;
    const args = ['--log-level', 'warn', '--store', store, ...serverArgs];
    this.#server = await ServerProcess.start({ dataDirectory, args });
    if (performance.now() - this.#tokenAt > tokenRenewMs) {
      this.#token = await this.#server.token('crash', 'bench');
      this.#tokenAt = performance.now();
    }
    return this.#server;
  }

  #running(): ServerProcess {
    if (this.#server === undefined) throw new Error('begin comes first');
    return this.#server;
  }
}

/** What the load provokes on purpose: withdrawals over the daily limit or the balance, transfers of too much. */
const expectedRefusals: ReadonlySet<string> = new Set([
  '409 insufficient-funds',
  '409 daily-limit-exceeded',
  'compensated',
]);

async function withClient(server: ServerProcess, use: (client: HttpClient) => Promise<void>): Promise<void> {
  const client = new HttpClient(server.endpoint, settleWidth);
  try {
    await use(client);
  } finally {
    client.close();
  }
}
