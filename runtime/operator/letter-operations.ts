/**
 * Dead letters as an operator sees, replays and skips them.
 *
 * Replaying a letter runs its lane from the front, because the target must get what one source sent in its order; it
 * stops at the first that is refused again. Each letter is run as it was sent (its id, its principal, its trail) and is
 * gone with the very record of what it did.
 */
import { OperatingError } from '../../actors/model/errors.js';
import { failureOutcome, outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import { causeCommand, messageId } from '../commit/record.js';
import type { Kind } from '../kind-table.js';
import { bySending, type Letter, type LetterPlace, type SentPlace } from '../letters/letter-box.js';
import type { Origin } from '../origin.js';
import type { Partition } from '../partition.js';
import { type OperationGround, type Operator, originOf, withActor } from './operation-ground.js';

/** Letters replayed by one operation; the rest of the lane is for the next one. */
export const lettersPerReplay = 256;

export interface ListLetters {
  /** Only letters after this one. */
  readonly after: SentPlace | undefined;
  /** Of the target. */
  readonly kind: string | undefined;
  readonly id: string | undefined;
  readonly limit: number;
}

export interface LetterView extends LetterPlace {
  readonly target: { readonly kind: string; readonly id: string };
  readonly sender: { readonly kind: string; readonly id: string };
  readonly command: string;
  readonly payload: unknown;
  readonly code: string;
  readonly detail: string;
  readonly sentAt: number;
  readonly queuedAt: number;
  readonly principal: string;
  readonly correlationId: string;
}

export interface LetterPage {
  readonly letters: readonly LetterView[];
  /** Letters of the partition, whatever was asked for. */
  readonly total: number;
}

export interface TakeLetter {
  readonly place: LetterPlace;
  /** Only says what would be done. */
  readonly isDryRun: boolean;
}

export interface Replay {
  /** Of the lane, from its front. */
  readonly replayed: number;
  /** Still in the lane. */
  readonly left: number;
  /** The first of those. */
  readonly next: LetterPlace | undefined;
  /** Why the replay ended before the end of the lane; undefined when it only took as many as it may. */
  readonly refused:
    | { readonly place: LetterPlace; readonly code: string; readonly detail: string }
    | undefined;
}

export function listLetters(
  { domain }: OperationGround,
  { letters }: Partition,
  { after, kind, id, limit }: ListLetters,
): LetterPage {
  const schemaId = kind === undefined ? undefined : (domain.kinds.named(kind)?.schemaId ?? -1);
  const isAfter = (letter: Letter) => after === undefined || bySending(letter, after) > 0;
  const found = letters
    .inOrder()
    .filter(
      (letter) =>
        isAfter(letter) &&
        (schemaId === undefined || letter.toKind === schemaId) &&
        (id === undefined || letter.toId === id),
    );
  return {
    letters: found.slice(0, limit).map((letter) => viewOf(domain.kinds, letter)),
    total: letters.size,
  };
}

/** Replays the lane of a letter (see above). */
export function replayLetters(
  ground: OperationGround,
  partition: Partition,
  { place, isDryRun }: TakeLetter,
  operator: Operator,
): Promise<Replay> | Replay {
  const letter = found(partition, place);
  if (isDryRun) return replayOf(partition.letters.laneOf(letter), 0);
  return withTarget(ground, letter, (kind) =>
    withActor(ground, kind, letter.toId, () => runLane(ground, partition, kind, letter, operator)),
  );
}

/** Gives a letter up. Resolves to it as it was. */
export function skipLetter(
  ground: OperationGround,
  partition: Partition,
  { place, isDryRun }: TakeLetter,
  operator: Operator,
): Promise<LetterView> | LetterView {
  const { domain, executor } = ground;
  const letter = found(partition, place);
  if (isDryRun) return viewOf(domain.kinds, letter);
  return withTarget(ground, letter, (kind) =>
    withActor(ground, kind, letter.toId, (activation) => {
      // It may have been taken while its actor was loading.
      const view = viewOf(domain.kinds, found(partition, place));
      const outcome = [outcomeReply, domain.kinds.operationSchema('letter-skip'), []] as const;
      executor.record(activation, { ...originOf(operator), takes: taken(place, operator) }, outcome, []);
      return view;
    }),
  );
}

function runLane(
  ground: OperationGround,
  partition: Partition,
  kind: Kind,
  letter: Letter,
  operator: Operator,
): Replay {
  const lane = partition.letters.laneOf(letter);
  let replayed = 0;
  for (const next of lane) {
    if (replayed === lettersPerReplay || partition.writer.byteCount >= ground.domain.limits.entryBytesMax)
      break;
    const outcome = run(ground, kind, next, operator);
    if (outcome[0] !== outcomeReply) {
      const [, code, detail] = outcome;
      return replayOf(lane, replayed, { place: placeOf(next), code, detail });
    }
    replayed++;
  }
  return replayOf(lane, replayed);
}

function replayOf(lane: readonly Letter[], replayed: number, refused?: Replay['refused']): Replay {
  const next = lane[replayed];
  return { replayed, left: lane.length - replayed, next: next && placeOf(next), refused };
}

function run(
  { domain, executor, obtain }: OperationGround,
  kind: Kind,
  letter: Letter,
  operator: Operator,
): StoredOutcome {
  const activation = obtain(kind, letter.toId);
  // The letter before it may have broken the actor, which is being loaded again.
  if (activation === undefined || activation.phase === 'loading') return busy;
  if (activation.phase === 'parked') return parked;
  try {
    const { entry, fields } = domain.kinds.command(kind, letter.schema, letter.fields);
    return executor.command(activation, entry, fields, replayOrigin(letter, operator)).outcome;
  } catch (cause) {
    if (cause instanceof OperatingError) return failureOutcome(cause.code, cause.message);
    throw cause;
  }
}

function replayOrigin(letter: Letter, operator: Operator): Origin {
  const { source, position, ordinal, sentAt, trail } = letter;
  return {
    cause: [causeCommand, operator.commandId, 0],
    time: sentAt,
    caller: { principal: trail[2], roles: [], internal: true },
    trail,
    commandId: messageId(source, position, ordinal),
    mustRecord: true,
    takes: taken(letter, operator),
  };
}

function withTarget<Result>(
  { domain }: OperationGround,
  letter: Letter,
  then: (kind: Kind) => Promise<Result>,
): Promise<Result> {
  const kind = domain.kinds.numbered(letter.toKind);
  if (kind === undefined)
    throw new OperatingError('schema-unknown', 'No module defines the target any more.');
  return then(kind);
}

function found({ letters }: Partition, place: LetterPlace): Letter {
  const letter = letters.get(place);
  if (letter === undefined)
    throw new OperatingError('not-found', 'There is no such dead letter: it was replayed or skipped.');
  return letter;
}

function taken({ source, position, ordinal }: LetterPlace, { principal }: Operator) {
  return [source, position, ordinal, principal] as const;
}

function placeOf({ source, position, ordinal }: LetterPlace): LetterPlace {
  return { source, position, ordinal };
}

function viewOf(kinds: OperationGround['domain']['kinds'], letter: Letter): LetterView {
  const { catalogue } = kinds;
  const { fromKind, fromId, toKind, toId, schema, trail, code, detail, sentAt, queuedAt } = letter;
  return {
    ...placeOf(letter),
    target: { kind: catalogue.entry(toKind).kind, id: toId },
    sender: { kind: catalogue.entry(fromKind).kind, id: fromId },
    command: catalogue.entry(schema).name,
    payload: payloadOf(kinds, letter),
    code,
    detail,
    sentAt,
    queuedAt,
    principal: trail[2],
    correlationId: trail[0] === 0 ? '' : trail[0],
  };
}

/** What the command would get; null where this program no longer has the command. */
function payloadOf(kinds: OperationGround['domain']['kinds'], { toKind, schema, fields }: Letter): unknown {
  const kind = kinds.numbered(toKind);
  if (kind === undefined) return null;
  try {
    const command = kinds.command(kind, schema, fields);
    return command.entry.input.fromFields(command.fields);
  } catch (cause) {
    if (cause instanceof OperatingError) return null;
    throw cause;
  }
}

const parked = failureOutcome('actor-parked', 'The actor is parked.');
const busy = failureOutcome('overloaded', 'The actor is being loaded again; replay once more.');
