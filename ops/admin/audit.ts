/**
 * `troupe audit`: who did what, read off the journal.
 */
import type { Command } from 'commander';
import { read } from '../command-settings.js';
import { moment } from '../setting-forms.js';
import type { Json } from './admin-client.js';
import { adminCommand, type SessionOptions } from './admin-session.js';
import { limitOption } from './common-options.js';
import { timeText } from './text-table.js';

interface AuditOptions extends SessionOptions {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
}

export function addAudit(program: Command, exit: (code: number) => void): void {
  adminCommand<AuditOptions>(
    program
      .command('audit')
      .description('List who did what on a running server, newest first.')
      .option('--subject <who>', 'a principal, the id of an actor, or kind/id')
      .option('--from <time>', 'RFC 3339, such as 2026-11-21T18:00:00Z', read(moment))
      .option('--to <time>', 'RFC 3339', read(moment))
      .addOption(limitOption())
      .addHelpText('after', examples),
    exit,
    async (session, { subject, from, to, limit }) => {
      const items = await session.pages({ path: '/api/v1/audit', query: { subject, from, to } }, limit);
      await session.list(
        items,
        [
          { title: 'TIME', text: (line) => timeText(line.at) },
          { title: 'BY', text: byText },
          { title: 'ACTOR', text: (line) => `${line.actor.kind}/${line.actor.id}` },
          { title: 'COMMAND', text: (line) => line.command },
          { title: 'OUTCOME', text: (line) => (line.code === undefined ? line.outcome : line.code) },
          { title: 'CORRELATION', text: (line) => line.correlation_id },
        ],
        'nothing was done',
      );
    },
  );
}

function byText(line: Json): string {
  return line.on_behalf_of === undefined ? line.principal : `${line.principal} for ${line.on_behalf_of}`;
}

const examples = `
Examples:
  troupe audit --subject alice --from 2026-11-21T00:00:00Z
  troupe audit --subject account/alice-checking`;
