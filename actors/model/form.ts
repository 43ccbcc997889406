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
  const names = Object.keys(schema.properties);
  const required = new Set(schema.required);
  const shapes = Object.values(schema.properties).map(shapeOf);
  const converts = shapes.some((shape) => shape.toStored !== undefined);
  const optional = names.map((name) => !required.has(name));
  const absent = Object.values(schema.properties).map((property) =>
    baseTypes(property).some((type) => type === 'null' || type === 'any') ? undefined : null,
  );
  const described = names.map(
    (name, index) => `${JSON.stringify(name)}${optional[index] ? '?' : ''}:${shapes[index]?.description}`,
  );
  const plain = !converts && !optional.includes(true);
  return {
    description: `{${described.join(',')}}`,
    toStored: plain ? plainToStored(names) : mixedToStored(names, shapes, absent),
    fromStored: plain ? plainFromStored(names) : mixedFromStored(names, shapes, optional, absent),
  };
}

function plainToStored(names: readonly string[]): Convert {
  const count = names.length;
  return (data) => {
    const fields = new Array<unknown>(count);
    for (let index = 0; index < count; index++) {
      fields[index] = (data as Record<string, unknown>)[names[index] as string];
    }
    return fields;
  };
}

function plainFromStored(names: readonly string[]): Convert {
  const count = names.length;
  // Spreading a template gives each object its final hidden class at once; adding names one by one costs twice as much.
  const template = Object.fromEntries(names.map((name) => [name, null]));
  return (stored) => {
    const fields = stored as readonly unknown[];
    if (fields.length !== count) throw wrongCount(count, fields.length);
    const data: Record<string, unknown> = { ...template };
    for (let index = 0; index < count; index++) data[names[index] as string] = fields[index];
    return data;
  };
}

function mixedToStored(
  names: readonly string[],
  shapes: readonly Shape[],
  absent: readonly (null | undefined)[],
): Convert {
  const count = names.length;
  const converts = shapes.map((shape) => shape.toStored);
  return (data) => {
    const fields = new Array<unknown>(count);
    for (let index = 0; index < count; index++) {
      const value = (data as Record<string, unknown>)[names[index] as string];
      const convert = converts[index];
      if (value === undefined) fields[index] = absent[index];
      else fields[index] = convert === undefined ? value : convert(value);
    }
    return fields;
  };
}

function mixedFromStored(
  names: readonly string[],
  shapes: readonly Shape[],
  optional: readonly boolean[],
  absent: readonly (null | undefined)[],
): Convert {
  const count = names.length;
  const converts = shapes.map((shape) => shape.fromStored);
  return (stored) => {
    const fields = stored as readonly unknown[];
    if (fields.length !== count) throw wrongCount(count, fields.length);
    const data: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const value = fields[index];
      if (optional[index] && value === absent[index]) continue;
      const convert = converts[index];
      data[names[index] as string] = convert === undefined ? value : convert(value);
    }
    return data;
  };
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
