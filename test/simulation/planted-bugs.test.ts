/** Every planted bug still fits the code it is planted in; that each is found is shown by `npm run simulate -- --planted`. */
import t from 'tap';
import { compiledCode, planted } from './planted/planted-bug.js';
import { plantedBugs } from './planted/planted-bugs.js';

t.test('each planted bug fits exactly one place of the code', async (t) => {
  t.ok(plantedBugs.length >= 20);
  t.equal(new Set(plantedBugs.map(({ name }) => name)).size, plantedBugs.length, 'their names differ');
  for (const bug of plantedBugs) t.doesNotThrow(() => planted(bug, compiledCode(bug)), bug.name);
});
