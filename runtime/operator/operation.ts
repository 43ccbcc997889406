/**
 * What an operator asks of one partition: a page of what it holds, or a change that no command of an actor's contract
 * makes. Plain data on both sides; it crosses threads.
 *
 * O1  Each operation names its partition. What spans partitions is put together where it is asked for, and a partition
 *     that does not answer makes an error, never a silent part.
 * O2  A page is bounded by `limit` and by what one operation may look at; `next` goes on after it, and makes progress
 *     even when the page is empty.
 * O3  An answer leaves once everything it was computed from is durable. A change is a journal record with its principal.
 */
import type { ActorFacts, ActorName, ActorPage, ListActors } from './actor-operations.js';
import type { AuditPage, ListAudit } from './audit.js';
import type { Backfill, BackfillProgress } from './backfill.js';
import type { LetterPage, LetterView, ListLetters, Replay, TakeLetter } from './letter-operations.js';
import type { Operator } from './operation-ground.js';
import type { SagaCount } from './saga-census.js';
import type {
  ListOpenSagas,
  ListRecentSagas,
  LookAtSagas,
  OpenSagaPage,
  RecentSagaPage,
  SagaLine,
} from './saga-operations.js';
import type { ListTimers, MoveTimer, TimerPage, TimerView } from './timer-operations.js';

/** Name → what is asked and what is answered. */
export interface Operations {
  'timers.list': { readonly ask: ListTimers; readonly answer: TimerPage };
  'timers.move': { readonly ask: MoveTimer; readonly answer: TimerView };
  'letters.list': { readonly ask: ListLetters; readonly answer: LetterPage };
  'letters.replay': { readonly ask: TakeLetter; readonly answer: Replay };
  'actors.list': { readonly ask: ListActors; readonly answer: ActorPage };
  'actors.parked': { readonly ask: { readonly limit: number }; readonly answer: readonly ActorFacts[] };
  'actors.show': { readonly ask: ActorName; readonly answer: ActorFacts };
  'actors.unpark': {
    readonly ask: ActorName & { readonly isDryRun: boolean };
    readonly answer: ActorFacts;
  };
  'sagas.open': { readonly ask: ListOpenSagas; readonly answer: OpenSagaPage };
  'sagas.recent': { readonly ask: ListRecentSagas; readonly answer: RecentSagaPage };
  'sagas.look': { readonly ask: LookAtSagas; readonly answer: readonly SagaLine[] };
  'sagas.find': { readonly ask: { readonly id: string }; readonly answer: readonly SagaLine[] };
  'sagas.count': { readonly ask: undefined; readonly answer: readonly SagaCount[] };
  'audit.list': { readonly ask: ListAudit; readonly answer: AuditPage };
  'reactions.backfill': { readonly ask: Backfill; readonly answer: BackfillProgress };
  'letters.skip': { readonly ask: TakeLetter; readonly answer: LetterView };
}

export type OperationName = keyof Operations;

/** Those that may write: without an answer nobody knows whether they did. The others only look. */
export const changingOperations: ReadonlySet<OperationName> = new Set<OperationName>([
  'timers.move',
  'letters.replay',
  'letters.skip',
  'actors.unpark',
  'reactions.backfill',
]);

export type Ask<N extends OperationName> = Operations[N]['ask'];
export type Answer<N extends OperationName> = Operations[N]['answer'];

export interface OperationClient {
  readonly partitionCount: number;
  /**
   * Rejects with an operating error: `not-found`, `storage-unavailable`, …; without an answer in time `partition-silent`
   * for a look and `outcome-unknown` for a change.
   */
  ask<N extends OperationName>(
    partition: number,
    name: N,
    ask: Ask<N>,
    operator: Operator,
  ): Promise<Answer<N>>;
}
