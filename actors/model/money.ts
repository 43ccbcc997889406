/**
 * Money: whole minor units in a bigint, never a float. Text comes in and goes out as plain decimals.
 *
 * M1  `Money` is never negative (row 46); a balance is a signed bigint of its own (decision a), shown by `formatSigned`.
 * M2  Text is `0` or digits without a leading zero, and an optional point with digits after it: no sign, exponent,
 *     spaces or other digits. So one amount of a given scale has one text, and "canonical" needs no rewriting (D8).
 * M3  At most 10^15 minor units and 40 characters: sums of many stay far inside 64 bits.
 */
import { currencyDecimals } from './currency.js';
import type { ErrorCode } from './errors.js';

export const amountMinorMax = 10n ** 15n;
export const amountCharactersMax = 40;

/** An amount ≥ 0 in minor units (cents) of a currency. */
export interface Money {
  readonly amount: bigint;
  readonly currency: string;
}

/** What is wrong with an amount or currency: an input error, 422. A value, never thrown. */
export interface MoneyProblem {
  readonly type: 'money-problem';
  readonly code: Extract<
    ErrorCode,
    'amount-not-positive' | 'amount-scale' | 'amount-overflow' | 'currency' | 'validation-failed'
  >;
  readonly detail: string;
}

/** Throws RangeError on a negative amount or a code that is not three letters: an actor checks its input before. */
export function money(amount: bigint, currency: string): Money {
  if (amount < 0n) throw new RangeError('Money amount cannot be negative');
  if (!/^[A-Za-z]{3}$/.test(currency)) throw new RangeError('Currency must be 3-letter ISO code');
  return { amount, currency };
}

export function addMoney(left: Money, right: Money): Money {
  if (left.currency !== right.currency) throw new RangeError('Cannot add different currencies');
  return money(left.amount + right.amount, left.currency);
}

/** Throws as `money` does when the result would be negative. */
export function subtractMoney(left: Money, right: Money): Money {
  if (left.currency !== right.currency) throw new RangeError('Cannot subtract different currencies');
  return money(left.amount - right.amount, left.currency);
}

const plainDecimal = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;
const signedDecimal = /^-(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;

export interface AmountRules {
  /** Zero is an amount too (an initial deposit). Default false: `amount-not-positive`. */
  readonly admitsZero?: boolean;
}

/** The amount read last: what a decision reads, the fold of its event reads again, and the next step of a transfer as a rule. */
let lastText = '0';
let lastCurrency = 'USD';
let lastMinor = 0n;

/** Minor units of a decimal text, or what is wrong with it. In this order: currency, form, sign, size, scale. */
export function parseAmount(text: string, currency: string, rules: AmountRules = {}): bigint | MoneyProblem {
  const minor = text === lastText && currency === lastCurrency ? lastMinor : minorOf(text, currency);
  if (typeof minor !== 'bigint') return minor;
  if (minor === 0n && rules.admitsZero !== true)
    return problem('amount-not-positive', 'Amount must be positive');
  lastText = text;
  lastCurrency = currency;
  lastMinor = minor;
  return minor;
}

function minorOf(text: string, currency: string): bigint | MoneyProblem {
  const decimals = currencyDecimals(currency);
  if (decimals === undefined) return problem('currency', 'Currency must be an upper-case ISO 4217 code');
  const match = plainDecimal.exec(text);
  if (match === null) {
    return signedDecimal.test(text)
      ? problem('amount-not-positive', 'Amount must be positive')
      : problem('validation-failed', 'Amount must be a plain decimal number');
  }
  if (text.length > amountCharactersMax) return problem('amount-overflow', 'Amount is too large');
  const [, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) {
    return problem('amount-scale', `${currency} amounts have at most ${decimals} decimals`);
  }
  const minor = BigInt(whole + fraction.padEnd(decimals, '0'));
  return minor > amountMinorMax ? problem('amount-overflow', 'Amount is too large') : minor;
}

/** Tells a problem from an amount. */
export function isMoneyProblem(result: bigint | MoneyProblem): result is MoneyProblem {
  return typeof result !== 'bigint';
}

/** An amount ≥ 0 with the currency's full decimals: `100.00`, in JPY `100`. */
export function formatAmount(minor: bigint, currency: string): string {
  if (minor < 0n) throw new RangeError('Money amount cannot be negative');
  return formatSigned(minor, currency);
}

/** A balance with the currency's full decimals, `-500.00` when below zero. */
export function formatSigned(minor: bigint, currency: string): string {
  const decimals = currencyDecimals(currency);
  if (decimals === undefined) throw new RangeError('Currency must be 3-letter ISO code');
  const sign = minor < 0n ? '-' : '';
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, '0');
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/**
 * The amount as events keep it: as the client sent it, with its scale ("100" stays "100", D8). Throws RangeError on a
 * text that `parseAmount` would not admit for its form (M2).
 */
export function canonicalAmount(text: string): string {
  if (!plainDecimal.test(text) || text.length > amountCharactersMax) {
    throw new RangeError('Amount must be a plain decimal number');
  }
  return text;
}

function problem(code: MoneyProblem['code'], detail: string): MoneyProblem {
  return { type: 'money-problem', code, detail };
}
