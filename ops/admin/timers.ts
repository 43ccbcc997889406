/**
 * `troupe timers`: what is set, moved to another time, cancelled.
 */
import type { Command } from 'commander';
import { read } from '../command-settings.js';
import { duration, moment } from '../setting-forms.js';
import { AdminError, type Json } from './admin-client.js';
import { type AdminSession, adminCommand, type SessionOptions } from './admin-session.js';
import { limitOption } from './common-options.js';
import { segment, timeText } from './text-table.js';

interface ListOptions extends SessionOptions {
  readonly kind?: string;
  readonly limit: number;
}

interface ChangeOptions extends SessionOptions {
  readonly at?: string;
  readonly in?: number;
  readonly dryRun?: boolean;
}

export function addTimers(program: Command, exit: (code: number) => void): void {
  const timers = program
    .command('timers')
    .description('See the durable timers of a running server, move or cancel them.')
    .addHelpText('after', examples);

  adminCommand<ListOptions>(
    timers
      .command('ls')
      .description('List timers, the next one first.')
      .option('--kind <kind>', 'only of actors of this kind')
      .addOption(limitOption()),
    exit,
    async (session, { kind, limit }) => {
      const items = await session.pages({ path: '/api/v1/timers', query: { kind } }, limit);
      await session.list(
        items,
        [
          { title: 'DUE', text: (timer) => timeText(timer.due_at) },
          { title: 'ACTOR', text: (timer) => `${timer.kind}/${timer.id}` },
          { title: 'NAME', text: (timer) => timer.name },
          { title: 'COMMAND', text: (timer) => timer.command },
          { title: 'TIMER', text: (timer) => timer.timer_id },
        ],
        'no timers',
      );
    },
  );
  adminCommand<ChangeOptions>(
    timers
      .command('move')
      .argument('<timer>', 'its id, the last column of `troupe timers ls`')
      .description('Set a timer to another time.')
      .option('--at <time>', 'RFC 3339, such as 2026-11-21T18:00:00Z', read(moment))
      .option('--in <time>', 'from now: 90s, 5m, 2h, 1d', read(duration))
      .option('--dry-run', 'only show the timer'),
    exit,
    move,
  );
  adminCommand<ChangeOptions>(
    timers
      .command('cancel')
      .argument('<timer>', 'its id, the last column of `troupe timers ls`')
      .description('Cancel a timer: its command will not run.')
      .option('--dry-run', 'only show the timer'),
    exit,
    async (session, { dryRun }, [id = '']) => {
      const path = `/api/v1/timers/${segment(id)}`;
      const timer = await session.client.ask({ method: 'DELETE', path, query: { dry_run: dryRun } });
      await session.show(
        timer,
        (it) => `${nameText(it)}: ${it.dry_run ? 'would be cancelled' : 'cancelled'}`,
      );
    },
  );
}

const examples = `
Examples:
  troupe timers ls --kind reservation
  troupe timers move YWNjb3VudC9hL2V4cGlyZQ --in 2h
  troupe timers cancel YWNjb3VudC9hL2V4cGlyZQ --dry-run`;

async function move(
  session: AdminSession,
  options: ChangeOptions,
  [id = '']: readonly string[],
): Promise<void> {
  if ((options.at === undefined) === (options.in === undefined))
    throw new AdminError('say either --at or --in', true);
  const due_at = options.at ?? new Date(Date.now() + (options.in ?? 0)).toISOString();
  const timer = await session.client.ask({
    method: 'PUT',
    path: `/api/v1/timers/${segment(id)}`,
    query: { dry_run: options.dryRun },
    body: { due_at },
  });
  await session.show(timer, (it) => {
    const verb = it.dry_run ? 'would be moved' : 'moved';
    return `${nameText(it)}: ${verb} from ${timeText(it.due_at)} to ${timeText(it.moved_to)}`;
  });
}

function nameText({ kind, id, name }: Json): string {
  return `timer "${name}" of ${kind}/${id}`;
}
