/**
 * A module: a set of actors with their routes, loaded by every shard and by the gateway. What `troupe start --app` takes
 * as its default export, and what `createSystem({ modules })` takes.
 */
import type { Port } from './activity.js';
import type { AggregateDefinition } from './aggregate.js';
import type { Reaction } from './reaction.js';
import type { Route } from './route.js';
import type { SagaDefinition } from './saga.js';

// The element types forget their parameters: a module holds actors of many types, each proved where it was declared.
// biome-ignore lint/suspicious/noExplicitAny: variance of behaviour functions admits no narrower common type
type AnyAggregate = AggregateDefinition<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnySaga = SagaDefinition<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above, for the fallbacks of its activities
type AnyPort = Port<string, any>;

export interface Module {
  readonly name: string;
  readonly aggregates: readonly AnyAggregate[];
  readonly sagas?: readonly AnySaga[];
  readonly reactions?: readonly Reaction[];
  readonly routes?: readonly Route[];
  /** Ports that its sagas order activities from; each needs an adapter where the system is put together. */
  readonly ports?: readonly AnyPort[];
}

export function defineModule(module: Module): Module {
  return module;
}

export type { AnyAggregate, AnyPort, AnySaga };
