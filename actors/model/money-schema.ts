/**
 * Schemas of money in payloads and bodies, marked so that validation can answer with the codes of money.
 *
 * The mark is an extension keyword of JSON Schema and shows in the API description. The amount's form, scale and size
 * are `parseAmount`'s to judge, with codes of their own, so the schema asks only for a string.
 */
import { currencyDecimals } from './currency.js';
import { Type } from './typebox.js';

export const moneyKeyword = 'x-money';
export type MoneyRole = 'amount' | 'currency';

/** A decimal string with at most the currency's decimals. */
export const AmountSchema = Type.String({
  [moneyKeyword]: 'amount' satisfies MoneyRole,
  description: 'Decimal string with at most the decimals of the currency',
  examples: ['100.00'],
});

/** An active ISO 4217 code. */
export const CurrencySchema = Type.Refine(
  Type.String({
    [moneyKeyword]: 'currency' satisfies MoneyRole,
    pattern: '^[A-Z]{3}$',
    description: 'ISO 4217 code',
    examples: ['USD'],
  }),
  (code) => currencyDecimals(code) !== undefined,
);
