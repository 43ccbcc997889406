/**
 * A circuit breaker as a pure machine (rows 156 to 159; decision D26). Time is handed in.
 *
 *     state      input                                → state       the call
 *     closed     admit                                  closed      goes through
 *     closed     success                                closed      failures = 0
 *     closed     failure below failureThreshold         closed      failures + 1
 *     closed     failure that reaches it                open
 *     open       admit before timeoutMs have passed     open        is refused
 *     open       admit from then on                     half_open   goes through: the first probe
 *     half_open  admit below halfOpenRequests           half_open   goes through: one more probe
 *     half_open  admit at halfOpenRequests              half_open   is refused
 *     half_open  success below successThreshold         half_open   successes + 1
 *     half_open  success that reaches it                closed      failures = 0
 *     half_open  failure                                open
 *     half_open  excluded                               half_open   probes - 1: it has told nothing
 *     closed     excluded                               closed
 *     any        an answer to a call of an earlier period: unchanged
 *
 * C1  A period is the time between two changes of state. What a call of an earlier one answers, however late, neither
 *     closes nor opens anything, and does not put off the next probe.
 * C2  A circuit is never stuck: `halfOpenRequests` is at least `successThreshold`, and a probe whose answer is excluded
 *     gives its place back. (The source counts it, and three such probes would keep the circuit half open for ever.)
 */

export interface CircuitSettings {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly timeoutMs: number;
  readonly halfOpenRequests: number;
}

/** The names are those of row 156: metrics and events show them. */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** `failures`: in a row, until a circuit closes again (row 160 shows them with every change). */
export type Circuit =
  | { readonly type: 'closed'; readonly period: number; readonly failures: number }
  /** `since`: monotonic ms. */
  | { readonly type: 'open'; readonly period: number; readonly failures: number; readonly since: number }
  | {
      readonly type: 'half_open';
      readonly period: number;
      readonly failures: number;
      readonly probes: number;
      readonly successes: number;
    };

/** What a call's answer says about its provider. */
export type CircuitAnswer = 'success' | 'failure' | 'excluded';

export const closedCircuit: Circuit = { type: 'closed', period: 0, failures: 0 };

/** `now`: monotonic ms. The caller keeps the new circuit's period and hands it to `settle`. */
export function admit(
  settings: CircuitSettings,
  circuit: Circuit,
  now: number,
): { readonly circuit: Circuit; readonly isAdmitted: boolean } {
  switch (circuit.type) {
    case 'closed':
      return { circuit, isAdmitted: true };
    case 'open': {
      if (now - circuit.since < settings.timeoutMs) return { circuit, isAdmitted: false };
      const { period, failures } = circuit;
      return {
        circuit: { type: 'half_open', period: period + 1, failures, probes: 1, successes: 0 },
        isAdmitted: true,
      };
    }
    case 'half_open':
      if (circuit.probes >= settings.halfOpenRequests) return { circuit, isAdmitted: false };
      return { circuit: { ...circuit, probes: circuit.probes + 1 }, isAdmitted: true };
  }
}

/** The answer to a call that was admitted in `period`. */
export function settle(
  settings: CircuitSettings,
  circuit: Circuit,
  call: { readonly period: number; readonly answer: CircuitAnswer; readonly now: number },
): Circuit {
  const { period, answer, now } = call;
  if (period !== circuit.period) return circuit;
  switch (circuit.type) {
    case 'closed': {
      if (answer === 'excluded') return circuit;
      if (answer === 'success') return circuit.failures === 0 ? circuit : { ...circuit, failures: 0 };
      const failures = circuit.failures + 1;
      return failures < settings.failureThreshold ? { ...circuit, failures } : opened(period, failures, now);
    }
    case 'half_open': {
      if (answer === 'excluded') return { ...circuit, probes: circuit.probes - 1 };
      if (answer === 'failure') return opened(period, circuit.failures, now);
      const successes = circuit.successes + 1;
      if (successes < settings.successThreshold) return { ...circuit, successes };
      return { type: 'closed', period: period + 1, failures: 0 };
    }
    case 'open':
      // No call is admitted in an open period, so none can answer in it.
      throw new Error('an open circuit has no call of its own');
  }
}

function opened(period: number, failures: number, now: number): Circuit {
  return { type: 'open', period: period + 1, failures, since: now };
}
