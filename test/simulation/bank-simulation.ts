/**
 * A bank under everything that may befall it, on virtual time and from one seed: clients that deposit and transfer and repeat
 * until they have a definite answer, a store that is slow, loses requests and replies, and refuses, processes that die or
 * stop in order and start again. The code under it is the product's own.
 *
 * The same seed gives the same run: `trace` is a hash over every answer and every write with its virtual time.
 */
import { createHash } from 'node:crypto';
import { accountContract } from '../../actors/banking/account-contract.js';
import { bankingModule } from '../../actors/banking/banking.js';
import { paymentTransfer } from '../../actors/banking/payment-transfer.js';
import { placedId } from '../../actors/model/address.js';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { isFinal, type SagaStatus } from '../../actors/model/saga.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import type { MemoryFaults, WriteFault } from '../../persistence/memory/memory-faults.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import { executionsByCommand, type ScannedRecord, scanJournal } from '../support/journal-scan.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type Ask, TestSystem } from '../support/test-system.js';
import { VirtualClock } from '../support/virtual-clock.js';

export interface BankRun {
  readonly trace: string;
  readonly deposits: number;
  readonly transfers: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly replayed: number;
}

const accountCount = 6;
const clientCount = 5;
const operationsPerClient = 6;
const lifeMs = 400;

interface Operation {
  readonly type: 'deposit' | 'transfer';
  readonly key: string;
  readonly account: string;
  readonly receiver: string;
  readonly cents: number;
}

/** Runs one seed to its end. Throws, saying what does not hold, at the first violation. */
export async function simulateBank(seed: number): Promise<BankRun> {
  return new BankSimulation(seed).run();
}

class BankSimulation {
  readonly #seed: number;
  readonly #chance: SeededRandom;
  readonly #clock: VirtualClock;
  readonly #disk: MemoryDisk;
  readonly #hash = createHash('sha256');
  readonly #faultCounts: Record<string, number> = {};
  readonly #accounts = Array.from({ length: accountCount }, (_, index) => `acc-${index}`);
  readonly #definite = new Map<Operation, ActorAnswer>();
  readonly #shardCount: number;
  #faultsOn = true;
  #crashes = 0;
  #replayed = 0;
  #operationCount = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = new SeededRandom(seed);
    const schedule = new SeededRandom(seed ^ 0x5bd1e995);
    this.#clock = new VirtualClock({ fraction: schedule.fraction });
    this.#disk = new MemoryDisk(this.#chance.pick([2, 4, 6]));
    this.#shardCount = this.#chance.pick([1, 1, 2, 3]);
  }

  async run(): Promise<BankRun> {
    let bank = await this.#start();
    const clients = Array.from({ length: clientCount }, () => new Client(() => this.#operation()));
    for (let life = 0; clients.some((client) => !client.isDone); life++) {
      if (life > 200) throw new Error('clients never come to an end');
      if (life > 12) this.#faultsOn = false;
      await this.#live(bank, clients);
      bank = await this.#renew(bank, clients);
    }
    this.#faultsOn = false;
    bank = await this.#renew(bank, clients);
    await this.#check(bank);
    await bank.stop();
    const again = await this.#start();
    await this.#checkReopened(again);
    await again.stop();
    return {
      trace: this.#hash.digest('hex'),
      deposits: [...this.#definite.keys()].filter(({ type }) => type === 'deposit').length,
      transfers: this.#outcomes,
      crashes: this.#crashes,
      faults: this.#faultCounts,
      replayed: this.#replayed,
    };
  }

  readonly #outcomes: Record<string, number> = {};

  /** Lets clients work until they are done or this process has lived long enough. */
  async #live(bank: TestSystem, clients: readonly Client[]): Promise<void> {
    const endsAt = this.#clock.monotonic() + 20 + this.#chance.below(lifeMs);
    while (this.#clock.monotonic() < endsAt && bank.fatal.length === 0) {
      if (clients.every((client) => client.isDone)) return;
      for (const client of clients) this.#drive(bank, client);
      await this.#clock.advance(1 + this.#chance.below(10));
    }
  }

  #drive(bank: TestSystem, client: Client): void {
    const { operation } = client;
    if (operation === undefined) return;
    if (client.ask !== undefined) {
      const { answer } = client.ask;
      if (answer === undefined) return;
      this.#note('answer', operation.key, answer.type, answer.type === 'reply' ? '' : answer.code);
      client.ask = undefined;
      if (answer.type !== 'failure') {
        if (answer.replayed) this.#replayed++;
        this.#definite.set(operation, answer);
        client.next();
        return;
      }
    }
    client.ask = this.#submit(bank, operation);
  }

  #submit(bank: TestSystem, operation: Operation): Ask {
    const { key, account, receiver, cents } = operation;
    const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
    if (operation.type === 'deposit') {
      return bank.submitKeyed(
        commandCall(accountContract, account, 'deposit', { amount, currency: 'USD' }),
        key,
      );
    }
    return bank.submitKeyed(
      {
        type: 'command',
        kind: paymentTransfer.name,
        id: transferId(operation),
        command: 'start',
        payload: {
          sender_account_id: account,
          receiver_account_id: receiver,
          amount,
          currency: 'USD',
          description: '',
        },
        ...(this.#chance.below(2) === 0 ? { waitMs: 200 } : {}),
      },
      key,
    );
  }

  #operation(): Operation | undefined {
    const number = this.#operationCount++;
    const account = this.#chance.pick(this.#accounts);
    const others = this.#accounts.filter((other) => other !== account);
    return {
      type: this.#chance.below(5) < 2 ? 'deposit' : 'transfer',
      key: `k${this.#seed}x${number}`,
      account,
      // Nobody has opened the ghost's account: its credit is refused and the hold released.
      receiver: this.#chance.below(10) === 0 ? 'ghost' : this.#chance.pick(others),
      cents: 1 + this.#chance.below(20_000),
    };
  }

  /** Ends the process, one way or another, and starts the next. */
  async #renew(bank: TestSystem, clients: readonly Client[]): Promise<TestSystem> {
    const way =
      this.#faultsOn && bank.fatal.length === 0 ? this.#chance.pick(['power', 'process', 'stop']) : 'power';
    if (way === 'stop') {
      await bank.stop();
      this.#note('stopped');
      for (const client of clients) {
        const code = client.ask?.answer;
        if (client.ask !== undefined && code === undefined)
          throw new Error('a call had no answer when the node stopped');
      }
    } else {
      this.#disk.crash(way === 'power' ? 'power' : 'process');
      this.#clock.forget();
      this.#crashes++;
      this.#note(way);
      // Whoever waits will never hear: the answer of a process that is gone.
      for (const client of clients) if (client.ask?.answer === undefined) client.ask = undefined;
    }
    scanJournal(this.#disk);
    return this.#start();
  }

  async #start(): Promise<TestSystem> {
    const bank = await TestSystem.start({
      modules: [bankingModule()],
      disk: this.#disk,
      clock: this.#clock,
      shardCount: this.#shardCount,
      seed: this.#seed,
      faults: this.#faults(),
      limits: {
        activationsMax: this.#chance.pick([3, 100]),
        sweepPeriodMs: this.#chance.pick([20, 200]),
        sweepBuckets: this.#chance.pick([1, 4]),
        groupCommandsMax: this.#chance.pick([2, 4_096]),
        appendDeadlineMs: 100,
        callDeadlineMs: 500,
      },
    });
    if (!this.#isOpened) await this.#openAccounts(bank);
    return bank;
  }

  #isOpened = false;

  async #openAccounts(bank: TestSystem): Promise<void> {
    this.#isOpened = true;
    for (const account of this.#accounts) {
      for (;;) {
        const open = commandCall(accountContract, account, 'open', {
          account_type: 'checking',
          currency: 'USD',
          owner_id: 'somebody',
          initial_deposit: '100.00',
        });
        const answer = await bank.answered(bank.submitKeyed(open, `open${account}`));
        if (answer.type === 'reply') break;
        await this.#clock.advance(10);
      }
    }
  }

  #faults(): MemoryFaults {
    const chance = new SeededRandom(this.#seed + this.#disk.generation * 7_919);
    const pause = () => new Promise<void>((resolve) => this.#clock.after(chance.below(8), resolve));
    const draw = (what: string): WriteFault | undefined => {
      if (!this.#faultsOn || !this.#isOpened) return undefined;
      const roll = chance.below(100);
      const fault = ((): WriteFault | undefined => {
        if (roll < 2) return { type: 'lose-reply' };
        if (roll < 4) return { type: 'lose-request' };
        if (roll < 5) return { type: 'refuse', detail: 'no room' };
        if (roll < 60)
          return { type: 'delay', at: chance.pick(['request', 'flush', 'reply']), until: pause() };
        return undefined;
      })();
      if (fault === undefined) return undefined;
      const name = `${what} ${fault.type}`;
      this.#faultCounts[name] = (this.#faultCounts[name] ?? 0) + 1;
      this.#note(name);
      return fault;
    };
    return { append: () => draw('append'), commit: () => draw('commit') };
  }

  /** What must hold once every client has a definite answer and nothing goes wrong any more. */
  async #check(bank: TestSystem): Promise<void> {
    const statuses = new Map<Operation, SagaStatus>();
    for (const operation of this.#definite.keys()) {
      if (operation.type !== 'transfer') continue;
      const status = await this.#status(bank, operation);
      this.#outcomes[status.state] = (this.#outcomes[status.state] ?? 0) + 1;
      statuses.set(operation, status);
    }
    await bank.swept();
    const records = scanJournal(this.#disk);
    this.#checkExecutions(records);
    await this.#checkBooks(bank, statuses);
  }

  /** I10: every saga that was accepted ends. */
  async #status(bank: TestSystem, operation: Operation): Promise<SagaStatus> {
    const answer = await bank.ask({
      type: 'query',
      kind: paymentTransfer.name,
      id: transferId(operation),
      query: 'status',
      payload: {},
      waitMs: 60_000,
    });
    if (answer.type !== 'reply') throw new Error(`I10: transfer ${operation.key}: ${JSON.stringify(answer)}`);
    const status = answer.reply as SagaStatus;
    if (!isFinal(status.state)) {
      throw new Error(`I10: transfer ${operation.key} is still ${status.state} at ${status.current_step}`);
    }
    return status;
  }

  /** I1, I2: whatever was answered was executed once, however often it was asked. */
  #checkExecutions(records: readonly ScannedRecord[]): void {
    const executions = executionsByCommand(records);
    for (const { key } of this.#definite.keys()) {
      const count = executions.get(key.padEnd(22, '-'));
      if (count !== 1) throw new Error(`I1/I2: command ${key} was executed ${count ?? 0} times`);
    }
  }

  /** I8: the books agree with what the clients were told, account by account. */
  async #checkBooks(bank: TestSystem, statuses: ReadonlyMap<Operation, SagaStatus>): Promise<void> {
    const expected = new Map(this.#accounts.map((account) => [account, 10_000]));
    const add = (account: string, cents: number) =>
      expected.set(account, (expected.get(account) ?? 0) + cents);
    for (const [operation, answer] of this.#definite) {
      if (operation.type === 'deposit' && answer.type === 'reply') add(operation.account, operation.cents);
      if (statuses.get(operation)?.state === 'completed') {
        add(operation.account, -operation.cents);
        add(operation.receiver, operation.cents);
      }
    }
    for (const [account, cents] of expected) {
      const view = await bank.reply(queryCall(accountContract, account, 'get', {}));
      const balance = Math.round(Number(view.balance) * 100);
      if (balance !== cents) throw new Error(`I8: ${account} has ${view.balance}, expected ${cents / 100}`);
      if (Number(view.held) !== 0) throw new Error(`I8: ${account} still holds ${view.held}`);
      await this.#checkFold(bank, account, view);
    }
  }

  /** I7: the state in memory is the fold of the whole journal. */
  async #checkFold(bank: TestSystem, account: string, live: { readonly version: number }): Promise<void> {
    const at = { version: live.version };
    const folded = await bank.reply(queryCall(accountContract, account, 'get', {}, { at }));
    if (JSON.stringify(folded) !== JSON.stringify(live)) {
      throw new Error(`I7: ${account} is ${JSON.stringify(live)}, folded ${JSON.stringify(folded)}`);
    }
  }

  /** After an orderly stop the tables alone know everything. */
  async #checkReopened(bank: TestSystem): Promise<void> {
    for (const account of this.#accounts) {
      await this.#checkFold(bank, account, await bank.reply(queryCall(accountContract, account, 'get', {})));
    }
  }

  #note(...what: readonly string[]): void {
    this.#hash.update(`${this.#clock.monotonic().toFixed(3)} ${what.join(' ')}\n`);
  }
}

/** One client: one operation at a time, repeated under its key until the answer is definite. */
class Client {
  readonly #draw: () => Operation | undefined;
  #left = operationsPerClient;
  operation: Operation | undefined;
  ask: Ask | undefined;

  constructor(draw: () => Operation | undefined) {
    this.#draw = draw;
    this.operation = draw();
  }

  get isDone(): boolean {
    return this.operation === undefined;
  }

  next(): void {
    this.#left--;
    this.operation = this.#left > 0 ? this.#draw() : undefined;
  }
}

function transferId({ key, account }: Operation): string {
  return placedId(`t${key}`, account);
}
