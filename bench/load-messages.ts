/**
 * What the bench command line and the load process say to each other. Plain data, sent as JSON over the fork's channel.
 */
import type { Endpoint } from './http-connection.js';
import type { LoadPlan, LoadProgress, LoadResult } from './load-generator.js';
import type { BooksReport, ScenarioOptions } from './scenarios/scenario.js';

/** The parent's only message. */
export interface LoadOrder {
  readonly endpoint: Endpoint;
  readonly scenario: ScenarioOptions;
  readonly plan: LoadPlan;
}

export type LoadPhase =
  | 'opening accounts'
  | 'warm-up'
  | 'measuring'
  | 'draining'
  | 'asking again'
  | 'checking the books';

/** In this order: phases and seconds, then exactly one `done` or `failed`. */
export type LoadReport =
  | { readonly type: 'phase'; readonly phase: LoadPhase }
  | { readonly type: 'second'; readonly progress: LoadProgress }
  | { readonly type: 'done'; readonly result: LoadResult; readonly books: BooksReport }
  | { readonly type: 'failed'; readonly reason: string };
