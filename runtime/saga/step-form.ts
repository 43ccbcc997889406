/**
 * The form of a step, which the types of `saga-step.ts` say and a module in plain JavaScript may miss. It is looked at when the module
 * is compiled: a step that does nothing would never end, and one with a misspelt `undo` would never be taken back.
 *
 * F1  A key whose value is undefined is not there, whichever it is.
 * F2  What a step inherits counts: it may be an object of a class.
 * F3  A number is refused where nothing sensible could come of it: NaN, a negative limit. A limit of `Infinity` is none.
 */

/** Throws what it is told unless it holds. */
export type Demand = (holds: boolean, says: string) => void;

/** By the key that makes a step what it is: what else stands in it, beside what every step may have. */
const attempts = ['attemptsMax', 'retryDelayMs'] as const;
const particulars = {
  call: ['undo', 'timeoutMs', ...attempts],
  tell: [],
  activity: ['undo', 'timeoutMs', ...attempts],
  saga: ['undo', ...attempts],
  signal: ['undo', 'timeoutMs'],
  sleepMs: ['undo'],
  each: ['step', 'concurrencyMax'],
  parallel: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
type KindKey = keyof typeof particulars;

/** Where a step may stand, and what may be there. */
const ofItem: readonly KindKey[] = ['call', 'activity', 'saga'];
const ofGroup: readonly KindKey[] = [...ofItem, 'tell', 'signal', 'sleepMs', 'each'];
const ofList: readonly KindKey[] = [...ofGroup, 'parallel'];

const common: readonly string[] = ['name', 'when', 'pivot', 'optional'];
/** What nobody waits for cannot fail; each item's step says whether it is optional; a group has nothing but its steps. */
const commonOf: Readonly<Partial<Record<KindKey, readonly string[]>>> = {
  tell: ['name', 'when', 'pivot'],
  each: ['name', 'when', 'pivot'],
  parallel: ['name'],
};
const commonOfItem: readonly string[] = ['optional'];

/** As `typeof` has it. */
const typesOf: Readonly<Record<string, readonly string[]>> = {
  name: ['string'],
  when: ['function'],
  pivot: ['boolean'],
  optional: ['boolean'],
  call: ['function'],
  tell: ['function'],
  activity: ['function'],
  saga: ['function'],
  undo: ['function'],
  timeoutMs: ['number'],
  attemptsMax: ['number'],
  retryDelayMs: ['number'],
  signal: ['string'],
  sleepMs: ['number', 'function'],
  each: ['function'],
  step: ['object'],
  concurrencyMax: ['number'],
  parallel: ['object'],
};

type Loose = Readonly<Record<string, unknown>>;

/** Demands of the steps of a saga, those in groups and of items too, that each is one thing and has nothing that no such step has. */
export function checkSteps(steps: unknown, demand: Demand): void {
  checkList(steps, 'steps', ofList, demand);
}

function checkList(steps: unknown, label: string, kinds: readonly KindKey[], demand: Demand): void {
  demand(Array.isArray(steps), `${label} is a list`);
  // As just demanded.
  for (const [index, step] of (steps as readonly unknown[]).entries()) {
    demand(isObject(step), `${label}[${index}] is an object`);
    const { name } = step as Loose;
    demand(typeof name === 'string', `${label}[${index}] has a name`);
    checkStep(step as Loose, `step ${name}`, kinds, demand);
  }
}

function checkStep(step: Loose, label: string, kinds: readonly KindKey[], demand: Demand): void {
  const kind = onlyKind(step, label, kinds, demand);
  const shared = kinds === ofItem ? commonOfItem : (commonOf[kind] ?? common);
  const known: readonly string[] = [kind, ...particulars[kind], ...shared];
  for (const key of keysOf(step)) {
    demand(
      known.includes(key),
      `${label} has ${key}, and a step with ${kind} has none; it may have ${known.join(', ')}`,
    );
    const value = step[key];
    const types = typesOf[key] ?? [];
    demand(
      types.includes(typeof value),
      `${label}: ${key} is a ${types.join(' or a ')}, not ${typeof value}`,
    );
    if (typeof value === 'number') checkNumber(key, value, label, demand);
  }
  if (kind === 'parallel') checkList(step.parallel, `parallel of ${label}`, ofGroup, demand);
  if (kind !== 'each') return;
  demand(isObject(step.step), `${label} has a step for its items`);
  checkStep(step.step as Loose, `the items' step of ${label}`, ofItem, demand);
}

/** Of a number of attempts and of items the plan demands more. */
function checkNumber(key: string, value: number, label: string, demand: Demand): void {
  // A sleep of less than nothing ends at once, as it does where a function says so.
  if (key === 'sleepMs') demand(Number.isFinite(value), `${label}: sleepMs is a finite number, not ${value}`);
  else demand(value >= 0, `${label}: ${key} is 0 or more, not ${value}`);
}

/** The key that says what the step does. */
function onlyKind(step: Loose, label: string, kinds: readonly KindKey[], demand: Demand): KindKey {
  const [kind, another] = kinds.filter((key) => step[key] !== undefined);
  const choice = `a step here is one of ${kinds.join(', ')}`;
  demand(kind !== undefined, `${label} is nothing that a saga does, for it has ${listOf(step)}; ${choice}`);
  demand(another === undefined, `${label} is both ${kind} and ${another}; ${choice}`);
  // As just demanded.
  return kind as KindKey;
}

function listOf(step: Loose): string {
  const keys = keysOf(step).filter((key) => key !== 'name');
  return keys.length === 0 ? 'a name only' : keys.join(', ');
}

/** What is there, and in its class too; not what every object has. */
function keysOf(step: Loose): string[] {
  const keys = new Set(Object.keys(step));
  let ancestor: object | null = Object.getPrototypeOf(step);
  while (ancestor !== null) {
    const above: object | null = Object.getPrototypeOf(ancestor);
    if (above !== null) for (const key of Object.getOwnPropertyNames(ancestor)) keys.add(key);
    ancestor = above;
  }
  keys.delete('constructor');
  return [...keys].filter((key) => step[key] !== undefined);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
