/**
 * What the clients of a crash run ask for: deposits, withdrawals and transfers over a few accounts, some of them hot,
 * each with an idempotency key, some with several copies of the same request. Drawn from a seed.
 */
import { amountText, currency } from '../../bench/bank-accounts.js';
import type { RequestParts } from '../../bench/http-request.js';
import { xorshift } from '../../bench/seeded-random.js';

export interface BankCommand {
  readonly type: 'deposit' | 'withdrawal' | 'transfer';
  /** Idempotency key; unique per command, the same for all its copies and retries. */
  readonly key: string;
  /** Index of the account that pays in, pays out or sends. */
  readonly account: number;
  /** Index of the receiver of a transfer, else -1. */
  readonly receiver: number;
  readonly minor: number;
  /** Transfers: hold the answer until the saga ends. */
  readonly waits: boolean;
  /** How often the same request is sent. */
  readonly copies: number;
  /** All copies at once, else one after another. */
  readonly isParallel: boolean;
}

export const waitSeconds = 10;
/** Amounts that no account can pay: refusals and compensations are part of the load. */
const tooMuchMinor = 900_000_00;

/** Draws the commands of one client; equal seeds draw equal commands. */
export class CommandSource {
  readonly #name: string;
  readonly #random: () => number;
  readonly #accountCount: number;
  #count = 0;

  /** `name` begins every key: unique among all sources of a run. */
  constructor(name: string, seed: number, accountCount: number) {
    this.#name = name;
    this.#accountCount = accountCount;
    this.#random = xorshift(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let skipped = 0; skipped < 8; skipped++) this.#random();
  }

  next(): BankCommand {
    const dice = this.#random();
    const type = dice < 0.45 ? 'deposit' : dice < 0.6 ? 'withdrawal' : 'transfer';
    const account = this.#account();
    const isTooMuch = type !== 'deposit' && this.#random() < 0.02;
    const copies = this.#random() < 0.1 ? 2 + Math.floor(this.#random() * 4) : 1;
    return {
      type,
      key: `${this.#name}-${this.#count++}`,
      account,
      receiver: type === 'transfer' ? this.#otherAccount(account) : -1,
      minor: isTooMuch ? tooMuchMinor : 1 + Math.floor(this.#random() * 500),
      waits: this.#random() < 0.7,
      copies,
      isParallel: this.#random() < 0.5,
    };
  }

  /** Zipf with exponent 1, by the inverse of its continuous form: account 0 gets about a seventh of 200. */
  #account(): number {
    const drawn = Math.floor((this.#accountCount + 1) ** this.#random()) - 1;
    return Math.min(drawn, this.#accountCount - 1);
  }

  #otherAccount(account: number): number {
    const drawn = this.#account();
    return drawn === account ? (drawn + 1) % this.#accountCount : drawn;
  }
}

/** The request of a command; the same bytes for every copy and retry. */
export function requestOf(command: BankCommand, accountIds: readonly string[], token: string): RequestParts {
  const { type, account, receiver, key, waits, minor } = command;
  const amount = amountText(BigInt(minor));
  if (type !== 'transfer') {
    const path = `/api/v1/accounts/${accountIds[account]}/${type}s`;
    return { method: 'POST', path, token, idempotencyKey: key, body: JSON.stringify({ amount, currency }) };
  }
  const body = {
    sender_account_id: accountIds[account],
    receiver_account_id: accountIds[receiver],
    amount,
    currency,
  };
  return {
    method: 'POST',
    path: '/api/v1/transfers',
    token,
    idempotencyKey: key,
    body: JSON.stringify(body),
    ...(waits ? { waitSeconds } : {}),
  };
}
