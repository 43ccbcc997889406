/** One entry, read alone, proves itself: no bit of it can change without being noticed. */
import t from 'tap';
import { EntryDamaged, EntryReader, EntryWriter, noHash } from '../../persistence/entry.js';

t.test('every flipped bit of an entry is found by whoever opens it', async (t) => {
  const writer = new EntryWriter();
  writer.add(1, 2, Buffer.from('the first record'));
  writer.add(3, 4, Buffer.from('the second'));
  const entry = writer.finish({
    partition: 7,
    epoch: 3,
    position: 12,
    previousHash: noHash,
    time: 1_700_000_000_000,
    group: 5,
    siblings: [{ partition: 1, position: 2 }],
    watermarks: [{ source: 2, position: 9, ordinal: 1 }],
  });
  t.equal(new EntryReader(entry).record(1).toString(), 'the second');
  const missed: string[] = [];
  for (let place = 0; place < entry.length; place++) {
    for (let bit = 0; bit < 8; bit++) {
      entry[place] = (entry[place] as number) ^ (1 << bit);
      try {
        new EntryReader(entry);
        missed.push(`${place}.${bit}`);
      } catch (error) {
        if (!(error instanceof EntryDamaged)) missed.push(`${place}.${bit}: ${error}`);
      }
      entry[place] = (entry[place] as number) ^ (1 << bit);
    }
  }
  t.same(missed, []);
  t.throws(() => new EntryReader(entry.subarray(0, entry.length - 1)), { code: 'journal-damaged' });
  t.throws(() => new EntryReader(entry.subarray(0, 10)), { code: 'journal-damaged' });
});
