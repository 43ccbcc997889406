/**
 * Looks into an embedded store without its lock: LMDB's readers see one version of the data each and hold up no writer.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { assertPartition } from '../append-check.js';
import type { ReadLimits, StoredEntry } from '../journal.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReader } from '../store-reader.js';
import { aheadArrived } from './ahead-recovery.js';
import { lockHolder } from './directory-lock.js';
import { EntryLocator } from './entry-locator.js';
import { LogEnvironment } from './log-environment.js';
import { checkFormat, readManifestFile } from './manifest-file.js';
import { SpaceGuard } from './space-guard.js';
import { manifestOf } from './store-documents.js';
import { TablesEnvironment } from './tables-environment.js';
import { settleUncleanEnd } from './unclean-end.js';

const logFolder = 'log';
const tablesFolder = 'tables';

/** Throws `StoreFailure`: `store-incompatible` where there is no store that this version reads, `store-broken` for one cut off. */
export async function openEmbeddedReader(directory: string, clock: StoreClock): Promise<StoreReader> {
  const manifest = readManifestFile(directory);
  if (manifest === undefined) throw new StoreFailure('store-incompatible', `${directory} holds no store`);
  checkFormat(directory, manifest);
  await settleUncleanEnd(directory, manifest.partitionCount, clock);
  const { partitionCount } = manifest;
  const log = new LogEnvironment(path.join(directory, logFolder), 'disk', 'look');
  const tables = new TablesEnvironment(path.join(directory, tablesFolder), 'disk', 'look');
  // Whoever looks may as well look at the store of an owner that hangs.
  await aheadArrived(directory, log, clock);
  const read = (partition: number, from: number, limits: ReadLimits): StoredEntry[] => {
    assertPartition(partition, partitionCount);
    const record = log.readFence(partition);
    return new EntryLocator(log, partition, record).read(from, record.head.position, limits);
  };
  return {
    journal: {
      read: async (partition, from, limits) => read(partition, from, limits),
      head: async (partition) => log.readHead(partition).head,
    },
    tables: {
      get: (partition, table, keys) => tables.get(partition, table, keys),
      range: (partition, query) => tables.range(partition, query),
      checkpoint: async (partition) => tables.readMark(partition).checkpoint,
    },
    partitionCount,
    description: `embedded (LMDB) in ${directory}`,
    heads: async () => log.readHeads(partitionCount).map(({ head }) => head),
    observe: async (partition) => {
      const { fence } = log.readHead(partition);
      return fence.epoch === 0 ? undefined : fence;
    },
    owner: async () => {
      const pid = lockHolder(directory);
      return pid === undefined ? undefined : `process ${pid}`;
    },
    space: () => new SpaceGuard(directory, clock, undefined).measure(),
    sizes: async () => ({ log: sizeOf(directory, logFolder), tables: sizeOf(directory, tablesFolder) }),
    readManifest: async () => manifestOf(log),
    close: async () => {
      await log.root.close();
      await tables.root.close();
    },
  };
}

function sizeOf(directory: string, folder: string): number {
  return statSync(path.join(directory, folder, 'data.mdb')).size;
}
