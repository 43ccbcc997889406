/**
 * A planted bug: one edit to the product's own compiled code, made while it is loaded in a process that runs simulations.
 * The product has no switch for it; a build holds nothing of it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface PlantedBug {
  readonly name: string;
  /** What goes wrong with it, and which invariant says so. */
  readonly breaks: string;
  /** Path of the source, without its extension. */
  readonly file: string;
  /** Stands in the compiled file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const dist = new URL('../../../', import.meta.url);

export function urlOf(bug: PlantedBug): string {
  return new URL(`${bug.file}.js`, dist).href;
}

/** The code with the bug in it. Throws when the code has changed so that it no longer fits. */
export function planted(bug: PlantedBug, code: string): string {
  const places = code.split(bug.find).length - 1;
  if (places !== 1)
    throw new Error(`planted bug "${bug.name}" fits ${places} places of ${bug.file}, not one`);
  return code.replace(bug.find, () => bug.replace);
}

export function compiledCode(bug: PlantedBug): string {
  return readFileSync(fileURLToPath(urlOf(bug)), 'utf8');
}
