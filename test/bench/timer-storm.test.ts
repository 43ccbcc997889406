import t from 'tap';
import { runTimerStorm } from '../../bench/timer-storm.js';

t.test('sagas that fall due while the server is down all go on, and commands beside them', async (t) => {
  const asked = { sagas: 200, idleSeconds: 1, seconds: 2, rate: 50 };
  const report = await runTimerStorm(asked, () => undefined);
  t.equal(report.completed, 200);
  t.equal(report.storm.errorCount, 0);
  t.ok(report.storm.done > 0);
});
