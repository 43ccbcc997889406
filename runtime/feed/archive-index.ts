/**
 * The index of the archived part of the logs, by event type and correlation id: a digest beside each segment, made where and
 * when the segment is packed, so that it costs the actors nothing. The part of a log that is not archived yet is short
 * and is read.
 *
 * A digest that is missing or damaged makes reading slower and nothing else. So does an archive that is not of this log, but of
 * another store or of what this one held before it was put back: its digests know other entries under the same positions.
 */
import type { Archive, Segment } from '../../persistence/archive/archive.js';
import { whyNotFollowing } from '../../persistence/archive/archive-segment.js';
import { hasCompanion, readCompanion, writeCompanion } from '../../persistence/archive/companion-file.js';
import { noRest, type Rest, restingReader } from '../../persistence/archive/packing-pace.js';
import { EntryReader } from '../../persistence/entry.js';
import type { JournalReader } from '../../persistence/store-reader.js';
import { DigestBuilder, EventDigest } from './event-digest.js';
import type { EventFilter } from './event-filter.js';

const suffix = '.events';
/** Digests kept in memory, some 20 MB. */
const digestsMax = 64;
/** Digests looked into at a time, so that a reader lets other work in between. */
const looksMax = 16;
const page = { entriesMax: 1_024, bytesMax: 1_048_576 };

export interface Passed {
  /** Nothing wanted lies before it, from where one asked. */
  readonly position: number;
  /** Digests looked into. */
  readonly looks: number;
  /** False: from there on there is no index. */
  readonly isKnown: boolean;
}

export class ArchiveIndex {
  readonly #archive: Archive;
  readonly #journal: JournalReader;
  /** Partitions whose archive was found to be of this log. What is archived later follows both. */
  readonly #isOfThisLog = new Set<number>();
  /** By file; the least recently used goes first. */
  readonly #digests = new Map<string, EventDigest>();

  constructor(archive: Archive, journal: JournalReader) {
    this.#archive = archive;
    this.#journal = journal;
  }

  /** Passes over what holds nothing that is wanted. Where no digest knows, it stays at `from`. */
  async pass(partition: number, from: number, filter: EventFilter): Promise<Passed> {
    let position = from;
    if (!(await this.#mayBeBelieved(partition))) return { position, looks: 0, isKnown: false };
    for (let looks = 0; looks < looksMax; looks++) {
      const segment = this.#archive.segmentOf(partition, position);
      const digest = segment === undefined ? undefined : this.#digest(segment);
      if (segment === undefined || digest === undefined) return { position, looks, isKnown: false };
      const next = digest.next(position, filter);
      if (next !== undefined) return { position: next, looks: looks + 1, isKnown: true };
      position = segment.to + 1;
    }
    return { position, looks: looksMax, isKnown: true };
  }

  /** Also false when the store cannot be asked, or the last segment is damaged: whoever reads these will say so. */
  async #mayBeBelieved(partition: number): Promise<boolean> {
    if (this.#isOfThisLog.has(partition)) return true;
    const why = await whyNotFollowing(this.#journal, this.#archive, partition).catch(String);
    if (why === undefined) this.#isOfThisLog.add(partition);
    return why === undefined;
  }

  #digest(segment: Segment): EventDigest | undefined {
    let digest = this.#digests.get(segment.file);
    if (digest === undefined) {
      const content = readCompanion(this.#archive.ground, segment, suffix);
      digest = content === undefined ? undefined : EventDigest.decode(content);
      if (digest === undefined) return undefined;
    } else this.#digests.delete(segment.file);
    this.#digests.set(segment.file, digest);
    for (const oldest of this.#digests.keys()) {
      if (this.#digests.size <= digestsMax) break;
      this.#digests.delete(oldest);
    }
    return digest;
  }
}

/** The digest of a segment, made while it is packed: whoever packs has every entry open already. */
export class SegmentDigest {
  #builder: DigestBuilder | undefined = new DigestBuilder();

  /** An entry that it cannot read costs the segment its digest, and nothing else. */
  readonly add = (entry: EntryReader): void => {
    try {
      this.#builder?.add(entry);
    } catch {
      this.#builder = undefined;
    }
  };

  /** Puts it beside the segment that begins there. */
  keep(archive: Archive, partition: number, from: number): void {
    const segment = archive.segmentOf(partition, from);
    if (segment !== undefined && this.#builder !== undefined)
      writeCompanion(archive.ground, segment, suffix, this.#builder.finish());
  }
}

/** Makes the digests that segments of a partition lack, at most so many, the newest first. Returns how many it made. */
export async function makeDigests(
  archive: Archive,
  partition: number,
  countMax: number,
  rest: Rest = noRest,
): Promise<number> {
  const reader = restingReader(archive, rest);
  let made = 0;
  for (const segment of archive.segments(partition).toReversed()) {
    if (made === countMax) break;
    if (hasCompanion(archive.ground, segment, suffix)) continue;
    writeCompanion(archive.ground, segment, suffix, await digestOf(reader, partition, segment));
    made++;
  }
  return made;
}

async function digestOf(
  reader: Pick<JournalReader, 'read'>,
  partition: number,
  { from, to }: Segment,
): Promise<Uint8Array> {
  const builder = new DigestBuilder();
  for (let position = from; position <= to; ) {
    const entries = await reader.read(partition, position, page);
    if (entries.length === 0) throw new Error(`invariant: the segment holds position ${position}`);
    for (const { bytes } of entries) builder.add(new EntryReader(bytes));
    position += entries.length;
  }
  return builder.finish();
}
