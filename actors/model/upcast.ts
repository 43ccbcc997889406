/**
 * Stored fields of any version as today's data.
 *
 * U1  Today's version reads through the schema's form, an older one through `upcast[version]`. Everything else (a newer
 *     version, a version without an upcaster, a name the contract no longer has) is `schema-unknown`: never guessed,
 *     never skipped.
 */

import type { Contract, Upcasters } from './contract.js';
import { OperatingError } from './errors.js';
import { compileForm } from './form.js';
import type { TSchema } from './typebox.js';

/** What a schema is now, and how its older versions become that. */
interface Versioned {
  readonly version: number;
  readonly schema: TSchema;
  readonly upcast: Upcasters<unknown> | undefined;
}

/** The data of an event that was stored under a version. Throws `schema-unknown` (U1). */
export function decodeEvent(
  contract: Contract,
  name: string,
  storedVersion: number,
  fields: readonly unknown[],
): unknown {
  const id = `event ${contract.kind}.${name}`;
  const { version, schema, upcast } = own(contract.events, name, id);
  return decode(id, { version, schema, upcast }, storedVersion, fields);
}

/** The input of a command that was stored under a version (a message under way, a timer). Throws `schema-unknown` (U1). */
export function decodeCommand(
  contract: Contract,
  name: string,
  storedVersion: number,
  fields: readonly unknown[],
): unknown {
  const id = `command ${contract.kind}.${name}`;
  const { version, input, upcast } = own(contract.commands, name, id);
  return decode(id, { version, schema: input, upcast }, storedVersion, fields);
}

/** The reply of a command that was recorded under a version of it. Throws `schema-unknown` (U1). */
export function decodeReply(
  contract: Contract,
  name: string,
  storedVersion: number,
  fields: readonly unknown[],
): unknown {
  const id = `reply ${contract.kind}.${name}`;
  const { version, reply, upcastReply } = own(contract.commands, name, id);
  return decode(id, { version, schema: reply, upcast: upcastReply }, storedVersion, fields);
}

function decode(
  id: string,
  { version, schema, upcast }: Versioned,
  storedVersion: number,
  fields: readonly unknown[],
): unknown {
  if (storedVersion === version) return compileForm(schema).fromFields(fields);
  const upcaster = storedVersion < version ? upcast?.[storedVersion] : undefined;
  if (upcaster !== undefined) return upcaster(fields);
  throw new OperatingError(
    'schema-unknown',
    `${id} was stored under version ${storedVersion}; this program has version ${version}` +
      ` and upcasters from [${Object.keys(upcast ?? {}).join(', ')}]`,
  );
}

function own<Spec>(specs: Readonly<Record<string, Spec>>, name: string, id: string): Spec {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) throw new OperatingError('schema-unknown', `${id} is not in the contract`);
  return spec;
}
