/**
 * Which versions of Node can run the server: those that the web server's binary exists for.
 */

/** The line that refuses this version, or undefined when it will do. `version` as `process.versions.node`. */
export function refusalOfNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if ((major === 20 && minor >= 12) || (major > 20 && major < 23)) return undefined;
  const remedy = major >= 23 ? ', or install the official uWebSockets.js over the alias in package.json' : '';
  return `troupe needs Node 20 (20.12 or later) or 22 and this is Node ${version}: use one of those${remedy}.`;
}
