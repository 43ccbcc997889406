/**
 * `troupe dead-letters`: messages that their target refused, replayed in their order or given up.
 */
import type { Command } from 'commander';
import { read } from '../command-settings.js';
import { type AdminSession, adminCommand, type SessionOptions } from './admin-session.js';
import { actorName, limitOption, splitActor } from './common-options.js';
import { segment, timeText } from './text-table.js';

interface ListOptions extends SessionOptions {
  readonly target?: string;
  readonly limit: number;
}

interface OneOptions extends SessionOptions {
  readonly dryRun?: boolean;
}

const root = '/api/v1/dead-letters';

export function addDeadLetters(program: Command, exit: (code: number) => void): void {
  const letters = program
    .command('dead-letters')
    .description('See the messages that actors of a running server refused, replay or skip them.')
    .addHelpText('after', examples);

  adminCommand<ListOptions>(
    letters
      .command('ls')
      .description('List dead letters, the oldest first.')
      .option('--target <kind/id>', 'only those for this actor', read(actorName))
      .addOption(limitOption()),
    exit,
    async (session, { target, limit }) => {
      const query = target === undefined ? {} : { ...splitActor(target) };
      const items = await session.pages({ path: root, query }, limit);
      await session.list(
        items,
        [
          { title: 'LETTER', text: (letter) => letter.dead_letter_id },
          { title: 'FROM', text: (letter) => `${letter.sender.kind}/${letter.sender.id}` },
          { title: 'TO', text: (letter) => `${letter.target.kind}/${letter.target.id}` },
          { title: 'COMMAND', text: (letter) => letter.command },
          { title: 'SENT', text: (letter) => timeText(letter.sent_at) },
          { title: 'REFUSED', text: (letter) => `${letter.code}: ${letter.detail}` },
        ],
        'no dead letters',
      );
    },
  );
  adminCommand<OneOptions>(
    letters
      .command('replay')
      .argument('<letter>', 'its id')
      .description('Send a letter again, after those before it and before those behind it.')
      .option('--dry-run', 'only count the letters'),
    exit,
    replay,
  );
  adminCommand<OneOptions>(
    letters
      .command('skip')
      .argument('<letter>', 'its id')
      .description('Give a letter up: it will never reach its target.')
      .option('--dry-run', 'only show the letter'),
    exit,
    async (session, { dryRun }, [id = '']) => {
      const path = `${root}/${segment(id)}/skip`;
      const letter = await session.client.ask({ method: 'POST', path, query: { dry_run: dryRun } });
      await session.show(letter, (it) => {
        const verb = it.dry_run ? 'would be skipped' : 'skipped';
        return `${it.dead_letter_id}: ${it.command} to ${it.target.kind}/${it.target.id} ${verb}`;
      });
    },
  );
}

const examples = `
A letter keeps back what the same sender sends to the same target afterwards, so that nothing overtakes it. Replaying one
replays all of them from the first, and stops at the first that is refused again.

Examples:
  troupe dead-letters ls --target notification/alice
  troupe dead-letters replay 3.7.1204.0 --dry-run
  troupe dead-letters skip 3.7.1204.0`;

/** The server takes a stretch at a time; goes on until all were taken or one was refused. */
async function replay(
  session: AdminSession,
  { dryRun }: OneOptions,
  [id = '']: readonly string[],
): Promise<void> {
  const ask = (letter: string) =>
    session.client.ask({
      method: 'POST',
      path: `${root}/${segment(letter)}/replay`,
      query: { dry_run: dryRun },
    });
  let answer = await ask(id);
  if (answer.dry_run)
    return session.show(answer, (it) => `${it.count} letter${it.count === 1 ? '' : 's'} would be replayed`);
  let { count } = answer;
  while (answer.next !== null && answer.refused === null) {
    answer = await ask(answer.next);
    count += answer.count;
  }
  await session.show({ ...answer, count }, (it) => {
    const done = `${it.count} replayed, ${it.left} left`;
    const { refused } = it;
    if (refused === null) return done;
    return `${done}: ${refused.dead_letter_id} was refused, ${refused.code}: ${refused.detail}`;
  });
}
