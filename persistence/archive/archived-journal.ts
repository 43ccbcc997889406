/**
 * A journal whose older entries stand in an archive: what was trimmed from the log is read from there, so nobody above needs to know
 * where an entry is. Appends go straight through.
 */
import type { Journal, ReadLimits, StoredEntry } from '../journal.js';
import type { JournalReader } from '../store-reader.js';
import type { Archive } from './archive.js';

export function archivedJournal(journal: Journal, archive: Archive): Journal {
  return {
    append: (group) => journal.append(group),
    head: (partition) => journal.head(partition),
    trim: (partition, below) => journal.trim(partition, below),
    read: archivedReads(journal, archive),
  };
}

/** Reads the log; and where it has no entry, the archive. A gap is one only when both have it. */
export function archivedReads(journal: JournalReader, archive: Archive): JournalReader['read'] {
  return async (partition, from, limits): Promise<readonly StoredEntry[]> => {
    try {
      return await journal.read(partition, from, limits);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'journal-gap')) throw error;
      const archived = await readArchived(archive, partition, from, limits);
      if (archived.length === 0) throw error;
      return archived;
    }
  };
}

function readArchived(
  archive: Archive,
  partition: number,
  from: number,
  limits: ReadLimits,
): Promise<readonly StoredEntry[]> {
  return archive.read(partition, from, limits);
}
