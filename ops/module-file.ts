/**
 * A JavaScript file that brings modules: its default export or its export `modules`, one module or a list.
 *
 * The main thread loads it for the routes and every shard for the actors, each by the same URL.
 */
import type { Adapters } from '../actors/model/activity.js';
import type { Module } from '../actors/model/module.js';

/** Rejects with a message for the author of the file. */
export async function loadModuleFile(url: string): Promise<readonly Module[]> {
  const exports = await load(url);
  const exported = exports.default ?? exports.modules;
  const modules: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (modules.length === 0 || !modules.every(isModule)) {
    throw new TypeError(
      `${url} must export a module (defineModule) or a list of modules as its default or as "modules"`,
    );
  }
  return modules;
}

/** The file's export `adapters`: what does the activities of its modules' own ports. Absent: none. */
export async function loadAdapters(url: string): Promise<Adapters> {
  const { adapters = {} } = await load(url);
  if (typeof adapters !== 'object' || adapters === null) {
    throw new TypeError(`${url} must export adapters by the name of their port as "adapters"`);
  }
  // What each of them can do is checked against its port where both meet.
  return adapters as Adapters;
}

/** The errors of `import` leave out which file does not parse. */
async function load(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(url);
  } catch (cause) {
    throw new Error(`${url} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** What the compiler checks for whoever uses it; the rest of a module is checked where it is compiled. */
function isModule(value: unknown): value is Module {
  if (typeof value !== 'object' || value === null) return false;
  const { name, aggregates } = value as Partial<Record<keyof Module, unknown>>;
  return typeof name === 'string' && Array.isArray(aggregates);
}
