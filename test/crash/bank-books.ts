/**
 * What the bank should show, by the answers its clients were given, and the comparison with what it shows.
 *
 * B1  Every applied command stands in the statements it belongs to exactly once, and nothing else stands there.
 * B2  An account's balance is its opening balance plus what its statement adds up to; nothing is held.
 * B3  The sum of all balances is what was opened plus deposits minus withdrawals.
 * B4  An account's versions run from 1 without a gap (full check).
 * B5  Every transfer out of an account has one notice, and nothing else has one (full check). Nobody waits for it: it may come
 *     behind the answer.
 */
import { accountView, amountText, minorUnits } from '../../bench/bank-accounts.js';
import { type HttpClient, inParallel } from '../../bench/http-client.js';
import type { Violations } from '../../bench/violations.js';
import type { BankCommand } from './bank-command.js';

type LineType = 'deposit' | 'withdrawal' | 'transfer_out' | 'transfer_in';

interface Ledger {
  balanceMinor: number;
  /** Lines that must be in the statement, `type id` → minor units: those checked once, and those since. */
  readonly lines: Map<string, number>;
  fresh: Map<string, number>;
  /** `type id` of the newest line when last checked. */
  newest: string | undefined;
}

const openedMinor = 1_000_00;
export const openedAmount = amountText(BigInt(openedMinor));
const width = 32;
/** How long a notice may be on its way when all is quiet. */
const noticeWaitMsDefault = 30_000;
/** Whole histories: a check, not a load. */
const wholeWidth = 8;
const pageLimit = 1_000;

export class BankBooks {
  readonly #accountIds: readonly string[];
  readonly #token: () => string;
  readonly #ledgers: readonly Ledger[];
  readonly #noticeWaitMs: number;
  #movedMinor = 0;

  constructor(
    accountIds: readonly string[],
    token: () => string,
    noticeWaitMs: number = noticeWaitMsDefault,
  ) {
    this.#noticeWaitMs = noticeWaitMs;
    this.#accountIds = accountIds;
    this.#token = token;
    this.#ledgers = accountIds.map(() => ({
      balanceMinor: openedMinor,
      lines: new Map(),
      fresh: new Map(),
      newest: undefined,
    }));
  }

  /** Books a command that took effect under this id. */
  apply(command: BankCommand, id: string): void {
    const { type, account, receiver, minor } = command;
    if (type === 'deposit') this.#add(account, 'deposit', id, minor);
    else if (type === 'withdrawal') this.#add(account, 'withdrawal', id, -minor);
    else {
      this.#add(account, 'transfer_out', id, -minor);
      this.#add(receiver, 'transfer_in', id, minor);
    }
    if (type !== 'transfer') this.#movedMinor += type === 'deposit' ? minor : -minor;
  }

  /** Balances of all accounts, and the lines since the last check. Nothing may be under way. */
  async check(client: HttpClient, violations: Violations): Promise<void> {
    let sum = 0n;
    await inParallel(this.#accountIds.length, width, async (index) => {
      const balance = await this.#checkAccount(client, index, violations);
      sum += balance;
      if (this.#ledger(index).fresh.size > 0) await this.#checkFreshLines(client, index, violations);
    });
    const expected = BigInt(openedMinor * this.#accountIds.length + this.#movedMinor);
    violations.compare('sum of all balances', amountText(sum), amountText(expected));
  }

  /** Every line of every account, after a `check`, the versions of its events, and its notices. */
  async checkEverything(client: HttpClient, violations: Violations): Promise<void> {
    await inParallel(this.#accountIds.length, wholeWidth, async (index) => {
      const found = await this.#readLines(client, index, undefined);
      compareLines(this.#id(index), found, this.#ledger(index).lines, violations);
      await this.#checkVersions(client, index, violations);
      await this.#checkNotices(client, index, violations);
    });
  }

  #add(account: number, type: LineType, id: string, minor: number): void {
    const ledger = this.#ledger(account);
    ledger.balanceMinor += minor;
    ledger.fresh.set(`${type} ${id}`, Math.abs(minor));
  }

  async #checkAccount(client: HttpClient, index: number, violations: Violations): Promise<bigint> {
    const id = this.#id(index);
    const view = accountView(await this.#get(client, `/api/v1/accounts/${id}`));
    const expected = amountText(BigInt(this.#ledger(index).balanceMinor));
    violations.compare(`${id} balance`, amountText(view.balance), expected);
    violations.compare(`${id} held`, amountText(view.held), '0.00');
    return view.balance;
  }

  async #checkFreshLines(client: HttpClient, index: number, violations: Violations): Promise<void> {
    const ledger = this.#ledger(index);
    // The fresh ones and the one they are read down to.
    const limit = Math.min(pageLimit, ledger.fresh.size + 1);
    const found = await this.#readLines(client, index, ledger.newest, limit);
    compareLines(this.#id(index), found, ledger.fresh, violations);
    ledger.newest = found[0]?.key ?? ledger.newest;
    for (const [key, minor] of ledger.fresh) ledger.lines.set(key, minor);
    ledger.fresh = new Map();
  }

  /** Newest first, down to (and without) the line `until`; without the opening. */
  async #readLines(
    client: HttpClient,
    index: number,
    until: string | undefined,
    limit = pageLimit,
  ): Promise<Line[]> {
    const lines: Line[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? '' : `&cursor=${cursor}`;
      const path = `/api/v1/accounts/${this.#id(index)}/transactions?limit=${limit}${after}`;
      const page: Page<Transaction> = JSON.parse((await this.#get(client, path)).body);
      for (const { type, transaction_id, amount } of page.items) {
        const key = `${type} ${transaction_id}`;
        if (key === until) return lines;
        if (type !== 'opening') lines.push({ key, minor: Number(minorUnits(amount)) });
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
    if (until !== undefined) lines.push({ key: `(the end without ${until})`, minor: 0 });
    return lines;
  }

  async #checkVersions(client: HttpClient, index: number, violations: Violations): Promise<void> {
    const id = this.#id(index);
    let expected = 0;
    let cursor: string | null = '0';
    while (cursor !== null) {
      const path: string = `/api/v1/accounts/${id}/events?limit=${pageLimit}&after_version=${cursor}`;
      const page: Page<RecordedVersion> = JSON.parse((await this.#get(client, path)).body);
      for (const { stream_version } of page.items) {
        expected++;
        if (stream_version !== expected) {
          violations.add(`${id}: event ${expected} has version ${stream_version}`);
          return;
        }
      }
      cursor = page.next_cursor === null ? null : String(expected);
    }
    const { version } = accountView(await this.#get(client, `/api/v1/accounts/${id}`));
    violations.compare(`${id} version and count of events`, version, expected);
  }

  async #checkNotices(client: HttpClient, index: number, violations: Violations): Promise<void> {
    const expected = new Map<string, number>();
    for (const [key, minor] of this.#ledger(index).lines) {
      if (key.startsWith('transfer_out ')) expected.set(key.replace('transfer_out', 'notice of'), minor);
    }
    const endsAt = performance.now() + this.#noticeWaitMs;
    let found = await this.#readNotices(client, index);
    while (found.length < expected.size && performance.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      found = await this.#readNotices(client, index);
    }
    compareLines(this.#id(index), found, expected, violations);
  }

  async #readNotices(client: HttpClient, index: number): Promise<Line[]> {
    const lines: Line[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? '' : `&cursor=${cursor}`;
      const path = `/api/v1/accounts/${this.#id(index)}/notices?limit=${pageLimit}${after}`;
      const page: Page<Notice> = JSON.parse((await this.#get(client, path)).body);
      for (const { transfer_id, amount } of page.items)
        lines.push({ key: `notice of ${transfer_id}`, minor: Number(minorUnits(amount)) });
      cursor = page.next_cursor;
    } while (cursor !== null);
    return lines;
  }

  async #get(client: HttpClient, path: string) {
    const answer = await client.insist({ method: 'GET', path, token: this.#token() });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.body}`);
    return answer;
  }

  #id(index: number): string {
    return this.#accountIds[index] as string;
  }

  #ledger(index: number): Ledger {
    return this.#ledgers[index] as Ledger;
  }
}

interface Line {
  readonly key: string;
  readonly minor: number;
}

/** As the API answers them; checked by comparing, not by a schema. */
interface Transaction {
  readonly transaction_id: string;
  readonly type: string;
  readonly amount: string;
}

interface Notice {
  readonly transfer_id: string;
  readonly amount: string;
}

interface RecordedVersion {
  readonly stream_version: number;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

function compareLines(
  account: string,
  found: readonly Line[],
  expected: ReadonlyMap<string, number>,
  violations: Violations,
): void {
  const seen = new Set<string>();
  for (const { key, minor } of found) {
    const expectedMinor = expected.get(key);
    if (seen.has(key)) violations.add(`${account}: ${key} stands there twice`);
    else if (expectedMinor === undefined)
      violations.add(`${account}: ${key} stands there and was never answered`);
    else if (expectedMinor !== minor)
      violations.add(`${account}: ${key} moved ${minor}, not ${expectedMinor}`);
    seen.add(key);
  }
  for (const key of expected.keys()) {
    if (!seen.has(key)) violations.add(`${account}: ${key} was answered and is lost`);
  }
}
