/** One segment packed, with its digest. */
import type { Archive } from '../persistence/archive/archive.js';
import { archiveSegment, type SegmentOrder } from '../persistence/archive/archive-segment.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import type { Rest } from '../persistence/archive/packing-pace.js';
import type { JournalReader } from '../persistence/store-reader.js';
import { makeDigests, SegmentDigest } from '../runtime/feed/archive-index.js';

/** Of segments that an older program or a crash has left without. */
const missingDigestsMax = 4;

/** `journal` without the archive: a segment is made of what stands in the log. Undefined when there is nothing to pack. */
export async function packSegment(
  journal: JournalReader,
  archive: Archive,
  order: SegmentOrder,
  rest: Rest,
): Promise<FileRange | undefined> {
  const digest = new SegmentDigest();
  const range = await archiveSegment(journal, archive, order, rest, digest.add);
  // The segment stands. Without its digest the feed reads all of it, and the next one tries again.
  try {
    if (range !== undefined) digest.keep(archive, order.partition, range.from);
    await makeDigests(archive, order.partition, missingDigestsMax, rest);
  } catch {}
  return range;
}
