/**
 * What activities and their circuits export (rows 160 and 161), by port and activity; a circuit is named by both.
 */
import type { Registry } from 'prom-client';
import type { ActivityMetrics } from '../runtime/activity/activity-caller.js';
import type { BreakerMetrics } from '../runtime/activity/breaker.js';
import type { CircuitState } from '../runtime/activity/circuit.js';
import { counter, gauge, histogram, type Labels } from './metric-forms.js';

const states: readonly CircuitState[] = ['closed', 'open', 'half_open'];

export function registerActivities(registry: Registry, activities: () => readonly ActivityMetrics[]): void {
  const label = ({ port, activity }: ActivityMetrics): Labels => ({ port, activity });
  const labels = ['port', 'activity'];
  const outcomes = 'Activities that ended: result, rejected, fallback, or the code of the failure.';
  counter(registry, 'troupe_activities_total', outcomes, [...labels, 'outcome'], (add) => {
    for (const metrics of activities()) {
      for (const [outcome, count] of metrics.outcomes) add({ ...label(metrics), outcome }, count);
    }
  });
  counter(registry, 'troupe_activity_attempts_total', 'Calls of adapters.', labels, (add) => {
    for (const metrics of activities()) add(label(metrics), metrics.attempts);
  });
  const duration = 'Time of whole activities, with attempts and waits.';
  histogram(registry, 'troupe_activity_duration_seconds', duration, function* () {
    for (const metrics of activities()) yield [label(metrics), metrics.latency];
  });
  const places = 'Places of the bulkhead that are free.';
  gauge(registry, 'troupe_activity_places_free', places, labels, (set) => {
    for (const metrics of activities()) set(label(metrics), metrics.placesFree);
  });
  gauge(registry, 'troupe_activities_waiting', 'Calls that wait for a place.', labels, (set) => {
    for (const metrics of activities()) set(label(metrics), metrics.waiting);
  });
  registerCircuits(registry, () => activities().flatMap(({ breaker }) => breaker ?? []));
}

function registerCircuits(registry: Registry, circuits: () => readonly BreakerMetrics[]): void {
  gauge(registry, 'troupe_circuit_state', '1 for the state that it is in.', ['name', 'state'], (set) => {
    for (const { name, state } of circuits()) {
      for (const each of states) set({ name, state: each }, each === state ? 1 : 0);
    }
  });
  gauge(registry, 'troupe_circuit_failure_rate', 'Failures in the time window, 0 to 1.', ['name'], (set) => {
    for (const { name, failure_rate } of circuits()) set({ name }, failure_rate);
  });
  const requests =
    'Calls that reached a circuit: all that were let through, how they ended, and those rejected.';
  counter(registry, 'troupe_circuit_requests_total', requests, ['name', 'result'], (add) => {
    for (const { name, metrics } of circuits()) {
      add({ name, result: 'total' }, metrics.total_requests);
      add({ name, result: 'successful' }, metrics.successful_requests);
      add({ name, result: 'failed' }, metrics.failed_requests);
      add({ name, result: 'rejected' }, metrics.rejected_requests);
    }
  });
  const changed = 'Unix time of its last change of state; absent before the first.';
  gauge(registry, 'troupe_circuit_last_state_change_timestamp_seconds', changed, ['name'], (set) => {
    for (const { name, last_state_change: last } of circuits()) {
      if (last !== null) set({ name }, Date.parse(last.timestamp) / 1000);
    }
  });
}
