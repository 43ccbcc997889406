/** Flushes counted from a trace. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { countFlushes } from '../../bench/flush-trace.js';
import { temporaryDirectory } from '../support/server.js';

const name = 'data/ahead/1-0';
const ahead = `31</srv/${name}>`;
const opens = (flags: string): string => `7 0.500 openat(AT_FDCWD</srv>, "${name}", ${flags}) = ${ahead}`;

t.test('a synchronous write into a write-ahead file is a flush', async (t) => {
  const count = (...lines: string[]): number => {
    const file = path.join(temporaryDirectory(t), 'flushes.trace');
    writeFileSync(file, lines.join('\n'));
    return countFlushes(file, 1_000, 2_000);
  };
  const synchronously = opens('O_WRONLY|O_DSYNC|O_CLOEXEC');
  const write = `8 1.000 pwritev(${ahead}, [{iov_base=""..., iov_len=72}, {iov_base=""..., iov_len=9}], 2, 0) = 81`;
  const writeBegins = `9 1.999 pwritev(${ahead}, [{iov_base=""..., iov_len=72}], 1, 81 <unfinished ...>`;
  const writeEnds = '9 2.001 <... pwritev resumed>) = 72';
  t.equal(count(synchronously, write, writeBegins, writeEnds), 2);
  t.equal(count(opens('O_WRONLY|O_CLOEXEC'), write), 0, 'not one that was opened without O_DSYNC');
  const tree = '8 1.500 pwritev(20</data/log/data.mdb>, [{iov_base=""..., iov_len=8192}], 1, 0) = 8192';
  t.equal(count(synchronously, tree), 0, 'not one into another file');
  const flushes = [
    '8 1.250 fdatasync(20</data/log/data.mdb>) = 0',
    '8 1.300 fsync(5</data> <unfinished ...>',
  ];
  t.equal(count(synchronously, write, ...flushes), 3, 'together with the others');
  const outside = ['8 0.999 fdatasync(20</x>) = 0', '8 2.000 fdatasync(20</x>) = 0'];
  t.equal(count(...outside), 0, 'only those of that time');
});
