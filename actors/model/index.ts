/** The vocabulary for defining actors: everything a module imports. */
export {
  type ActivityCode,
  type ActivityFailure,
  type ActivityInput,
  type ActivityName,
  type ActivityOrder,
  type ActivityOutcome,
  type ActivityPolicy,
  type ActivityResult,
  type ActivitySpec,
  type AdapterCall,
  type Adapters,
  type BreakerPolicy,
  defineAdapter,
  definePort,
  type Port,
  type PortAdapter,
  perform,
} from './activity.js';
export {
  type Address,
  isActorId,
  isClientChosenId,
  partitionOf,
  placedId,
  placementHash,
} from './address.js';
export {
  type Acceptance,
  type AggregateDefinition,
  type Behaviour,
  type Decide,
  type DecideContext,
  type Decision,
  defineAggregate,
  type Evolve,
  type Read,
  type SnapshotSpec,
  type TaggedReply,
} from './aggregate.js';
export {
  type ActorCall,
  type Answered,
  type CommandCall,
  commandCall,
  type Guard,
  guardOf,
  type HistoryCall,
  type HistoryReply,
  type QueryCall,
  queryCall,
  type RecordedEvent,
} from './call.js';
export {
  type CommandInput,
  type CommandName,
  type CommandReply,
  type CommandSpec,
  type Contract,
  defineContract,
  type EventData,
  type EventName,
  type EventOf,
  type EventSpec,
  type QueryInput,
  type QueryName,
  type QueryReply,
  type QuerySpec,
  type RejectionCode,
  send,
  type Upcasters,
} from './contract.js';
export { currencyCodes, currencyDecimals } from './currency.js';
export {
  type ErrorCode,
  type ErrorEntry,
  errorEntry,
  errorRegistry,
  isErrorCode,
  isOperatingError,
  OperatingError,
  type OperatingErrorOptions,
  type OperatingErrorShape,
  type RetryAdvice,
} from './errors.js';
export { compileForm, type Form } from './form.js';
export {
  type Caller,
  type MessageOrder,
  type Outcome,
  type Rejection,
  reject,
  type TimerOrder,
  type Trail,
} from './message.js';
export { defineModule, type Module } from './module.js';
export {
  type AmountRules,
  addMoney,
  amountMinorMax,
  canonicalAmount,
  formatAmount,
  formatSigned,
  isMoneyProblem,
  type Money,
  type MoneyProblem,
  money,
  parseAmount,
  subtractMoney,
} from './money.js';
export { AmountSchema, CurrencySchema } from './money-schema.js';
export {
  limitOf,
  type PageRejection,
  pageLimitDefault,
  pageLimitMax,
  pageRejections,
  timeOf,
  versionCursorOf,
  versionOf,
  versionRange,
  versionRangeOf,
} from './page-query.js';
export { defineReaction, type Reaction, type ReactionContext } from './reaction.js';
export { cursorOf, eventJson, eventPageJson } from './recorded-event.js';
export { defineRoute, type HttpMethod, type Route, type RouteAnswer, type RouteRequest } from './route.js';
export {
  type ClosingEvent,
  defineSaga,
  isFinal,
  type SagaDefinition,
  type SagaRefusal,
  type SagaState,
  type SagaStatus,
  type SagaSummary,
  type SagaVerb,
  sagaVerbs,
  signalSaga,
  startSaga,
} from './saga.js';
export {
  type ActivityStep,
  type ChildOrder,
  type ChildStep,
  type CommandStep,
  type ForEachStep,
  forEach,
  type ItemContext,
  type ItemStep,
  type ParallelStep,
  type SagaContext,
  type SagaResults,
  type SagaStep,
  type SignalStep,
  type SingleStep,
  type SleepStep,
} from './saga-step.js';
export { compileSnapshot, type SnapshotForm } from './snapshot.js';
export { type Expectation, given, type Scenario, type Settled, specDefaults } from './spec.js';
export { type StepGroup, type StepList, stepsOf, type TypedStep } from './step-list.js';
export { type Static, Type } from './typebox.js';
export { decodeCommand, decodeEvent, decodeReply } from './upcast.js';
export { type Check, compileValidator, type ValidationProblem } from './validation.js';
