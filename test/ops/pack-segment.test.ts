/** A segment made at a pace: on a clock that only its work and its pauses move. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { packSegment } from '../../ops/pack-segment.js';
import { Archive } from '../../persistence/archive/archive.js';
import { packingGround } from '../../persistence/archive/archive-ground.js';
import { packingPace } from '../../persistence/archive/packing-pace.js';
import { counterContract } from '../support/counter-module.js';
import { temporaryDirectory } from '../support/server.js';
import { TestSystem } from '../support/test-system.js';

const pieceMs = 2;
/** Some 2 MB: 16 blocks. */
const fills = 140;
const blockCount = 16;

/** Each read of the log and each block that is expanded takes `pieceMs`. */
async function packed(t: Test, segmentsDue: number) {
  const system = await TestSystem.start({ partitionCount: 1 });
  for (let count = 0; count < fills; count++)
    await system.ask(commandCall(counterContract, 'one', 'fill', { count: 1, characters: 15_000 }));
  const spent = { worked: 0, paused: 0, pauses: 0 };
  const archive = new Archive(path.join(temporaryDirectory(t), 'archive'), {
    ...packingGround,
    expand: (compressed, bytesMax) => {
      spent.worked += pieceMs;
      return packingGround.expand(compressed, bytesMax);
    },
  });
  const { journal } = system.store;
  const read: typeof journal.read = (...asked) => {
    spent.worked += pieceMs;
    return journal.read(...asked);
  };
  const rest = packingPace({
    segmentsDue,
    worked: () => spent.worked,
    pause: async (ms) => {
      spent.paused += ms;
      spent.pauses++;
    },
  });
  const { position: to } = await journal.head(0);
  const order = { partition: 0, to, bytesMax: 2 ** 30 };
  const range = await packSegment({ ...journal, read }, archive, order, rest);
  t.match(range, { from: 1, to });
  t.ok(existsSync(archive.fileFor(0, 1, to).replace(/journal$/, 'events')), 'with its index');
  return spent;
}

t.test('while there is time a segment is copied, indexed and read back at a fifth of one core', async (t) => {
  const { worked, paused, pauses } = await packed(t, 1);
  t.ok(pauses >= 2 * blockCount - 2, `${pauses} pauses: each of two passes takes one block at a time`);
  // After the last piece nobody rests.
  const isFifth = paused <= 4 * worked && paused >= 4 * (worked - 2 * pieceMs);
  t.ok(isFifth, `${worked} ms of work, ${paused} ms of pauses`);
});

t.test('a segment of a log that holds three is packed without a pause', async (t) => {
  const { worked, pauses } = await packed(t, 3);
  t.ok(worked > 0);
  t.equal(pauses, 0);
});
