import fc from 'fast-check';
import t from 'tap';
import {
  admit,
  type Circuit,
  type CircuitAnswer,
  type CircuitSettings,
  closedCircuit,
  settle,
} from '../../../runtime/activity/circuit.js';

const settings: CircuitSettings = {
  failureThreshold: 5,
  successThreshold: 2,
  timeoutMs: 30_000,
  halfOpenRequests: 3,
};

/** A call that is admitted and answered at once. */
function called(circuit: Circuit, answer: CircuitAnswer, now = 0): Circuit {
  const admitted = admit(settings, circuit, now);
  if (!admitted.isAdmitted) throw new Error('refused');
  return settle(settings, admitted.circuit, { period: admitted.circuit.period, answer, now });
}

function after(answers: readonly CircuitAnswer[], start = closedCircuit, now = 0): Circuit {
  return answers.reduce((circuit, answer) => called(circuit, answer, now), start);
}

const failures = (count: number): CircuitAnswer[] => new Array<CircuitAnswer>(count).fill('failure');

t.test('row 156: the fifth failure in a row opens the circuit', async (t) => {
  t.match(after(failures(4)), { type: 'closed', failures: 4 });
  t.match(after(failures(5)), { type: 'open', failures: 5 });
});

t.test('row 158: a success while closed resets the count', async (t) => {
  t.match(after([...failures(4), 'success']), { type: 'closed', failures: 0 });
  t.match(after([...failures(4), 'success', ...failures(4)]), { type: 'closed', failures: 4 });
});

t.test('row 159: an excluded failure does not count, and does not reset the count either', async (t) => {
  t.match(after(['excluded', 'excluded', 'excluded', 'excluded', 'excluded', 'excluded']), {
    type: 'closed',
    failures: 0,
  });
  t.match(after([...failures(4), 'excluded']), { type: 'closed', failures: 4 });
});

t.test('row 157: an open circuit refuses until its time has passed, then lets a probe through', async (t) => {
  const open = after(failures(5), closedCircuit, 1_000);
  t.equal(admit(settings, open, 30_999).isAdmitted, false);
  const probed = admit(settings, open, 31_000);
  t.equal(probed.isAdmitted, true);
  t.match(probed.circuit, { type: 'half_open', probes: 1, successes: 0 });
});

const halfOpen = admit(settings, after(failures(5)), 30_000).circuit;

t.test('row 158: a half open circuit lets at most three probes through', async (t) => {
  const second = admit(settings, halfOpen, 30_000);
  const third = admit(settings, second.circuit, 30_000);
  t.same([second.isAdmitted, third.isAdmitted], [true, true]);
  t.equal(admit(settings, third.circuit, 90_000).isAdmitted, false);
});

t.test('row 158: two successful probes close it, one failed one opens it again', async (t) => {
  const { period } = halfOpen;
  const one = settle(settings, halfOpen, { period, answer: 'success', now: 30_001 });
  t.match(one, { type: 'half_open', successes: 1 });
  t.match(called(one, 'success', 30_002), { type: 'closed', failures: 0 });
  t.match(called(one, 'failure', 30_002), { type: 'open', since: 30_002 });
});

t.test('a probe whose answer is excluded gives its place back', async (t) => {
  const { period } = halfOpen;
  let circuit = settle(settings, halfOpen, { period, answer: 'excluded', now: 30_001 });
  for (let count = 0; count < 10; count++) circuit = called(circuit, 'excluded', 30_001);
  t.match(circuit, { type: 'half_open', probes: 0 });
  t.match(after(['success', 'success'], circuit, 30_002), { type: 'closed' });
});

t.test('an answer to a call of an earlier period changes nothing', async (t) => {
  const late = { period: closedCircuit.period, now: 45_000 };
  const open = after(failures(5));
  for (const answer of ['success', 'failure', 'excluded'] as const) {
    t.equal(settle(settings, open, { ...late, answer }), open, `open: ${answer}`);
    t.equal(settle(settings, halfOpen, { ...late, answer }), halfOpen, `half open: ${answer}`);
  }
});

/** What may happen to a circuit: time passes, a call comes, one of those under way is answered. */
const happening = fc.oneof(
  fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ type: fc.constant('call' as const) }),
  fc.record({
    type: fc.constant('answer' as const),
    which: fc.nat(),
    answer: fc.constantFrom<CircuitAnswer>('success', 'failure', 'excluded'),
  }),
);

const anySettings = fc
  .record({
    failureThreshold: fc.integer({ min: 1, max: 4 }),
    successThreshold: fc.integer({ min: 1, max: 3 }),
    timeoutMs: fc.integer({ min: 1, max: 100 }),
    more: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ more, ...rest }) => ({ ...rest, halfOpenRequests: rest.successThreshold + more }));

t.test('whatever happens, a circuit keeps its bounds and is never stuck', async (t) => {
  fc.assert(
    fc.property(anySettings, fc.array(happening, { maxLength: 200 }), (rules, happenings) => {
      let circuit: Circuit = closedCircuit;
      let now = 0;
      let openedAt = Number.NEGATIVE_INFINITY;
      const underWay: number[] = [];
      for (const step of happenings) {
        const before = circuit;
        if (step.type === 'wait') now += step.ms;
        if (step.type === 'call') {
          const { circuit: next, isAdmitted } = admit(rules, circuit, now);
          circuit = next;
          if (isAdmitted) underWay.push(circuit.period);
          // A call is refused only while open, or while every probe's place is taken.
          if (!isAdmitted && before.type === 'closed') return false;
          if (isAdmitted && before.type === 'open' && now - openedAt < rules.timeoutMs) return false;
        }
        if (step.type === 'answer' && underWay.length > 0) {
          const [period] = underWay.splice(step.which % underWay.length, 1) as [number];
          circuit = settle(rules, circuit, { period, answer: step.answer, now });
          if (period !== before.period && circuit !== before) return false;
        }
        if (circuit.type === 'open' && before.type !== 'open') openedAt = now;
        if ((circuit.type === before.type) !== (circuit.period === before.period)) return false;
        if (circuit.type === 'closed' && circuit.failures >= rules.failureThreshold) return false;
        if (circuit.type === 'half_open') {
          const probes = underWay.filter((period) => period === circuit.period).length;
          if (circuit.probes !== probes + circuit.successes) return false;
          if (circuit.probes > rules.halfOpenRequests || circuit.successes >= rules.successThreshold)
            return false;
        }
      }
      // From anywhere: answer what is under way, wait, and enough successes close it.
      for (const period of underWay) circuit = settle(rules, circuit, { period, answer: 'excluded', now });
      now += rules.timeoutMs;
      for (let count = 0; count < rules.successThreshold && circuit.type !== 'closed'; count++) {
        const { circuit: next, isAdmitted } = admit(rules, circuit, now);
        if (!isAdmitted) return false;
        circuit = settle(rules, next, { period: next.period, answer: 'success', now });
      }
      return circuit.type === 'closed';
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
