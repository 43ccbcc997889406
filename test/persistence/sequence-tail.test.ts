/** The places of the newest entries, as they are kept in a fence record. */
import fc from 'fast-check';
import t from 'tap';
import { decodeFenceRecord, encodeFenceRecord } from '../../persistence/embedded/fence-record.js';
import {
  encodeBlock,
  SequenceTail,
  sequenceInBlock,
  sequencesPerBlock,
} from '../../persistence/embedded/sequence-tail.js';

const rising = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 2 ** 40 })), {
    maxLength: 63,
  })
  .map((steps) => {
    let sequence = 1_700_000_000_000_000;
    return steps.map((step) => {
      sequence += step;
      return sequence;
    });
  });

t.test('sequences come back from a fence record as they were', async () => {
  fc.assert(
    fc.property(
      rising,
      fc.nat(),
      fc.string({ unit: 'grapheme-ascii', minLength: 8, maxLength: 32 }),
      (sequences, epoch, nonce) => {
        const tail = new SequenceTail();
        for (const sequence of sequences) tail.add(sequence);
        const record = {
          fence: { epoch, nonce },
          head: { position: 77, hash: Buffer.alloc(16, epoch) },
          tail,
        };
        const decoded = decodeFenceRecord(encodeFenceRecord(record));
        return (
          decoded.tail.count === sequences.length &&
          decoded.tail.list().every((sequence, index) => sequence === sequences[index]) &&
          decoded.fence.epoch === epoch &&
          decoded.fence.nonce === nonce &&
          decoded.head.position === 77 &&
          Buffer.compare(decoded.head.hash, record.head.hash) === 0
        );
      },
    ),
  );
});

t.test('a full block finds each of its positions', async (t) => {
  const sequences = Array.from(
    { length: sequencesPerBlock },
    (_, index) => 1_700_000_000_000_000 + index * 3,
  );
  const block = encodeBlock(sequences);
  for (const first of [0, 64, 6_400]) {
    t.equal(sequenceInBlock(block, first + 1), sequences[0]);
    t.equal(sequenceInBlock(block, first + 64), sequences[63]);
  }
});

t.test('a tail that was cleared starts anew', async (t) => {
  const tail = new SequenceTail();
  tail.add(5);
  tail.add(500);
  tail.clear();
  tail.add(7);
  t.same(tail.list(), [7]);
});
