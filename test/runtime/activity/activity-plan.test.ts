/** What holds for an activity whose definition says nothing. */
import t from 'tap';
import { definePort } from '../../../actors/model/activity.js';
import { Type } from '../../../actors/model/typebox.js';
import { planActivity } from '../../../runtime/activity/activity-plan.js';

const spec = { input: Type.Null(), result: Type.Null(), rejections: [] } as const;
const port = definePort({ name: 'till', activities: { charge: spec } });

t.test(
  'rows 67, 156: 30 s, three attempts from 1 s, and a circuit of 5, 2, 30 s, 3 and 60 s by default',
  async (t) => {
    t.match(planActivity(port, 'charge', spec), {
      timeoutMs: 30_000,
      attemptsMax: 3,
      retryDelayMs: 1_000,
      breaker: {
        failureThreshold: 5,
        successThreshold: 2,
        timeoutMs: 30_000,
        halfOpenRequests: 3,
        timeWindowMs: 60_000,
      },
    });
  },
);

t.test('row 162: each activity has settings and a circuit of its own, or none', async (t) => {
  const policy = { breaker: { failureThreshold: 9, timeoutMs: 1 } };
  t.match(planActivity(port, 'charge', { ...spec, policy }), {
    name: 'till.charge',
    breaker: { failureThreshold: 9, successThreshold: 2, timeoutMs: 1 },
  });
  t.equal(planActivity(port, 'charge', { ...spec, policy: { breaker: false } }).breaker, undefined);
});
