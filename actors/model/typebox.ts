/**
 * The door to TypeBox. Its five hundred files cost every thread that starts a third of a second of processor time: the build
 * makes this module and all that it imports one file.
 */
export { type Static, type TObject, type TSchema, Type } from 'typebox';
export { Compile, type Validator } from 'typebox/compile';
export type { TLocalizedValidationError } from 'typebox/error';
