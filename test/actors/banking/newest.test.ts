/** Lists of the newest few. */
import t from 'tap';
import { withNewest } from '../../../actors/banking/newest.js';

t.test('a list keeps its newest items, oldest first', async (t) => {
  let list: string[] = [];
  for (const item of ['a', 'b', 'c', 'd', 'e']) list = withNewest(list, item, 3);
  t.same(list, ['c', 'd', 'e']);
});

t.test('a list that is not full is copied: an empty one may be shared', async (t) => {
  const none: string[] = [];
  t.same(withNewest(none, 'a', 3), ['a']);
  t.same(none, []);
});
