/**
 * Transfers of 1.00 between two random accounts of many, each asked with `Prefer: wait`, so that its answer is the end
 * of its saga. A transfer counts when that answer says completed; any other end is an error of the run.
 *
 * The books: every account holds its opening balance plus what it received minus what it sent, by the answers; nothing
 * is held any more; and the sum over all accounts is what was opened.
 */
import { openAccounts } from '../account-opening.js';
import {
  type AccountSet,
  accountDigits,
  accountId,
  amountText,
  currency,
  minorUnits,
  readAccounts,
  setUpWidth,
} from '../bank-accounts.js';
import { errorCode, type HttpClient, inParallel, isDefinite } from '../http-client.js';
import type { HttpAnswer } from '../http-connection.js';
import { digits, type RequestParts, RequestTemplate, requestText } from '../http-request.js';
import { xorshift } from '../seeded-random.js';
import { Violations } from '../violations.js';
import type { BooksReport, Scenario, ScenarioOptions } from './scenario.js';

interface Transfer {
  readonly sender: number;
  readonly receiver: number;
  /** Makes the idempotency key. */
  readonly number: number;
}

const amount = '1.00';
const openingBalance = '1000000.00';
const keyDigits = 10;
const waitSeconds = 10;
const senderField = 0;
const receiverField = 1;
const keyField = 2;

export class TransferScenario implements Scenario<Transfer> {
  readonly #options: ScenarioOptions;
  readonly #accounts: AccountSet;
  readonly #templates: (RequestTemplate | undefined)[] = [];
  readonly #random: () => number;
  /** Received minus sent, per account. */
  readonly #netCounts: Float64Array;
  readonly #unknown: Transfer[] = [];
  #endpointText: ((parts: RequestParts) => string) | undefined;
  #commandCount = 0;
  #appliedCount = 0;
  #settledCount = 0;

  constructor(options: ScenarioOptions) {
    if (options.accounts < 2) throw new Error('transfers need two accounts');
    this.#options = options;
    this.#random = xorshift(options.seed);
    this.#accounts = { count: options.accounts, prefix: `t${options.run}-`, token: options.token };
    this.#netCounts = new Float64Array(options.accounts);
  }

  async prepare(client: HttpClient): Promise<void> {
    this.#endpointText = (parts) => requestText(client.endpoint, parts);
    await openAccounts(client, this.#accounts, openingBalance);
  }

  /** Hot: everybody pays account 0. */
  next(): Transfer {
    const { count } = this.#accounts;
    const receiver = this.#options.hot ? 0 : Math.floor(this.#random() * count);
    const distance = 1 + Math.floor(this.#random() * (count - 1));
    return { sender: (receiver + distance) % count, receiver, number: this.#commandCount++ };
  }

  encode(transfer: Transfer, connection: number): Buffer {
    const template = this.#templates[connection] ?? this.#addTemplate(connection);
    template.set(senderField, transfer.sender);
    template.set(receiverField, transfer.receiver);
    if (this.#options.keys) template.set(keyField, transfer.number);
    return template.bytes;
  }

  answered(transfer: Transfer, answer: HttpAnswer): string | undefined {
    if (answer.status === 202 || !isDefinite(answer)) {
      this.#unknown.push(transfer);
      return answer.status === 202 ? '202 not ended in time' : `${answer.status} ${errorCode(answer)}`;
    }
    return this.#book(transfer, answer);
  }

  lost(transfer: Transfer): void {
    this.#unknown.push(transfer);
  }

  async settle(client: HttpClient): Promise<void> {
    if (!this.#options.keys) return;
    const unknown = this.#unknown.splice(0);
    await inParallel(unknown.length, setUpWidth, async (index) => {
      const transfer = unknown[index] as Transfer;
      const answer = await client.insist(this.#parts(transfer));
      if (answer.status === 202) this.#unknown.push(transfer);
      else this.#book(transfer, answer);
      this.#settledCount++;
    });
  }

  async checkBooks(client: HttpClient): Promise<BooksReport> {
    const violations = new Violations();
    const unit = minorUnits(amount);
    const opening = minorUnits(openingBalance);
    let found = 0n;
    await readAccounts(client, this.#accounts, (index, account) => {
      const id = accountId(this.#accounts, index);
      found += account.balance;
      violations.compare(
        `${id} balance`,
        account.balance,
        opening + BigInt(this.#netCounts[index] as number) * unit,
      );
      violations.compare(`${id} held`, account.held, 0n);
    });
    const opened = opening * BigInt(this.#accounts.count);
    violations.compare('sum of balances', found, opened);
    if (this.#unknown.length > 0) violations.add(`${this.#unknown.length} transfers have no definite end`);
    return {
      balanced: violations.count === 0,
      accounts: this.#accounts.count,
      applied: this.#appliedCount,
      settled: this.#settledCount,
      unsettled: this.#unknown.length,
      opened: amountText(opened),
      added: amountText(0n),
      found: amountText(found),
      violations: violations.first,
      violationCount: violations.count,
    };
  }

  /** Undefined when it completed, else the word for its end. */
  #book(transfer: Transfer, answer: HttpAnswer): string | undefined {
    if (answer.status !== 200) return `${answer.status} ${errorCode(answer)}`;
    const state = stateIn(answer.body);
    if (state !== 'completed') return `200 ${state}`;
    this.#appliedCount++;
    this.#netCounts[transfer.sender] = (this.#netCounts[transfer.sender] as number) - 1;
    this.#netCounts[transfer.receiver] = (this.#netCounts[transfer.receiver] as number) + 1;
    return undefined;
  }

  #parts(transfer: Transfer): RequestParts {
    const body = {
      sender_account_id: accountId(this.#accounts, transfer.sender),
      receiver_account_id: accountId(this.#accounts, transfer.receiver),
      amount,
      currency,
    };
    return {
      method: 'POST',
      path: '/api/v1/transfers',
      token: this.#options.token,
      ...(this.#options.keys
        ? { idempotencyKey: `${this.#options.run}-${digits(transfer.number, keyDigits)}` }
        : {}),
      waitSeconds,
      body: JSON.stringify(body),
    };
  }

  #addTemplate(connection: number): RequestTemplate {
    if (this.#endpointText === undefined) throw new Error('prepare comes first');
    const sample: Transfer = { sender: 0, receiver: 0, number: 0 };
    const id = accountId(this.#accounts, 0);
    const key = { marker: `Idempotency-Key: ${this.#options.run}-${digits(0, keyDigits)}`, width: keyDigits };
    const template = new RequestTemplate(this.#endpointText(this.#parts(sample)), [
      { marker: `"sender_account_id":"${id}`, width: accountDigits },
      { marker: `"receiver_account_id":"${id}`, width: accountDigits },
      ...(this.#options.keys ? [key] : []),
    ]);
    this.#templates[connection] = template;
    return template;
  }
}

/** The text after `"state":`; `unreadable` when there is none. */
export function stateIn(text: string): string {
  const start = text.indexOf('"state":"');
  const end = start < 0 ? -1 : text.indexOf('"', start + 9);
  return end < 0 ? 'unreadable' : text.slice(start + 9, end);
}
