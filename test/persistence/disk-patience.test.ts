/** When a thread waits for its writes itself. */
import t from 'tap';
import { DiskPatience } from '../../persistence/embedded/disk-patience.js';

/** Writes of so many ms each; of which of them it waited. */
function waits(patience: DiskPatience, durations: readonly number[]): boolean[] {
  return durations.map((ms) => {
    const isWaiting = patience.decide();
    if (isWaiting) patience.took(ms);
    return isWaiting;
  });
}

const times = (count: number, ms: number): number[] => new Array<number>(count).fill(ms);

t.test(
  'a fast disk is waited for, also while each of its answers but one in sixteen comes late',
  async (t) => {
    const patience = new DiskPatience();
    const late = [...times(15, 4), 0.3];
    const writes = [...times(112, 0.2), ...late, ...late, ...late];
    t.notOk(waits(patience, writes).includes(false));
  },
);

t.test('a slow disk is waited for sixteen times, and then once in a while until it is fast', async (t) => {
  const patience = new DiskPatience();
  t.same(waits(patience, times(16, 0.8)), new Array(16).fill(true));
  const slow = waits(patience, times(640, 0.8));
  t.equal(slow.filter((isWaiting) => isWaiting).length, 10);
  t.notOk(waits(patience, times(63, 0.2)).includes(true));
  t.notOk(waits(patience, times(100, 0.2)).includes(false), 'one fast answer is enough');
});

t.test('a write that hangs is the last that is waited for until the disk is tried again', async (t) => {
  const patience = new DiskPatience();
  waits(patience, [...times(3, 0.2), 1_000]);
  t.notOk(waits(patience, times(63, 1_000)).includes(true));
  t.same(waits(patience, [0.2, 0.2]), [true, true]);
});
