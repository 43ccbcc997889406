/** The pace of packing: how long it pauses after a piece. That all of a segment's making rests is `test/ops/pack-segment.test.ts`. */
import t from 'tap';
import { blockBytes } from '../../../persistence/archive/journal-file-writer.js';
import {
  nicenessFor,
  packingPace,
  pauseAfter,
  pauseMsMax,
  restingReader,
} from '../../../persistence/archive/packing-pace.js';

t.test('a pause is four times what the piece took, until packing is behind', async (t) => {
  t.equal(pauseAfter(2, 1), 8);
  t.equal(pauseAfter(2, 1.5), 8);
  t.equal(pauseAfter(2, 2.25), 4);
  t.equal(pauseAfter(2, 3), 0);
  t.equal(pauseAfter(2, 100), 0);
});

t.test('the thread stands behind those who serve, until packing is behind', async (t) => {
  t.equal(nicenessFor(0), 12);
  t.equal(nicenessFor(1.9), 12);
  t.equal(nicenessFor(2), 19);
  t.equal(nicenessFor(3.9), 19);
  t.equal(nicenessFor(4), 5);
  t.equal(nicenessFor(100), 5);
});

t.test('one long piece is not followed by a pause without end', async (t) => {
  t.equal(pauseAfter(10_000, 1), pauseMsMax);
});

t.test('a pause is no part of the piece after it', async (t) => {
  let now = 0;
  const pauses: number[] = [];
  const pause = async (ms: number): Promise<void> => {
    pauses.push(ms);
    now += ms;
  };
  const rest = packingPace({ segmentsDue: 1, worked: () => now, pause });
  for (const pieceMs of [1, 3, 0]) {
    now += pieceMs;
    await rest();
  }
  t.same(pauses, [4, 12]);
});

t.test('a reader rests before it reads, and reads no more than a piece', async (t) => {
  const steps: unknown[] = [];
  const reader = {
    read: async (...read: unknown[]) => {
      steps.push(read);
      return [];
    },
  };
  const resting = restingReader(reader, async () => void steps.push('rest'));
  await resting.read(3, 7, { entriesMax: 5, bytesMax: 2 ** 30 });
  await resting.read(3, 8, { entriesMax: 5, bytesMax: 9 });
  t.same(steps, [
    'rest',
    [3, 7, { entriesMax: 5, bytesMax: blockBytes }],
    'rest',
    [3, 8, { entriesMax: 5, bytesMax: 9 }],
  ]);
});
