/**
 * Whether this program can go on with every saga that is under way. A live saga has exactly one timer (M4 of
 * `saga-machine.ts`), and that says under which version of its definition it runs, so the timers found at a start tell.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { KindTable } from '../kind-table.js';
import type { LiveTimer } from '../timer/timer-desk.js';
import { wakeTimer } from './saga-timing.js';

/** Ids named per version; a person needs an example, not a list of thousands. */
const idsNamedMax = 10;

/** Throws `saga-version-missing`, naming sagas, when the modules lack the definition that a live one runs under. */
export function refuseMissingVersions(kinds: KindTable, timers: Iterable<LiveTimer>): void {
  const missing = new Map<string, string[]>();
  for (const timer of timers) {
    const kind = kinds.numbered(timer.kindSchemaId);
    const versions = kind?.saga?.versions;
    // An activity stood under that name too, before `saga-dispatch.ts` kept them apart; it names no version.
    if (kind === undefined || versions === undefined || timer.name !== wakeTimer || timer.isActivity)
      continue;
    const { entry, fields } = kinds.command(kind, timer.schema, timer.fields);
    // The wake command's input, as `saga-contract.ts` declares it.
    const { definition_version: version } = entry.input.fromFields(fields) as { definition_version: number };
    if (versions.has(version)) continue;
    const name = `${kind.name} version ${version}`;
    const ids = missing.get(name);
    if (ids === undefined) missing.set(name, [timer.id]);
    else ids.push(timer.id);
  }
  if (missing.size === 0) return;
  const found = Array.from(missing, ([name, ids]) => {
    const more = ids.length > idsNamedMax ? ` and ${ids.length - idsNamedMax} more` : '';
    return `${name}: ${ids.slice(0, idsNamedMax).join(', ')}${more}`;
  });
  throw new OperatingError(
    'saga-version-missing',
    `Sagas are under way, or wait for a person, under definitions that no module has (${found.join('; ')}). Keep those definitions in \`versions\` until these sagas have ended.`,
  );
}
