/**
 * `troupe sagas`: which there are, the story of one, and what to do with one that waits for a person.
 */
import type { Command } from 'commander';
import { type SagaVerb, sagaVerbs } from '../../actors/model/saga.js';
import { read } from '../command-settings.js';
import { duration } from '../setting-forms.js';
import type { Json } from './admin-client.js';
import { type AdminSession, adminCommand, type SessionOptions } from './admin-session.js';
import { limitOption } from './common-options.js';
import { factsText, segment, spanText, tableText, timeText } from './text-table.js';

/** Of a step's result in a table. */
const resultCharactersMax = 60;

interface ListOptions extends SessionOptions {
  readonly state?: string;
  readonly type?: string;
  readonly olderThan?: number;
  readonly parked?: boolean;
  readonly stuck?: boolean;
  readonly limit: number;
}

interface OneOptions extends SessionOptions {
  readonly type?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

const verbTexts: Readonly<Record<SagaVerb, string>> = {
  retry: 'Try the step at which a parked saga stands once more.',
  skip: 'Leave out the step at which a parked saga stands, and go on.',
  abort: 'End a parked saga as failed, as it is.',
};

export function addSagas(program: Command, exit: (code: number) => void): void {
  const sagas = program
    .command('sagas')
    .description('See the sagas of a running server, and help those that are parked.')
    .addHelpText('after', examples);

  adminCommand<ListOptions>(
    sagas
      .command('ls')
      .description('List sagas, newest first; running, parked and stuck ones oldest first.')
      .option('--state <state>', 'pending, running, compensating, completed, compensated or failed')
      .option('--type <name>', 'only of this definition')
      .option('--older-than <time>', 'started longer ago than this: 90s, 5m, 2h, 1d', read(duration))
      .option('--parked', 'only those that wait for a person')
      .option('--stuck', 'only those that are parked or past their deadline')
      .addOption(limitOption()),
    exit,
    list,
  );
  adminCommand<OneOptions>(
    sagas
      .command('show')
      .argument('<saga>', 'its id')
      .description('Show one saga step by step.')
      .option('--type <name>', 'of this definition, where several have used the id'),
    exit,
    async (session, { type }, [id = '']) => {
      const saga = await session.client.ask({ path: pathOf(id), query: { type } });
      await session.show(saga, sagaText);
    },
  );
  for (const verb of sagaVerbs) {
    adminCommand<OneOptions>(
      sagas
        .command(verb)
        .argument('<saga>', 'its id')
        .description(verbTexts[verb])
        .option('--type <name>', 'of this definition, where several have used the id')
        .option('--reason <text>', 'kept in the journal beside who did it')
        .option('--dry-run', 'only say whether it could be done'),
      exit,
      (session, options, [id = '']) => tell(session, verb, id, options),
    );
  }
}

const examples = `
Examples:
  troupe sagas ls --stuck
  troupe sagas ls --type payment_transfer --state compensated --older-than 1h
  troupe sagas show t3fA...~9c1d22e0
  troupe sagas retry t3fA...~9c1d22e0 --reason "provider is back"`;

async function list(session: AdminSession, options: ListOptions): Promise<void> {
  const { state, type, olderThan, parked, stuck, limit } = options;
  const older_than = olderThan === undefined ? undefined : String(Math.floor(olderThan / 1000));
  const query = { state, type, older_than, parked, stuck };
  const items = await session.pages({ path: '/api/v1/sagas', query }, limit);
  await session.list(
    items,
    [
      { title: 'SAGA', text: (saga) => saga.saga_id },
      { title: 'TYPE', text: (saga) => saga.type },
      { title: 'STATE', text: stateText },
      { title: 'STEP', text: (saga) => saga.current_step },
      { title: 'STARTED', text: (saga) => timeText(saga.created_at) },
      { title: 'UPDATED', text: (saga) => timeText(saga.updated_at) },
      { title: 'ERROR', text: (saga) => saga.errors.at(-1) ?? '' },
    ],
    'no sagas',
  );
}

async function tell(session: AdminSession, verb: SagaVerb, id: string, options: OneOptions): Promise<void> {
  const query = { type: options.type, reason: options.reason, dry_run: options.dryRun };
  const answer = await session.client.ask({ method: 'POST', path: `${pathOf(id)}/${verb}`, query });
  await session.show(answer, (saga) => {
    if (saga.dry_run !== true)
      return `${saga.saga_id}: ${verb} done, now ${stateText(saga)} at ${saga.current_step}`;
    const may = saga.applies === true ? 'would be told to' : 'is not parked and cannot be told to';
    return `${saga.saga_id}: ${stateText(saga)} at ${saga.current_step}, ${may} ${verb}`;
  });
}

function sagaText(saga: Json): string {
  const facts = factsText([
    ['saga', saga.saga_id],
    ['type', saga.type],
    ['state', stateText(saga)],
    ['step', saga.current_step],
    ['started', timeText(saga.created_at)],
    ['updated', timeText(saga.updated_at)],
    ['deadline', timeText(saga.timeout_at)],
    ['parked', timeText(saga.parked_at)],
    ['ended', timeText(saga.ended_at)],
    ...saga.errors.map((error: string) => ['error', error] as const),
  ]);
  const steps = tableText(saga.timeline, [
    { title: 'STEP', text: (line) => (line.direction === 'undo' ? `undo ${line.step}` : line.step) },
    { title: 'OUTCOME', text: (line) => line.outcome },
    { title: 'STARTED', text: (line) => timeText(line.started_at) },
    { title: 'TOOK', text: tookText, align: 'right' },
    { title: 'ATTEMPTS', text: (line) => String(line.attempts), align: 'right' },
    { title: 'ERROR', text: (line) => line.error ?? '' },
    { title: 'RESULT', text: resultText },
  ]);
  const rest = `the first steps only: troupe actors events ${saga.type}/${saga.saga_id} --after ${saga.timeline_events} has the others`;
  return `${facts}\n\n${steps}${saga.timeline_is_complete === false ? `\n${rest}` : ''}`;
}

/** Its beginning: a step's line is read beside the others, and `--json` has it whole. */
function resultText({ result }: Json): string {
  if (result === null) return '';
  const text = JSON.stringify(result);
  return text.length <= resultCharactersMax ? text : `${text.slice(0, resultCharactersMax)}...`;
}

function tookText(line: Json): string {
  if (line.ended_at === null) return '-';
  const took = Date.parse(line.ended_at) - Date.parse(line.started_at);
  return took < 1_000 ? `${took}ms` : spanText(took);
}

function stateText(saga: Json): string {
  return saga.parked_at === null ? saga.state : `${saga.state} (parked)`;
}

function pathOf(id: string): string {
  return `/api/v1/sagas/${segment(id)}`;
}
