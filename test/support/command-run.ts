/** What the long-running commands of this folder's neighbours share: numbers from the command line, lines out, an exit code. */

/** The number of an option; throws what is wrong with it. */
export function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, not ${text}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Exits with what `main` resolves to, or with 2 and one line when it throws. */
export async function runCommand(name: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
