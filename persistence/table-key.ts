/**
 * Limits and order of table keys (T3): strings of characters U+0000–U+00FF, one byte each, compared byte by byte. JavaScript's `<`
 * on such strings is that order. A key outside the limits is a mistake in the caller and throws.
 */

export const tableNameCharactersMax = 64;
/** LMDB takes keys of 1,978 bytes; the rest is room for partition and table. */
export const tableKeyCharactersMax = 1_024;
const beyondLatin1 = /[\u0100-\uffff]/;

export function assertTableName(table: string): void {
  if (table.length === 0 || table.length > tableNameCharactersMax || beyondLatin1.test(table)) {
    throw new RangeError(
      `table name of ${table.length} characters: 1–${tableNameCharactersMax}, each up to U+00FF`,
    );
  }
}

export function assertTableKey(key: string): void {
  if (key.length > tableKeyCharactersMax || beyondLatin1.test(key)) {
    throw new RangeError(
      `table key of ${key.length} characters: up to ${tableKeyCharactersMax}, each up to U+00FF`,
    );
  }
}
