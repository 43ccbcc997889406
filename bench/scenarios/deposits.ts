/**
 * Deposits of 1.00 spread evenly over many accounts, or onto one.
 *
 * The books: every account holds its opening balance plus one unit per deposit that was answered with success, its
 * version rose by exactly that count, and each version in between was handed out to exactly one answer (compared by
 * the sum of versions, so that nothing is kept per deposit).
 */
import { openAccounts } from '../account-opening.js';
import {
  type AccountSet,
  type AccountView,
  accountDigits,
  accountId,
  amountText,
  currency,
  minorUnits,
  readAccounts,
  setUpWidth,
  versionIn,
} from '../bank-accounts.js';
import { errorCode, type HttpClient, inParallel, isDefinite } from '../http-client.js';
import type { HttpAnswer } from '../http-connection.js';
import { digits, type RequestParts, RequestTemplate, requestText } from '../http-request.js';
import { xorshift } from '../seeded-random.js';
import { Violations } from '../violations.js';
import type { BooksReport, Scenario, ScenarioOptions } from './scenario.js';

interface Deposit {
  readonly account: number;
  /** Makes the idempotency key. */
  readonly number: number;
}

const amount = '1.00';
const body = JSON.stringify({ amount, currency });
const keyDigits = 10;
const accountField = 0;
const keyField = 1;

export class DepositScenario implements Scenario<Deposit> {
  readonly #options: ScenarioOptions;
  readonly #accounts: AccountSet;
  readonly #templates: (RequestTemplate | undefined)[] = [];
  readonly #random: () => number;
  readonly #appliedCounts: Float64Array;
  readonly #versionSums: Float64Array;
  readonly #unknown: Deposit[] = [];
  #endpointText: ((parts: RequestParts) => string) | undefined;
  #openedVersions: Float64Array = new Float64Array(0);
  #commandCount = 0;
  #settledCount = 0;
  readonly #accountsReadMax: number | undefined;

  /** `accountsReadMax`: check the books of so many accounts only. */
  constructor(options: ScenarioOptions, accountsReadMax?: number) {
    this.#options = options;
    this.#accountsReadMax = accountsReadMax;
    this.#random = xorshift(options.seed);
    const count = options.hot ? 1 : options.accounts;
    this.#accounts = { count, prefix: `d${options.run}-`, token: options.token };
    this.#appliedCounts = new Float64Array(count);
    this.#versionSums = new Float64Array(count);
  }

  async prepare(client: HttpClient): Promise<void> {
    this.#endpointText = (parts) => requestText(client.endpoint, parts);
    this.#openedVersions = await openAccounts(client, this.#accounts, '0.00');
  }

  next(): Deposit {
    return { account: Math.floor(this.#random() * this.#accounts.count), number: this.#commandCount++ };
  }

  encode(deposit: Deposit, connection: number): Buffer {
    const template = this.#templates[connection] ?? this.#addTemplate(connection);
    template.set(accountField, deposit.account);
    if (this.#options.keys) template.set(keyField, deposit.number);
    return template.bytes;
  }

  answered(deposit: Deposit, answer: HttpAnswer): string | undefined {
    if (answer.status === 200) {
      this.#book(deposit, answer);
      return undefined;
    }
    if (!isDefinite(answer)) this.#unknown.push(deposit);
    return `${answer.status} ${errorCode(answer)}`;
  }

  lost(deposit: Deposit): void {
    this.#unknown.push(deposit);
  }

  async settle(client: HttpClient): Promise<void> {
    if (!this.#options.keys) return;
    const unknown = this.#unknown.splice(0);
    await inParallel(unknown.length, setUpWidth, async (index) => {
      const deposit = unknown[index] as Deposit;
      const answer = await client.insist(this.#parts(deposit));
      if (answer.status === 200) this.#book(deposit, answer);
      this.#settledCount++;
    });
  }

  async checkBooks(client: HttpClient): Promise<BooksReport> {
    const violations = new Violations();
    const unit = minorUnits(amount);
    let found = 0n;
    let appliedToRead = 0;
    const check = (index: number, account: AccountView) => {
      const applied = this.#appliedCounts[index] as number;
      appliedToRead += applied;
      const first = (this.#openedVersions[index] as number) + 1;
      const last = account.version;
      const id = accountId(this.#accounts, index);
      found += account.balance;
      violations.compare(`${id} balance`, account.balance, BigInt(applied) * unit);
      violations.compare(`${id} held`, account.held, 0n);
      violations.compare(`${id} events since it was opened`, last - first + 1, applied);
      violations.compare(
        `${id} sum of the versions answered`,
        this.#versionSums[index],
        ((first + last) * (last - first + 1)) / 2,
      );
    };
    const readCount = await readAccounts(client, this.#accounts, check, this.#accountsReadMax);
    const applied = this.#appliedCounts.reduce((sum, count) => sum + count, 0);
    const added = BigInt(appliedToRead) * unit;
    violations.compare('sum of balances', found, added);
    if (this.#unknown.length > 0)
      violations.add(`${this.#unknown.length} deposits without a key have no definite answer`);
    return {
      balanced: violations.count === 0,
      accounts: readCount,
      applied,
      settled: this.#settledCount,
      unsettled: this.#unknown.length,
      opened: amountText(0n),
      added: amountText(added),
      found: amountText(found),
      violations: violations.first,
      violationCount: violations.count,
    };
  }

  #book(deposit: Deposit, answer: HttpAnswer): void {
    const version = versionIn(answer.body);
    this.#appliedCounts[deposit.account] = (this.#appliedCounts[deposit.account] as number) + 1;
    this.#versionSums[deposit.account] = (this.#versionSums[deposit.account] as number) + version;
  }

  #parts(deposit: Deposit): RequestParts {
    return {
      method: 'POST',
      path: `/api/v1/accounts/${accountId(this.#accounts, deposit.account)}/deposits`,
      token: this.#options.token,
      ...(this.#options.keys
        ? { idempotencyKey: `${this.#options.run}-${digits(deposit.number, keyDigits)}` }
        : {}),
      body,
    };
  }

  #addTemplate(connection: number): RequestTemplate {
    if (this.#endpointText === undefined) throw new Error('prepare comes first');
    const sample: Deposit = { account: 0, number: 0 };
    const key = { marker: `Idempotency-Key: ${this.#options.run}-${digits(0, keyDigits)}`, width: keyDigits };
    const template = new RequestTemplate(this.#endpointText(this.#parts(sample)), [
      { marker: `/accounts/${accountId(this.#accounts, 0)}`, width: accountDigits },
      ...(this.#options.keys ? [key] : []),
    ]);
    this.#templates[connection] = template;
    return template;
  }
}
