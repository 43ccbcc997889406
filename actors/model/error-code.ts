/** The code of an error of the system (`ENOENT`) or of our own (`journal-gap`); undefined on anything else that was thrown. */
export function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
