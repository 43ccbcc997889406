/**
 * Which versions of Node are too old for the program itself. A newer one than the web server's binary exists for is found
 * out by loading that binary, so that the official package, installed over the alias, is taken where it works.
 */

/** The line that refuses this version, or undefined when it will do. `version` as `process.versions.node`. */
export function refusalOfNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 15)) return undefined;
  return `this is Node ${version}, which is too old: use Node 20 (20.15 or later) or 22.`;
}
