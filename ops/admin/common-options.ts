/**
 * Options that several admin commands take alike.
 */
import { Option } from 'commander';
import { read } from '../command-settings.js';
import { pattern, wholeNumber } from '../setting-forms.js';

const itemsDefault = 50;
const itemsMax = 1_000_000;

export function limitOption(): Option {
  return new Option('--limit <number>', 'list at most so many')
    .argParser(read(wholeNumber(1, itemsMax)))
    .default(itemsDefault);
}

/** `account/alice` */
export const actorName = pattern(
  'an actor as kind/id, such as account/alice',
  /^[^/\s]+\/[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/,
);

export function splitActor(text: string): { readonly kind: string; readonly id: string } {
  const slash = text.indexOf('/');
  return { kind: text.slice(0, slash), id: text.slice(slash + 1) };
}
