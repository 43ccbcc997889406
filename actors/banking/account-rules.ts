/**
 * The rules about amounts and holds, each a pure check over the state: an amount that may move, or the refusal with its
 * stated words (rows 46, 49, 52–58). `account.ts` asks them; the order inside each is the order of row 58.
 */
import { currencyDecimals } from '../model/currency.js';
import { type Rejection, reject } from '../model/message.js';
import { formatSigned, parseAmount } from '../model/money.js';
import type { AccountRejection, AccountType } from './account-contract.js';
import {
  type AccountState,
  availableOf,
  balanceMax,
  dailyWithdrawalMax,
  holdBytesMax,
  openHoldsMax,
  savingsMinimumUnits,
  unitsOf,
  withdrawnOn,
} from './account-state.js';
import { isCaptured } from './captured-holds.js';

export type Refusal = Rejection<AccountRejection>;

export interface SentAmount {
  readonly amount: string;
  readonly currency: string;
}

/** The recorded text of the opening balance: as sent, or `0`. */
export function initialBalance(
  sent: string | undefined,
  type: AccountType,
  currency: string,
): string | Refusal {
  if (currencyDecimals(currency) === undefined) {
    return reject('currency', 'Currency must be 3-letter ISO code');
  }
  if (sent === undefined) return '0';
  const amount = parseAmount(sent, currency, { admitsZero: true });
  if (typeof amount !== 'bigint') {
    if (amount.code !== 'amount-not-positive') return reject(amount.code, amount.detail);
    return reject('amount-not-positive', 'Money amount cannot be negative');
  }
  if (type === 'savings' && amount < unitsOf(savingsMinimumUnits, currency)) {
    return reject('minimum-deposit', 'Savings account requires minimum $100 deposit');
  }
  return sent;
}

/** Rows 52 and 53: closed, positive, currency; then what the currency and the books can hold. */
export function balanceAfterDeposit(state: AccountState, sent: SentAmount): bigint | Refusal {
  if (state.status === 'closed') return reject('account-closed', 'Cannot deposit to closed account');
  const amount = parseAmount(sent.amount, state.currency);
  if (typeof amount !== 'bigint' && amount.code === 'amount-not-positive') {
    return reject('amount-not-positive', 'Deposit amount must be positive');
  }
  if (sent.currency !== state.currency) return reject('currency', `Account only accepts ${state.currency}`);
  if (typeof amount !== 'bigint') return reject(amount.code, amount.detail);
  const balance = state.balance + amount;
  if (balance > balanceMax) return reject('amount-overflow', 'Balance would be too large');
  return balance;
}

/**
 * Rows 54–58: the amount, if it may leave this account. Without a `day` the daily limit is not asked: transfers do not
 * count towards it (decision D7).
 */
export function spendable(state: AccountState, sent: SentAmount, day: string | undefined): bigint | Refusal {
  if (state.status === 'frozen') return reject('account-frozen', 'Account is frozen');
  if (state.status === 'closed') return reject('account-closed', 'Cannot withdraw from closed account');
  const { currency } = state;
  const amount = parseAmount(sent.amount, currency);
  if (typeof amount !== 'bigint' && amount.code === 'amount-not-positive') {
    return reject('amount-not-positive', 'Withdrawal amount must be positive');
  }
  if (sent.currency !== currency) return reject('currency', `Account only supports ${currency}`);
  if (typeof amount !== 'bigint') return reject(amount.code, amount.detail);
  if (day !== undefined && withdrawnOn(state, day) + amount > dailyWithdrawalMax(currency)) {
    return reject('daily-limit-exceeded', 'Daily withdrawal limit exceeded');
  }
  const available = availableOf(state);
  if (amount > available) {
    return reject(
      'insufficient-funds',
      `Insufficient funds. Available: ${formatSigned(available, currency)}`,
    );
  }
  return amount;
}

/** The amount, if it may be held: it could be spent, and there is room for one more hold. */
export function holdable(state: AccountState, sent: SentAmount, day: string | undefined): bigint | Refusal {
  const amount = spendable(state, sent, day);
  if (typeof amount !== 'bigint') return amount;
  if (state.holds !== undefined && (state.holds.size >= openHoldsMax || state.holdBytes >= holdBytesMax)) {
    return reject('holds-too-many', 'Account has too many open holds');
  }
  return amount;
}

/** What this hold id already did: nothing (undefined), the very same, or something that forbids it. */
export function earlierHold(state: AccountState, id: string, amount: string): 'repeat' | Refusal | undefined {
  const hold = state.holds?.get(id);
  if (hold !== undefined) {
    return hold.text === amount
      ? 'repeat'
      : reject('hold-exists', `Hold already exists with another amount: ${id}`);
  }
  if (isCaptured(state, id)) {
    return reject('hold-captured', `Hold already captured: ${id}`);
  }
  if (state.cancelled.length > 0 && state.cancelled.includes(id)) {
    return reject('hold-cancelled', `Hold was cancelled: ${id}`);
  }
  return undefined;
}
