import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { currencyCodes, currencyDecimals, sharedCurrency } from '../../../actors/model/currency.js';
import {
  addMoney,
  canonicalAmount,
  formatAmount,
  formatSigned,
  isMoneyProblem,
  money,
  parseAmount,
  subtractMoney,
} from '../../../actors/model/money.js';

const currencies = fc.constantFrom('USD', 'JPY', 'KWD', 'CLF');

/** The same rules, digit by digit and without a regular expression. */
function slowParse(text: string, currency: string): bigint | string {
  const decimals = { USD: 2, JPY: 0, KWD: 3, CLF: 4 }[currency];
  if (decimals === undefined) return 'currency';
  const negative = text.startsWith('-');
  const parts = (negative ? text.slice(1) : text).split('.');
  const isDigits = (part: string) =>
    part.length > 0 && [...part].every((digit) => digit >= '0' && digit <= '9');
  const [whole = '', fraction] = parts;
  if (parts.length > 2 || !isDigits(whole) || (fraction !== undefined && !isDigits(fraction)))
    return 'validation-failed';
  if (whole.length > 1 && whole.startsWith('0')) return 'validation-failed';
  if (negative) return 'amount-not-positive';
  if (text.length > 40) return 'amount-overflow';
  if ((fraction ?? '').length > decimals) return 'amount-scale';
  let minor = 0n;
  for (const digit of whole + (fraction ?? '')) minor = minor * 10n + BigInt(digit);
  for (let missing = decimals - (fraction ?? '').length; missing > 0; missing--) minor *= 10n;
  if (minor > 1_000_000_000_000_000n) return 'amount-overflow';
  return minor === 0n ? 'amount-not-positive' : minor;
}

const parsed = (text: string, currency: string) => {
  const result = parseAmount(text, currency);
  return isMoneyProblem(result) ? result.code : result;
};

t.test('parsing agrees with a slow reference on texts that look like amounts', async () => {
  const texts = fc.oneof(
    fc.stringMatching(/^-?[0-9]{0,18}\.?[0-9]{0,5}$/),
    fc.stringMatching(/^[1-9][0-9]{0,15}(\.[0-9]{1,4})?$/),
    fc.string({ unit: fc.constantFrom(...'0123456789.-+eE ,_') }),
    fc.stringMatching(/^[1-9][0-9]{35,60}$/),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, currencies, (text, currency) => {
      assert.equal(parsed(text, currency), slowParse(text, currency));
    }),
    { numRuns: 5_000 },
  );
});

t.test(
  'a text read before means another amount in another currency, and zero is asked about each time',
  async (t) => {
    t.equal(parseAmount('7', 'USD'), 700n);
    t.equal(parseAmount('7', 'JPY'), 7n);
    t.equal(parsed('7', 'usd'), 'currency');
    t.equal(parseAmount('7', 'USD'), 700n);
    t.equal(parseAmount('0', 'USD', { admitsZero: true }), 0n);
    t.equal(parsed('0', 'USD'), 'amount-not-positive');
    t.equal(parsed('', ''), 'currency');
  },
);

t.test('what is formatted parses to itself, with the full decimals of the currency', async () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 15n }), currencies, (minor, currency) => {
      const text = formatAmount(minor, currency);
      assert.equal(parseAmount(text, currency), minor);
      assert.equal((text.split('.')[1] ?? '').length, currencyDecimals(currency));
      assert.equal(formatSigned(-minor, currency), `-${text}`);
    }),
    { numRuns: 2_000 },
  );
});

t.test('sums and differences are exact', async () => {
  const amounts = fc.bigInt({ min: 0n, max: 10n ** 15n });
  fc.assert(
    fc.property(amounts, amounts, (left, right) => {
      const sum = addMoney(money(left, 'USD'), money(right, 'USD'));
      assert.equal(sum.amount, left + right);
      assert.deepEqual(subtractMoney(sum, money(right, 'USD')), money(left, 'USD'));
    }),
  );
});

t.test('each wrong amount has its code', async (t) => {
  const cases: [string, string][] = [
    ['-1', 'amount-not-positive'],
    ['-0', 'amount-not-positive'],
    ['0', 'amount-not-positive'],
    ['0.00', 'amount-not-positive'],
    ['1.001', 'amount-scale'],
    ['10000000000000.01', 'amount-overflow'],
    ['9'.repeat(400), 'amount-overflow'],
    ['1e3', 'validation-failed'],
    ['+1', 'validation-failed'],
    ['01', 'validation-failed'],
    ['1.', 'validation-failed'],
    ['.5', 'validation-failed'],
    ['1,5', 'validation-failed'],
    [' 1', 'validation-failed'],
    ['1\n', 'validation-failed'],
    ['', 'validation-failed'],
    ['١', 'validation-failed'],
    ['NaN', 'validation-failed'],
    ['0x10', 'validation-failed'],
  ];
  for (const [text, code] of cases) t.equal(parsed(text, 'USD'), code, text.slice(0, 20));
  t.equal(parsed('10000000000000.00', 'USD'), 10n ** 15n, 'the largest amount');
  for (const currency of ['usd', 'XXX', 'XAU', '', 'US']) t.equal(parsed('1', currency), 'currency');
  t.equal(parseAmount('0', 'USD', { admitsZero: true }), 0n);
});

t.test('row 46: a negative amount is refused', async (t) => {
  t.throws(() => money(-1n, 'USD'), { message: 'Money amount cannot be negative' });
  t.throws(() => subtractMoney(money(1n, 'USD'), money(2n, 'USD')), {
    message: 'Money amount cannot be negative',
  });
  t.throws(() => formatAmount(-1n, 'USD'), { message: 'Money amount cannot be negative' });
});

t.test('row 47: a currency is three letters', async (t) => {
  for (const currency of ['US', 'USDX', 'U1D', '']) {
    t.throws(() => money(1n, currency), { message: 'Currency must be 3-letter ISO code' });
  }
});

t.test('row 48: currencies do not mix', async (t) => {
  t.throws(() => addMoney(money(1n, 'USD'), money(1n, 'EUR')), {
    message: 'Cannot add different currencies',
  });
  t.throws(() => subtractMoney(money(1n, 'USD'), money(1n, 'EUR')), {
    message: 'Cannot subtract different currencies',
  });
});

t.test('D8: an amount keeps its scale', async (t) => {
  for (const text of ['100', '100.0', '100.00', '0.50']) t.equal(canonicalAmount(text), text);
  t.throws(() => canonicalAmount('1e2'));
  t.throws(() => canonicalAmount('0100'));
});

t.test('decision a: a balance may be below zero', async (t) => {
  t.equal(formatSigned(-50_000n, 'USD'), '-500.00');
  t.equal(formatSigned(-5n, 'USD'), '-0.05');
  t.equal(formatSigned(0n, 'JPY'), '0');
  t.equal(formatSigned(-7n, 'JPY'), '-7');
});

t.test('the currencies are those of ISO 4217, with their decimals', async (t) => {
  const codes = currencyCodes();
  t.equal(codes.length, new Set(codes).size);
  t.ok(codes.length > 155);
  for (const code of codes) t.match(code, /^[A-Z]{3}$/);
  const known: [string, number][] = [
    ['USD', 2],
    ['EUR', 2],
    ['GBP', 2],
    ['CHF', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['CLP', 0],
    ['BHD', 3],
    ['TND', 3],
    ['CLF', 4],
  ];
  for (const [code, decimals] of known) t.equal(currencyDecimals(code), decimals);
});

t.test('a shared code is the same text, also of what is no code', async (t) => {
  for (const text of ['USD', 'JPY', 'usd', '', 'XXXX']) t.equal(sharedCurrency(text), text);
});
