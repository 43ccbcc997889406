/**
 * `troupe reactions`: which there are, and one run over the events that were there before it.
 */
import type { Command } from 'commander';
import { read } from '../command-settings.js';
import { moment } from '../setting-forms.js';
import { type AdminSession, adminCommand, type SessionOptions } from './admin-session.js';
import { segment } from './text-table.js';

interface BackfillOptions extends SessionOptions {
  readonly before?: string;
  readonly dryRun?: boolean;
}

export function addReactions(program: Command, exit: (code: number) => void): void {
  const reactions = program
    .command('reactions')
    .description('See the reactions of a running server, and run one over past events.')
    .addHelpText('after', examples);

  adminCommand(
    reactions.command('ls').description('List reactions, and the events that they are to.'),
    exit,
    async (session) => {
      const { items } = await session.client.ask({ path: '/api/v1/reactions' });
      await session.list(
        items,
        [
          { title: 'REACTION', text: (reaction) => reaction.name },
          { title: 'TO', text: (reaction) => `${reaction.kind}/${reaction.event}` },
          { title: 'MODULE', text: (reaction) => reaction.module },
        ],
        'no reactions',
      );
    },
  );
  adminCommand<BackfillOptions>(
    reactions
      .command('backfill')
      .argument('<reaction>', 'its name')
      .description('Send what a reaction would have sent for events that are older than itself.')
      .option('--before <time>', 'only for events before this, RFC 3339', read(moment))
      .option('--dry-run', 'only count the messages'),
    exit,
    backfill,
  );
}

const examples = `
A message that was sent already is not sent again, neither by the reaction itself nor by an earlier backfill: one that was
interrupted is simply run again.

Examples:
  troupe reactions backfill freeze-alert --dry-run
  troupe reactions backfill freeze-alert --before 2026-11-21T00:00:00Z`;

async function backfill(
  session: AdminSession,
  { before, dryRun }: BackfillOptions,
  [name = '']: readonly string[],
): Promise<void> {
  const path = `/api/v1/reactions/${segment(name)}/backfill`;
  let count = 0;
  let cursor: string | undefined;
  do {
    const query = { before, dry_run: dryRun, cursor };
    const stretch = await session.client.ask({ method: 'POST', path, query });
    count += stretch.count;
    cursor = stretch.next_cursor ?? undefined;
  } while (cursor !== undefined);
  await session.show({ reaction: name, count, dry_run: dryRun === true }, () => {
    const messages = `${count} message${count === 1 ? '' : 's'}`;
    return `${name}: ${messages} ${dryRun === true ? 'would be sent' : 'sent'}`;
  });
}
