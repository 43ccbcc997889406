/**
 * JSON of actors' own data, which may hold whole numbers that JSON has no exact form for: those become text.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, bigintsAsText);
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
