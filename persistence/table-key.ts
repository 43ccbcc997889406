/**
 * Limits and order of table keys (T3): strings of characters U+0000–U+00FF, one byte each, compared byte by byte. JavaScript's `<`
 * on such strings is that order. A key outside the limits is a mistake in the caller and throws.
 */

export const tableNameCharactersMax = 64;
/** LMDB takes keys of 1,978 bytes; the rest is room for partition and table. */
export const tableKeyCharactersMax = 1_024;

export function assertTableName(table: string): void {
  if (table.length === 0 || table.length > tableNameCharactersMax || !isLatin1(table)) {
    throw new RangeError(
      `table name of ${table.length} characters: 1–${tableNameCharactersMax}, each up to U+00FF`,
    );
  }
}

export function assertTableKey(key: string): void {
  if (key.length > tableKeyCharactersMax || !isLatin1(key)) {
    throw new RangeError(
      `table key of ${key.length} characters: up to ${tableKeyCharactersMax}, each up to U+00FF`,
    );
  }
}

/** A loop: every row that a sweep writes is asked, and a regular expression costs more than the rest of its way here. */
function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0xff) return false;
  return true;
}
