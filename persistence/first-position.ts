/** Where a partition's log begins by now. */
import { isGap } from './journal-gap.js';
import type { JournalReader } from './store-reader.js';

/**
 * The lowest position that can be read; head + 1 when nothing can. Found by halving, because everything from there to the head
 * is there; so it asks no driver to keep a number.
 */
export async function firstPosition(journal: JournalReader, partition: number): Promise<number> {
  const { position: head } = await journal.head(partition);
  // Most logs are whole.
  if (head === 0 || (await isThere(journal, partition, 1))) return 1;
  let missing = 1;
  let present = head + 1;
  while (present - missing > 1) {
    const middle = Math.floor((missing + present) / 2);
    if (await isThere(journal, partition, middle)) present = middle;
    else missing = middle;
  }
  return present;
}

async function isThere(journal: JournalReader, partition: number, position: number): Promise<boolean> {
  try {
    return (await journal.read(partition, position, { entriesMax: 1, bytesMax: 1 })).length > 0;
  } catch (error) {
    if (isGap(error)) return false;
    throw error;
  }
}
