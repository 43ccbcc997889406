/**
 * The stored form of a schema: an object becomes an array of its property values in declaration order, because names in
 * every event would cost a third of the log. The schema version beside it says which list of names was meant.
 *
 *     Type.Object({ owner: String, lines: Array(Object({ product: String, count: Integer })), note: Optional(String) })
 *     { owner: 'ann', lines: [{ product: 'p1', count: 2 }] }   ↔   ['ann', [['p1', 2]], null]
 *
 * F1  Objects and arrays of objects are positional at every depth. Records, unions, intersections, tuples and open
 *     objects (`additionalProperties` other than false) pass through as they stand.
 * F2  An absent optional property is stored as null, or as undefined where null is one of its values, and comes back absent.
 * F3  A schema that is no closed object has one field, its value. `Type.Undefined()` and `Type.Void()` store null.
 * F4  `hash` covers names, order, optionality and base types at every depth, and nothing else: a longer `maxLength`, one
 *     more literal of a union or a description may change under one version; anything the stored array shows may not.
 * F5  Nothing here checks data; what a schema does not list is dropped. `spec.ts` finds that out in tests.
 */
import { createHash } from 'node:crypto';
import { OperatingError } from './errors.js';
import type { TSchema } from './typebox.js';

export interface Form {
  /** Property names in declaration order; `['value']` for a schema that is no object (F3). */
  readonly fields: readonly string[];
  /** The field list as text, nested ones included, for messages: `{"owner":string,"lines":[{"product":string}]}`. */
  readonly description: string;
  /** First 16 hex digits of SHA-256 over `description`. */
  readonly hash: string;
  toFields(data: unknown): unknown[];
  /** Data as it was given to `toFields`. Throws `bytes-damaged` when the number of fields is another one. */
  fromFields(fields: readonly unknown[]): unknown;
}

/** The JSON Schema keywords read here; TypeBox schemas are JSON Schema. */
interface Keywords {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Keywords>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly patternProperties?: Readonly<Record<string, Keywords>>;
  readonly items?: Keywords | readonly Keywords[];
  readonly anyOf?: readonly Keywords[];
  readonly oneOf?: readonly Keywords[];
  readonly allOf?: readonly Keywords[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

type Convert = (value: unknown) => unknown;

/** How one value is stored. Absent converters mean "as it stands". */
interface Shape {
  readonly description: string;
  readonly toStored?: Convert;
  readonly fromStored?: Convert;
}

const compiled = new WeakMap<TSchema, Form>();

/** The form of a schema; compiled at its first call, the same object ever after. The result walks no schema. */
export function compileForm(schema: TSchema): Form {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  // A TypeBox schema is an object of JSON Schema keywords; its own type names none of them.
  const keywords = schema as Keywords;
  const form = isClosedObject(keywords) ? objectForm(keywords) : valueForm(shapeOf(keywords));
  compiled.set(schema, form);
  return form;
}

function objectForm(schema: ClosedObject): Form {
  const { description, toStored, fromStored } = objectShape(schema);
  return {
    fields: Object.keys(schema.properties),
    description,
    hash: fieldListHash(description),
    toFields: toStored as Form['toFields'],
    fromFields: fromStored as Form['fromFields'],
  };
}

function valueForm({ description, toStored = same, fromStored = same }: Shape): Form {
  return {
    fields: ['value'],
    description,
    hash: fieldListHash(description),
    toFields: (data) => [toStored(data)],
    fromFields: (fields) => {
      if (fields.length !== 1) throw wrongCount(1, fields.length);
      return fromStored(fields[0]);
    },
  };
}

function shapeOf(schema: Keywords): Shape {
  if (isClosedObject(schema)) return objectShape(schema);
  if (schema.type === 'undefined' || schema.type === 'void') {
    return { description: schema.type, toStored: () => null, fromStored: () => undefined };
  }
  if (schema.type === 'array' && isSchema(schema.items)) return arrayShape(shapeOf(schema.items));
  return { description: baseTypes(schema).join('|') };
}

function arrayShape(item: Shape): Shape {
  const description = `[${item.description}]`;
  const { toStored, fromStored } = item;
  if (toStored === undefined || fromStored === undefined) return { description };
  return {
    description,
    toStored: (items) => (items as readonly unknown[]).map(toStored),
    fromStored: (items) => (items as readonly unknown[]).map(fromStored),
  };
}

function objectShape(schema: ClosedObject): Required<Shape> {
  const required = new Set(schema.required);
  const properties = Object.entries(schema.properties).map(
    ([name, property]): Property => ({
      name,
      ...shapeOf(property),
      isOptional: !required.has(name),
      absent: baseTypes(property).some((type) => type === 'null' || type === 'any') ? 'undefined' : 'null',
    }),
  );
  const described = properties.map(
    ({ name, isOptional, description }) => `${JSON.stringify(name)}${isOptional ? '?' : ''}:${description}`,
  );
  return {
    description: `{${described.join(',')}}`,
    toStored: compileToStored(properties),
    fromStored: compileFromStored(properties),
  };
}

interface Property extends Shape {
  readonly name: string;
  readonly isOptional: boolean;
  /** What is stored in its place when it is not there (F2). */
  readonly absent: 'null' | 'undefined';
}

/** `{ owner, note }` → `[data.owner, data.note === undefined ? null : data.note]`. */
function compileToStored(properties: readonly Property[]): Convert {
  const isPlain = properties.every(({ isOptional, toStored }) => !isOptional && toStored === undefined);
  const fields = properties.map(({ name, toStored, absent }, index) => {
    const value = `data[${JSON.stringify(name)}]`;
    if (isPlain) return value;
    return `${value} === undefined ? ${absent} : ${toStored === undefined ? value : `convert[${index}](${value})`}`;
  });
  return compileConvert(
    `(data) => [${fields.join(', ')}]`,
    properties.map(({ toStored }) => toStored),
  );
}

/** The other way: a literal, which gives each object its final hidden class at once, up to the first optional property. */
function compileFromStored(properties: readonly Property[]): Convert {
  const { length } = properties;
  const values = properties.map(({ fromStored }, index) =>
    fromStored === undefined ? `fields[${index}]` : `convert[${index}](fields[${index}])`,
  );
  const firstOptional = properties.findIndex(({ isOptional }) => isOptional);
  const literalCount = firstOptional < 0 ? length : firstOptional;
  const literal = properties
    .slice(0, literalCount)
    .map(({ name }, index) => `${JSON.stringify(name)}: ${values[index]}`);
  const assigned = properties.slice(literalCount).map(({ name, isOptional, absent }, position) => {
    const index = literalCount + position;
    const assignment = `data[${JSON.stringify(name)}] = ${values[index]};`;
    return isOptional ? `if (fields[${index}] !== ${absent}) ${assignment}` : assignment;
  });
  return compileConvert(
    `(fields) => {
      if (fields.length !== ${length}) throw wrongCount(${length}, fields.length);
      const data = { ${literal.join(', ')} };
      ${assigned.join('\n')}
      return data;
    }`,
    properties.map(({ fromStored }) => fromStored),
  );
}

/**
 * Code of its own for each schema, from text, as TypeBox makes its checks: the engine fits it to the objects of that one
 * schema. One loop over names for all of them costs a transfer, which comes here thirty times, 2 µs more.
 */
function compileConvert(code: string, convert: readonly (Convert | undefined)[]): Convert {
  return new Function('convert', 'wrongCount', `return ${code};`)(convert, wrongCount) as Convert;
}

type ClosedObject = Keywords & { readonly properties: Readonly<Record<string, Keywords>> };

function isClosedObject(schema: Keywords): schema is ClosedObject {
  return (
    schema.type === 'object' &&
    schema.properties !== undefined &&
    schema.patternProperties === undefined &&
    (schema.additionalProperties === undefined || schema.additionalProperties === false)
  );
}

function isSchema(items: Keywords['items']): items is Keywords {
  return items !== undefined && !Array.isArray(items);
}

/** Sorted base types a schema admits: `string`, `null`, `object`, … or `any` where the keywords do not say. */
function baseTypes(schema: Keywords): string[] {
  // An integer that becomes a number reads every stored value as before.
  if (typeof schema.type === 'string') return [schema.type === 'integer' ? 'number' : schema.type];
  if (schema.type !== undefined) return [...schema.type].sort();
  const members = schema.anyOf ?? schema.oneOf;
  if (members !== undefined) return [...new Set(members.flatMap(baseTypes))].sort();
  if (schema.allOf !== undefined) return [...new Set(schema.allOf.flatMap(baseTypes))].sort();
  if (schema.const !== undefined) return [baseType(schema.const)];
  if (schema.enum !== undefined) return [...new Set(schema.enum.map(baseType))].sort();
  return ['any'];
}

function baseType(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function wrongCount(expected: number, found: number): OperatingError {
  return new OperatingError(
    'bytes-damaged',
    `stored form has ${found} fields where ${expected} were written`,
  );
}

/** First 16 hex digits of SHA-256 over a field list. */
export function fieldListHash(description: string): string {
  return createHash('sha256').update(description).digest('hex').slice(0, 16);
}

function same(value: unknown): unknown {
  return value;
}
