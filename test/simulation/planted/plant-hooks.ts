/** Module hooks that put one bug into the file it belongs to as it is loaded. They run on a thread of their own. */
import type { InitializeHook, LoadHook } from 'node:module';
import { type PlantedBug, planted, urlOf } from './planted-bug.js';

let bug: PlantedBug | undefined;

export const initialize: InitializeHook<PlantedBug> = async (given) => {
  bug = given;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (bug === undefined || url !== urlOf(bug)) return loaded;
  return { ...loaded, source: planted(bug, String(loaded.source)) };
};
