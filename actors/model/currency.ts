/**
 * The active currencies of ISO 4217 (list one, 2026-01-01) and how many decimals each has.
 *
 * Metals, testing codes and units without decimals of their own (XAU, XDR, XXX, …) are no currencies here.
 */

/** Three letters each, by number of decimals. */
const byDecimals: Readonly<Record<number, string>> = {
  0: 'BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF',
  2:
    'AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDFCHECHFCHWCNYCOPCOUCRCCUPCVECZKDKKDOPDZD' +
    'EGPERNETBEURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHTGHUFIDRILSINRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRDLSLMADMDLMGAMKD' +
    'MMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLESOSSRD' +
    'SSPSTNSVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUSNUYUUZSVEDVESWSTXCDXCGYERZARZMWZWG',
  3: 'BHDIQDJODKWDLYDOMRTND',
  4: 'CLFUYW',
};

const decimalsByCode: ReadonlyMap<string, number> = new Map(
  Object.entries(byDecimals).flatMap(([decimals, codes]) =>
    (codes.match(/.{3}/g) ?? []).map((code): [string, number] => [code, Number(decimals)]),
  ),
);

const ownText: ReadonlyMap<string, string> = new Map([...decimalsByCode.keys()].map((code) => [code, code]));

/**
 * The same text, an active code as this list has it. What keeps thousands of them (every account) keeps one in place of many,
 * which is at hand when it is looked at.
 */
export function sharedCurrency(code: string): string {
  return ownText.get(code) ?? code;
}

/** Decimals of a currency (0, 2, 3 or 4), or undefined when the text is no active code. Case matters. */
export function currencyDecimals(code: string): number | undefined {
  return decimalsByCode.get(code);
}

/** All active codes, in no particular order. */
export function currencyCodes(): readonly string[] {
  return [...decimalsByCode.keys()];
}
