/** The version of this package, from its own manifest. */
import { readFileSync } from 'node:fs';

export function packageVersion(): string {
  // Two levels up from dist/ops; npm has checked the manifest before anybody could run this.
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
