import t from 'tap';
import { EntryCache } from '../../runtime/entry-cache.js';

const bytesOf = (length: number) => new Uint8Array(length);

t.test('what was asked for lately stays, within the bytes, whatever the order it came in', async (t) => {
  const cache = new EntryCache(1_000);
  const forgotten: number[] = [];
  let most = 0;
  cache.keep(0, 1, bytesOf(100));
  for (let position = 2; position <= 1_000; position++) {
    cache.keep(0, position, bytesOf(100));
    if (cache.get(0, 1) === undefined) forgotten.push(position);
    most = Math.max(most, cache.bytes);
  }
  t.same(forgotten, []);
  t.ok(most > 500 && most <= 1_000, String(most));
  t.ok(cache.has(0, 1_000));
  t.notOk(cache.has(0, 2), 'nobody has asked for it again');
  cache.clear();
  t.equal(cache.bytes, 0);
  t.notOk(cache.has(0, 1));
});

t.test('positions of two partitions are two entries, and the first bytes of one stay', async (t) => {
  const cache = new EntryCache(1_000);
  const [one, two] = [bytesOf(1), bytesOf(2)];
  cache.keep(1, 7, one);
  cache.keep(2, 7, two);
  cache.keep(1, 7, bytesOf(3));
  t.equal(cache.get(1, 7), one);
  t.equal(cache.get(2, 7), two);
  t.equal(cache.bytes, 3);
});

t.test('neighbours in the highest partition are entries of their own', async (t) => {
  const cache = new EntryCache(1_000);
  const partition = 65_534;
  for (let position = 1; position <= 8; position++) cache.keep(partition, position, bytesOf(position));
  for (let position = 1; position <= 8; position++) t.equal(cache.get(partition, position)?.length, position);
});

t.test('one entry is kept whatever its size, and not with another one', async (t) => {
  const cache = new EntryCache(1_000);
  cache.keep(0, 1, bytesOf(5_000));
  t.ok(cache.has(0, 1));
  cache.keep(0, 2, bytesOf(10));
  cache.keep(0, 3, bytesOf(600));
  t.notOk(cache.has(0, 1));
  t.ok(cache.has(0, 3));
});
