/**
 * Checks of input at the edge: a schema becomes a function that says what is wrong, once, without repeating the input.
 *
 * V1  Objects are closed at every level: a property the schema does not name is refused, also where the schema forgot
 *     `additionalProperties: false`. Only an explicit `additionalProperties: true` (or a schema there) opens one.
 * V2  A problem never holds a value of the input. The name of an unknown field is given only when it looks like a name.
 * V3  The compiled check decides; errors are looked for only after it said no.
 */
import type { ErrorCode } from './errors.js';
import { type MoneyRole, moneyKeyword } from './money-schema.js';
import { Compile, type TLocalizedValidationError, type TSchema, type Validator } from './typebox.js';

export interface ValidationProblem {
  readonly code: Extract<ErrorCode, 'field-unknown' | 'validation-failed' | 'money-not-string' | 'currency'>;
  /** JSON Pointer (RFC 6901) into the input; empty for the input as a whole. */
  readonly pointer: string;
  /** One sentence for the caller. */
  readonly detail: string;
}

/** Undefined when the value fits. */
export type Check = (value: unknown) => ValidationProblem | undefined;

/** Compiles a schema once (0.1–1 ms); keep the result. Throws TypeError on a schema with `if` and its like. */
export function compileValidator(schema: TSchema): Check {
  const closed = close(schema as SchemaNode, true);
  const validator = Compile(closed as TSchema);
  return (value) => (validator.Check(value) ? undefined : explain(validator, closed, value));
}

/** A schema or a part of one, as JSON Schema keywords. */
type SchemaNode = Readonly<Record<string, unknown>>;

/** Keywords whose schemas speak about parts of a value: each part is closed by itself. */
const partSchemas = ['items', 'additionalProperties'];
const partLists = ['prefixItems'];
const partMaps = ['properties', 'patternProperties', '$defs', 'definitions'];
/** Alternatives for the same value: each is closed by itself, unless the schema names properties beside them. */
const alternatives = ['anyOf', 'oneOf'];
// `not`, `contains` and `propertyNames` only ask, so closing them would change what they ask.

/**
 * Conditions cannot be closed: TypeBox 1.4.3 compiles `unevaluatedProperties` beside them into a check that refuses good
 * input. A union says the same.
 */
const conditions = ['if', 'then', 'else', 'dependentSchemas', 'dependencies'];

/** A copy in which every object refuses what it does not name. `sealed` is false where a schema around it does the refusing. */
function close(schema: SchemaNode, sealed: boolean): SchemaNode {
  // Hidden TypeBox properties (`~refine`, `~kind`) are not enumerable and must come along.
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as Record<
    string,
    unknown
  >;
  const has = (keyword: string) => copy[keyword] !== undefined;
  const condition = conditions.find(has);
  if (condition !== undefined)
    throw new TypeError(`a schema for input cannot use "${condition}"; use a union`);
  const closed = (partSealed: boolean) => (part: unknown) => (isNode(part) ? close(part, partSealed) : part);
  // What several schemas say about one value together can only be closed as their sum.
  const joined = has('allOf') || (has('properties') && alternatives.some(has));
  for (const keyword of partSchemas) if (has(keyword)) copy[keyword] = closed(true)(copy[keyword]);
  for (const keyword of partLists) mapList(copy, keyword, closed(true));
  for (const keyword of partMaps) mapValues(copy, keyword, closed(true));
  for (const keyword of alternatives) mapList(copy, keyword, closed(sealed && !joined));
  mapList(copy, 'allOf', closed(false));
  if (sealed && joined) copy.unevaluatedProperties ??= false;
  else if (sealed && has('properties') && !has('patternProperties')) copy.additionalProperties ??= false;
  return copy;
}

function mapList(node: Record<string, unknown>, keyword: string, map: (part: unknown) => unknown): void {
  const parts = node[keyword];
  if (Array.isArray(parts)) node[keyword] = parts.map(map);
}

function mapValues(node: Record<string, unknown>, keyword: string, map: (part: unknown) => unknown): void {
  const parts = node[keyword];
  if (isNode(parts)) {
    node[keyword] = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, map(part)]));
  }
}

function isNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function explain(validator: Validator, schema: SchemaNode, value: unknown): ValidationProblem {
  const errors = validator.Errors(value);
  for (const error of errors) {
    const problem = moneyProblem(schema, error, value);
    if (problem !== undefined) return problem;
  }
  for (const error of errors) {
    const problem = unknownField(error, value);
    if (problem !== undefined) return problem;
  }
  const first = errors[0];
  if (first === undefined)
    return { code: 'validation-failed', pointer: '', detail: 'The input is not valid.' };
  return plainProblem(first);
}

/** Amounts and currencies answer with codes of their own, wherever they stand. */
function moneyProblem(
  schema: SchemaNode,
  error: TLocalizedValidationError,
  value: unknown,
): ValidationProblem | undefined {
  const role = moneyRoleAt(schema, error.schemaPath);
  if (role === undefined) return undefined;
  const pointer = error.instancePath;
  if (role === 'amount') {
    if (typeof valueAt(value, pointer) !== 'number') return undefined;
    return { code: 'money-not-string', pointer, detail: 'Money must be a decimal string, as "100.00".' };
  }
  return { code: 'currency', pointer, detail: 'Currency must be an upper-case ISO 4217 code, as "USD".' };
}

function unknownField(error: TLocalizedValidationError, value: unknown): ValidationProblem | undefined {
  let names: readonly PropertyKey[];
  if (error.keyword === 'additionalProperties') names = error.params.additionalProperties;
  else if (error.keyword === 'unevaluatedProperties') names = error.params.unevaluatedProperties;
  else return undefined;
  // Under a union each member lists what *it* does not know; the field is unknown all the same only if there is no better word.
  if (error.schemaPath.includes('/anyOf/') || error.schemaPath.includes('/oneOf/')) return undefined;
  if (valueAt(value, error.instancePath) === undefined) return undefined;
  const name = String(names[0]);
  const detail = 'The field is not known here.';
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name))
    return { code: 'field-unknown', pointer: error.instancePath, detail };
  return { code: 'field-unknown', pointer: `${error.instancePath}/${name}`, detail };
}

function plainProblem(error: TLocalizedValidationError): ValidationProblem {
  if (error.keyword === 'required') {
    const name = String(error.params.requiredProperties[0]);
    return {
      code: 'validation-failed',
      pointer: `${error.instancePath}/${escaped(name)}`,
      detail: 'The field is required.',
    };
  }
  return { code: 'validation-failed', pointer: error.instancePath, detail: `The value ${wordsOf(error)}.` };
}

/** The library's messages, all of them about the schema; `pattern` is a regular expression and helps nobody. */
function wordsOf(error: TLocalizedValidationError): string {
  switch (error.keyword) {
    case 'pattern':
    case 'format':
      return 'does not have the required form';
    case 'anyOf':
    case 'oneOf':
      return 'has none of the admitted forms';
    case 'propertyNames':
      return 'has a key that is not admitted';
    default:
      return error.message;
  }
}

/** The money role of the schema at a schema path (`#/properties/amount`), or of the one it is a member of. */
function moneyRoleAt(schema: SchemaNode, schemaPath: string): MoneyRole | undefined {
  let node: unknown = schema;
  let role: MoneyRole | undefined;
  for (const part of schemaPath.split('/').slice(1)) {
    node = (node as Record<string, unknown> | undefined)?.[unescaped(part)];
    role = roleOf(node) ?? role;
  }
  return role ?? roleOf(schema);
}

function roleOf(node: unknown): MoneyRole | undefined {
  if (!isNode(node)) return undefined;
  const role = node[moneyKeyword];
  return role === 'amount' || role === 'currency' ? role : undefined;
}

function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[unescaped(part)];
  }
  return current;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
