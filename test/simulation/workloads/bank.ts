/**
 * Deposits, withdrawals, holds and transfers between a few accounts, some of them to nobody. Books of its own are kept
 * from the durable events, in cents:
 *
 *     I8   what all accounts hold is what was opened and paid in, less what was paid out; no transfer is credited or
 *          captured twice, or captured without being credited
 *     I9   no account goes below its overdraft, and every event names the balance after it
 *     I10  a transfer that was accepted ends completed, with both its movements and one notice, or compensated, with none of
 *          them
 */
import { accountContract } from '../../../actors/banking/account-contract.js';
import { bankingModule } from '../../../actors/banking/banking.js';
import { paymentTransfer } from '../../../actors/banking/payment-transfer.js';
import { placedId } from '../../../actors/model/address.js';
import { type ActorCall, commandCall, queryCall } from '../../../actors/model/call.js';
import type { SeededRandom } from '../../../ops/simulation/seeded-random.js';
import {
  type AnsweredOperation,
  type AuditedEvent,
  type Operation,
  Violation,
  type Workload,
  type WorkloadView,
} from '../../../ops/simulation/workload.js';
import { endedWell } from './ended-well.js';

const openedCents = 20_000;
const overdraftCents = 50_000;

export function bankWorkload(accountCount = 5): Workload {
  const accounts = Array.from({ length: accountCount }, (_, index) => `acc-${index}`);
  let books = new Books();
  let operationCount = 0;
  const opened = accounts.map((id) =>
    commandCall(accountContract, id, 'open', {
      account_type: 'checking',
      currency: 'USD',
      owner_id: 'somebody',
      initial_deposit: textOf(openedCents),
    }),
  );
  return {
    name: 'bank',
    modules: [bankingModule()],
    setup: opened,
    next: (draw) => nextOperation(draw, accounts, ++operationCount),
    watch: () => {
      books = new Books();
      return (event) => books.take(event);
    },
    check: async (view) => {
      for (const { operation, answer } of view.operations) {
        if (operation.call.kind === paymentTransfer.name && answer?.type === 'reply')
          await checkTransfer(view, books, operation.call.id);
      }
      for (const id of accounts) await checkAccount(view, books, id);
      checkMovements(view.operations, books);
      books.checkTotal();
    },
  };
}

function nextOperation(draw: SeededRandom, accounts: readonly string[], number: number): Operation {
  const id = draw.pick(accounts);
  const amount = textOf(1 + draw.below(15_000));
  const roll = draw.below(100);
  const money = { amount, currency: 'USD' };
  if (roll < 25) return { call: commandCall(accountContract, id, 'deposit', money) };
  if (roll < 30) return { call: commandCall(accountContract, id, 'deposit', money), sent: 'once' };
  if (roll < 42) return { call: commandCall(accountContract, id, 'withdraw', money) };
  if (roll < 50) {
    const hold_id = `h${number}`;
    return { call: commandCall(accountContract, id, 'hold', { ...money, hold_id, expires_in_seconds: 1 }) };
  }
  if (roll < 58) return { call: queryCall(accountContract, id, 'get', {}) };
  const others = accounts.filter((other) => other !== id);
  return { call: transferCall(draw, id, draw.below(8) === 0 ? 'ghost' : draw.pick(others), amount, number) };
}

/** Nobody has opened the ghost's account: its credit is refused and the hold released. */
function transferCall(
  draw: SeededRandom,
  sender: string,
  receiver: string,
  amount: string,
  number: number,
): ActorCall {
  return {
    type: 'command',
    kind: paymentTransfer.name,
    id: placedId(`t${number}`, sender),
    command: 'start',
    payload: {
      sender_account_id: sender,
      receiver_account_id: receiver,
      amount,
      currency: 'USD',
      description: '',
    },
    ...(draw.below(2) === 0 ? { waitMs: 200 } : {}),
  };
}

async function checkAccount(view: WorkloadView, books: Books, id: string): Promise<void> {
  const answer = await view.ask(queryCall(accountContract, id, 'get', {}));
  if (answer.type !== 'reply') throw new Violation(`I8: ${id} answers ${JSON.stringify(answer)}`);
  const { balance, held, version } = answer.reply as { balance: string; held: string; version: number };
  const account = books.account(id);
  if (centsOf(balance) !== account.balance)
    throw new Violation(`I8: ${id} has ${balance}, its events say ${textOf(account.balance)}`);
  // The holds of clients expire within a second, and time has passed since.
  if (centsOf(held) !== 0) throw new Violation(`I10: ${id} still holds ${held}`);
  if (version !== account.version) throw new Violation(`I3: ${id} is at ${version}, not ${account.version}`);
}

async function checkTransfer(view: WorkloadView, books: Books, id: string): Promise<void> {
  const isCompleted = await endedWell(view, paymentTransfer.name, id);
  const { credited, captured, notified } = books.transfer(id);
  const expected = isCompleted ? 1 : 0;
  if (credited !== expected || captured !== expected || notified !== expected)
    throw new Violation(
      `I10: transfer ${id} is ${isCompleted ? '' : 'not '}completed, credited ${credited}, captured ${captured} and notified ${notified} times`,
    );
}

/** What clients were told has happened, and nothing else has. */
function checkMovements(operations: readonly AnsweredOperation[], books: Books): void {
  const told = { deposit: 0, withdraw: 0 };
  for (const { operation, answer, executions } of operations) {
    const { call } = operation;
    if (call.type !== 'command' || (call.command !== 'deposit' && call.command !== 'withdraw')) continue;
    const isDone = operation.sent === 'once' ? executions > 0 : answer?.type === 'reply';
    if (isDone) told[call.command] += centsOf((call.payload as { amount: string }).amount);
  }
  const found = { deposit: books.depositedCents, withdraw: books.withdrawnCents };
  for (const type of ['deposit', 'withdraw'] as const) {
    if (told[type] !== found[type])
      throw new Violation(`I1/I2: ${type}s of ${told[type]} were answered, the journal has ${found[type]}`);
  }
}

interface Account {
  balance: number;
  version: number;
}

/** How often each was done. */
interface Transfer {
  credited: number;
  captured: number;
  notified: number;
}

/** The bank by its events. */
class Books {
  readonly #accounts = new Map<string, Account>();
  readonly #transfers = new Map<string, Transfer>();
  readonly #holds = new Map<string, number>();
  #openedCents = 0;
  depositedCents = 0;
  withdrawnCents = 0;

  account(id: string): Account {
    let account = this.#accounts.get(id);
    if (account === undefined) {
      account = { balance: 0, version: 0 };
      this.#accounts.set(id, account);
    }
    return account;
  }

  transfer(id: string): Transfer {
    let transfer = this.#transfers.get(id);
    if (transfer === undefined) {
      transfer = { credited: 0, captured: 0, notified: 0 };
      this.#transfers.set(id, transfer);
    }
    return transfer;
  }

  take({ kind, id, type, data, version }: AuditedEvent): void {
    // The contracts' own events; a missing field shows as NaN in the balance.
    const fields = data as Readonly<Record<string, string>>;
    if (type === 'TransferNotified') return this.#note(String(fields.transfer_id));
    if (kind !== accountContract.kind) return;
    const cents = centsOf(fields.amount ?? fields.initial_balance ?? '0');
    const account = this.account(id);
    account.version = version;
    switch (type) {
      case 'AccountOpened':
        this.#openedCents += cents;
        account.balance += cents;
        break;
      case 'MoneyDeposited':
        this.depositedCents += cents;
        this.#move(account, id, cents, fields.balance_after);
        break;
      case 'MoneyWithdrawn':
        this.withdrawnCents += cents;
        this.#move(account, id, -cents, fields.balance_after);
        break;
      case 'FundsHeld':
        this.#holds.set(`${id}/${fields.hold_id}`, cents);
        break;
      case 'HoldCaptured': {
        if (this.#holds.get(`${id}/${fields.hold_id}`) !== cents)
          throw new Violation(`I8: ${id} captures hold ${fields.hold_id}, which does not stand`);
        this.#holds.delete(`${id}/${fields.hold_id}`);
        const transfer = this.transfer(String(fields.hold_id));
        if (++transfer.captured > 1) throw new Violation(`I10: transfer ${fields.hold_id} is captured twice`);
        this.#move(account, id, -cents, fields.balance_after);
        break;
      }
      case 'HoldReleased':
        if (!this.#holds.delete(`${id}/${fields.hold_id}`))
          throw new Violation(`I8: ${id} releases hold ${fields.hold_id}, which does not stand`);
        break;
      case 'TransferReceived': {
        const transfer = this.transfer(String(fields.transfer_id));
        if (++transfer.credited > 1)
          throw new Violation(`I10: transfer ${fields.transfer_id} is credited twice`);
        this.#move(account, id, cents, fields.balance_after);
        break;
      }
      default:
        break;
    }
  }

  /** When no transfer is under way. */
  checkTotal(): void {
    let total = 0;
    for (const { balance } of this.#accounts.values()) total += balance;
    const expected = this.#openedCents + this.depositedCents - this.withdrawnCents;
    if (total !== expected) throw new Violation(`I8: the accounts hold ${total}, paid in were ${expected}`);
  }

  #note(transferId: string): void {
    const transfer = this.transfer(transferId);
    // Told only when it is certain that the transfer completes.
    if (transfer.captured === 0) throw new Violation(`I10: transfer ${transferId} is notified too early`);
    if (++transfer.notified > 1) throw new Violation(`I10: transfer ${transferId} is notified twice`);
  }

  #move(account: Account, id: string, cents: number, balanceAfter: string | undefined): void {
    account.balance += cents;
    if (centsOf(balanceAfter ?? '') !== account.balance)
      throw new Violation(`I9: ${id} says ${balanceAfter} after an event that makes it ${account.balance}`);
    if (account.balance < -overdraftCents) throw new Violation(`I9: ${id} is at ${account.balance}`);
  }
}

function textOf(cents: number): string {
  return `${cents < 0 ? '-' : ''}${Math.floor(Math.abs(cents) / 100)}.${String(Math.abs(cents) % 100).padStart(2, '0')}`;
}

function centsOf(amount: string): number {
  return Math.round(Number(amount) * 100);
}
