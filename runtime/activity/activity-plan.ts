/**
 * An activity as the runner calls it: checked, with every default filled in and its schemas compiled.
 */
import type { ActivityPolicy, ActivitySpec, BreakerPolicy, Port } from '../../actors/model/activity.js';
import type { ErrorCode } from '../../actors/model/errors.js';
import { type Check, compileValidator } from '../../actors/model/validation.js';
import type { BreakerSettings } from './breaker.js';

/** Row 67: 30 s for one attempt, three attempts, 1 s before the second. */
const timeoutMsDefault = 30_000;
const attemptsMaxDefault = 3;
const retryDelayMsDefault = 1_000;
/** As many calls as a small provider takes at a time; those that wait are answered within a second at 30 ms each. */
const concurrencyMaxDefault = 32;
const queueMaxDefault = 256;
/** Row 156. */
const breakerDefaults: BreakerSettings = {
  failureThreshold: 5,
  successThreshold: 2,
  timeoutMs: 30_000,
  halfOpenRequests: 3,
  timeWindowMs: 60_000,
};

/** Bounds of what a definition may ask for. The longest time is what a timer of the platform holds. */
const millisecondsMax = 2 ** 31 - 1;
const attemptsLimit = 100;
const concurrencyLimit = 10_000;

export interface ActivityPlan {
  /** `port.activity`: as circuit, metrics and log lines call it. */
  readonly name: string;
  readonly port: string;
  readonly activity: string;
  readonly checkInput: Check;
  readonly checkResult: Check;
  readonly rejections: ReadonlySet<string>;
  /** Absent: there is none. */
  readonly fallback?: { readonly value: unknown };
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retryDelayMs: number;
  readonly concurrencyMax: number;
  readonly queueMax: number;
  readonly breaker: BreakerSettings | undefined;
  readonly excludedCodes: ReadonlySet<ErrorCode>;
}

/** Throws on numbers that cannot be kept: a programmer's error, met at start. */
export function planActivity(port: Port, activity: string, spec: ActivitySpec): ActivityPlan {
  const policy = spec.policy ?? {};
  const name = `${port.name}.${activity}`;
  const whole = (setting: keyof ActivityPolicy, fallback: number, min: number, max: number): number =>
    inRange(`${name}: ${setting}`, (policy[setting] as number | undefined) ?? fallback, min, max);
  const breaker = policy.breaker === false ? undefined : planBreaker(name, policy.breaker ?? {});
  return {
    name,
    port: port.name,
    activity,
    checkInput: compileValidator(spec.input),
    checkResult: compileValidator(spec.result),
    rejections: new Set(spec.rejections),
    ...('fallback' in spec ? { fallback: { value: spec.fallback } } : {}),
    timeoutMs: whole('timeoutMs', timeoutMsDefault, 1, millisecondsMax),
    attemptsMax: whole('attemptsMax', attemptsMaxDefault, 1, attemptsLimit),
    retryDelayMs: whole('retryDelayMs', retryDelayMsDefault, 0, millisecondsMax),
    concurrencyMax: whole('concurrencyMax', concurrencyMaxDefault, 1, concurrencyLimit),
    queueMax: whole('queueMax', queueMaxDefault, 0, concurrencyLimit),
    breaker,
    excludedCodes: new Set(policy.breaker === false ? [] : policy.breaker?.excludedCodes),
  };
}

function planBreaker(name: string, policy: BreakerPolicy): BreakerSettings {
  const { excludedCodes: _, ...numbers } = policy;
  const settings: BreakerSettings = { ...breakerDefaults, ...numbers };
  for (const key of Object.keys(breakerDefaults) as (keyof BreakerSettings)[]) {
    inRange(`${name}: breaker.${key}`, settings[key], 1, millisecondsMax);
  }
  if (settings.successThreshold > settings.halfOpenRequests) {
    throw new TypeError(
      `${name}: breaker.successThreshold is more than halfOpenRequests: it would never close`,
    );
  }
  return settings;
}

function inRange(what: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TypeError(`${what} must be a whole number from ${min} to ${max}`);
}
