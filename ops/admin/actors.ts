/**
 * `troupe actors`: which there are, how one stands, what happened to it, and a parked one tried again.
 */
import { Argument, type Command } from 'commander';
import { read } from '../command-settings.js';
import { wholeNumber } from '../setting-forms.js';
import { AdminError, type Json } from './admin-client.js';
import { type AdminSession, adminCommand, type SessionOptions } from './admin-session.js';
import { actorName, limitOption, splitActor } from './common-options.js';
import { factsText, segment, timeText } from './text-table.js';

interface ListOptions extends SessionOptions {
  readonly kind?: string;
  readonly parked?: boolean;
  readonly limit: number;
}

interface EventOptions extends SessionOptions {
  readonly after?: number;
  readonly to?: number;
  readonly limit: number;
}

interface OneOptions extends SessionOptions {
  readonly dryRun?: boolean;
}

export function addActors(program: Command, exit: (code: number) => void): void {
  const actors = program
    .command('actors')
    .description('See the actors of a running server, and try parked ones again.')
    .addHelpText('after', examples);
  const one = () => new Argument('<kind/id>', 'the actor').argParser(read(actorName));

  adminCommand<ListOptions>(
    actors
      .command('ls')
      .description('List actors, in no order that means anything.')
      .option('--kind <kind>', 'only of this kind')
      .option('--parked', 'only those that failed repeatedly and wait for an operator')
      .addOption(limitOption()),
    exit,
    list,
  );
  adminCommand(actors.command('show').addArgument(one()).description('Show one actor.'), exit, show);
  adminCommand<EventOptions>(
    actors
      .command('events')
      .addArgument(one())
      .description('Show the events of one actor, oldest first.')
      .option('--after <version>', 'only after this version', read(wholeNumber(0, 2 ** 48)))
      .option('--to <version>', 'only up to this version', read(wholeNumber(1, 2 ** 48)))
      .addOption(limitOption()),
    exit,
    events,
  );
  adminCommand<OneOptions>(
    actors
      .command('unpark')
      .addArgument(one())
      .description('Load a parked actor as if it had never failed.')
      .option('--dry-run', 'only show the actor'),
    exit,
    async (session, { dryRun }, [name = '']) => {
      const { kind, id } = splitActor(name);
      const path = `/api/v1/parked-actors/${segment(kind)}/${segment(id)}/unpark`;
      const facts = await session.client.ask({ method: 'POST', path, query: { dry_run: dryRun } });
      await session.show(facts, (it) => {
        if (it.dry_run) return `${name} is parked and would be tried again`;
        return it.is_parked
          ? `${name} failed again and is parked`
          : `${name} works again, at version ${it.version}`;
      });
    },
  );
}

const examples = `
Examples:
  troupe actors ls --parked
  troupe actors show account/alice-checking
  troupe actors events account/alice-checking --after 10
  troupe actors unpark account/alice-checking`;

async function list(session: AdminSession, { kind, parked, limit }: ListOptions): Promise<void> {
  const items = parked === true ? await parkedActors(session, kind, limit) : await all(session, kind, limit);
  await session.list(
    items,
    [
      { title: 'ACTOR', text: (actor) => `${actor.kind}/${actor.id}` },
      {
        title: 'VERSION',
        text: (actor) => (actor.version === null ? '-' : String(actor.version)),
        align: 'right',
      },
      { title: 'STATE', text: (actor) => (actor.is_parked ? 'parked' : actor.is_open ? 'open' : '') },
    ],
    parked === true ? 'no parked actors' : 'no actors',
  );
}

function all(session: AdminSession, kind: string | undefined, limit: number): Promise<readonly Json[]> {
  return session.pages({ path: '/api/v1/actors', query: { kind } }, limit);
}

/** What one answer of the server holds at most. */
const parkedMax = 1_000;

async function parkedActors(
  session: AdminSession,
  kind: string | undefined,
  limit: number,
): Promise<readonly Json[]> {
  const query = { limit: parkedMax };
  const { items } = await session.client.ask({ path: '/api/v1/parked-actors', query });
  return items.filter((actor: Json) => kind === undefined || actor.kind === kind).slice(0, limit);
}

async function show(
  session: AdminSession,
  _options: SessionOptions,
  [name = '']: readonly string[],
): Promise<void> {
  const { kind, id } = splitActor(name);
  const { items } = await session.client.ask({ path: '/api/v1/actors', query: { kind, id } });
  const facts = items[0];
  const state = facts.is_parked ? undefined : await stateOf(session, kind, id);
  await session.show({ ...facts, ...(state === undefined ? {} : { state }) }, (actor) => {
    const head = factsText([
      ['actor', name],
      ['version', String(actor.version)],
      ['standing', standingOf(actor)],
    ]);
    // The version stands above already.
    const { version: _, ...fields } = actor.state ?? {};
    const lines = Object.entries(fields).map(([field, value]) => [field, valueText(value)] as const);
    return lines.length === 0 ? head : `${head}\n\n${factsText(lines)}`;
  });
}

function standingOf(actor: Json): string {
  if (actor.is_parked) return `parked after ${actor.strikes} strikes`;
  if (actor.version === 0) return 'nothing has happened to it yet';
  return actor.is_open ? 'open' : 'at rest';
}

/** What the kind's own `get` shows; undefined where it has none. */
async function stateOf({ client }: AdminSession, kind: string, id: string): Promise<Json> {
  try {
    return await client.ask({ path: `/api/v1/actors/${segment(kind)}/${segment(id)}` });
  } catch (error) {
    if (error instanceof AdminError && error.isRefusal) return undefined;
    throw error;
  }
}

async function events(
  session: AdminSession,
  { after, to, limit }: EventOptions,
  [name = '']: readonly string[],
): Promise<void> {
  const { kind, id } = splitActor(name);
  const path = `/api/v1/actors/${segment(kind)}/${segment(id)}/events`;
  const found: Json[] = [];
  let from = after;
  do {
    const query = { after_version: from, to_version: to, limit: Math.min(limit - found.length, 1_000) };
    const page = await session.client.ask({ path, query });
    found.push(...page.items);
    from = page.next_cursor === null ? undefined : Number(page.next_cursor);
  } while (from !== undefined && found.length < limit);
  await session.list(
    found,
    [
      { title: 'VERSION', text: (event) => String(event.stream_version), align: 'right' },
      { title: 'TIME', text: (event) => timeText(event.timestamp) },
      { title: 'EVENT', text: (event) => event.event_type },
      { title: 'BY', text: (event) => event.metadata.principal },
      { title: 'DATA', text: (event) => JSON.stringify(event.event_data) },
    ],
    'no events',
  );
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
