/**
 * What commands share: settings as options, what was typed turned into a configuration, and complaints.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { errorCode } from '../actors/model/error-code.js';
import { allSettings, describeProblem, resolveConfig } from './config.js';
import type { Form } from './setting-forms.js';
import { type Config, environmentNames, type Setting, type SettingKey } from './settings.js';

/** A form as commander's argument parser, which wants refusals thrown. */
export function read<T>(form: Form<T>): (text: string) => T {
  return (text) => {
    const parsed = form.parse(text);
    if ('value' in parsed) return parsed.value;
    throw new InvalidArgumentError(`Allowed: ${form.allowed}.`);
  };
}

/** Options without a default of commander's own: only what was typed may win over the environment. */
export function addSettings(command: Command, isIncluded: (key: SettingKey) => boolean): void {
  for (const [key, setting] of allSettings()) {
    if (!isIncluded(key)) continue;
    const aliases = environmentNames(setting).slice(1);
    const names = aliases.length === 0 ? '' : `; ${aliases.join(', ')}`;
    const doc = `${setting.doc} (default: ${setting.defaultText}${names})`;
    if (setting.type === 'switch') {
      // Help shows the one that changes something.
      const isOn = setting.defaultText === 'on';
      command.addOption(new Option(`--${setting.name}`, doc).hideHelp(isOn));
      command.addOption(new Option(`--no-${setting.name}`, `switches this off: ${doc}`).hideHelp(!isOn));
    } else {
      command.addOption(new Option(`--${setting.name} <${argumentName(setting)}>`, doc));
    }
  }
}

function argumentName({ type, name }: Setting): string {
  return type === 'path' ? 'path' : (name.split('-').at(-1) ?? 'value');
}

/** What was typed, by setting name, then environment and file; undefined after the problems were printed (L1). */
export function configuration(command: Command): Config | undefined {
  const flags: Record<string, string | boolean> = {};
  for (const option of command.options) {
    const name = option.attributeName();
    // Commander keeps strings and booleans for these options: they have no parser.
    if (command.getOptionValueSource(name) === 'cli') {
      flags[option.name().replace(/^no-/, '')] = command.getOptionValue(name) as string | boolean;
    }
  }
  const result = resolveConfig({
    flags,
    env: process.env,
    directory: process.cwd(),
    machine: { cores: availableParallelism() },
    readFile: readFileIfAny,
  });
  if (result.type === 'config') return result.config;
  for (const problem of result.problems) complain(describeProblem(problem));
  return undefined;
}

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function complain(line: string): void {
  process.stderr.write(`troupe: ${line}\n`);
}
