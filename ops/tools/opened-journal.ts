/**
 * The store that a tool was pointed at, opened to look into, with the words to read it by.
 */
import { pathToFileURL } from 'node:url';
import { openStoreReader, type StoreAddress } from '../../persistence/open-store.js';
import type { StoreReader } from '../../persistence/store-reader.js';
import type { Vocabulary } from '../../runtime/inspect/readable-entry.js';
import { compileKinds, type KindTable } from '../../runtime/kind-table.js';
import { pointTables } from '../../runtime/point-tables.js';
import { SchemaCatalogue } from '../../runtime/schema-catalogue.js';
import { loadModuleFile } from '../module-file.js';
import type { Config } from '../settings.js';
import { archiveDirectoryOf, redisOptionsOf, storeUrlOf } from '../store-options.js';
import { systemClock } from '../system-clock.js';

export function addressOf(config: Config): StoreAddress {
  const redis = { ...redisOptionsOf(config), pointTables };
  return { url: storeUrlOf(config), redis, archive: archiveDirectoryOf(config) };
}

/** Opens the configured store for the length of `use`. */
export async function withReader<Result>(
  config: Config,
  use: (reader: StoreReader, address: StoreAddress) => Promise<Result>,
): Promise<Result> {
  const address = addressOf(config);
  const reader = await openStoreReader(address, systemClock);
  try {
    return await use(reader, address);
  } finally {
    await reader.close();
  }
}

/** Reads the catalogue, and the modules for the names of fields; without them `remark` says why there are no names. */
export async function vocabularyOf(
  config: Config,
  reader: StoreReader,
  remark: (text: string) => void,
): Promise<Vocabulary> {
  const manifest = await reader.readManifest();
  return { catalogue: SchemaCatalogue.parse(manifest), kinds: await kindsOf(config, manifest, remark) };
}

async function kindsOf(
  config: Config,
  manifest: Uint8Array | undefined,
  remark: (text: string) => void,
): Promise<KindTable | undefined> {
  try {
    const url = config.app === undefined ? defaultAppUrl : pathToFileURL(config.app).href;
    // A catalogue of its own: new schemas of the modules are no part of the store.
    return compileKinds(await loadModuleFile(url), SchemaCatalogue.parse(manifest)).table;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    remark(`fields are shown without their names, because the modules do not fit this store: ${reason}`);
    return undefined;
  }
}

const defaultAppUrl = new URL('../../actors/app.js', import.meta.url).href;
