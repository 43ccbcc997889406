/**
 * A journal whose older entries stand in an archive: what was trimmed from the log is read from there, so nobody above needs to know
 * where an entry is. Appends go straight through.
 */
import type { Journal, StoredEntry } from '../journal.js';
import { isGap } from '../journal-gap.js';
import type { JournalReader } from '../store-reader.js';
import type { Archive } from './archive.js';

export function archivedJournal(journal: Journal, archive: Archive): Journal {
  return {
    ...archivedReader(journal, archive),
    append: (group) => journal.append(group),
    trim: (cuts, mayGoOn) => journal.trim(cuts, mayGoOn),
  };
}

/** Reads the log; and where that has no entry, the archive. It is a gap when neither has one. */
export function archivedReader(journal: JournalReader, archive: Archive): JournalReader {
  return {
    head: (partition) => journal.head(partition),
    async read(partition, from, limits): Promise<readonly StoredEntry[]> {
      try {
        return await journal.read(partition, from, limits);
      } catch (error) {
        if (!isGap(error)) throw error;
        const archived = await archive.read(partition, from, limits);
        if (archived.length === 0) throw error;
        return archived;
      }
    },
  };
}
