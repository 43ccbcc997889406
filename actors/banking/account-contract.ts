/**
 * What an account understands, says and refuses (requirement rows 25–28, 44–62).
 *
 * Amounts in events are the text the client sent, canonicalised (decision D8); balances and everything in a reply carry the
 * currency's full decimals. `balance_after` rides on every event that moves money, so that a page of the history is a
 * bank statement without folding anything.
 */
import { defineContract } from '../model/contract.js';
import { AmountSchema, CurrencySchema } from '../model/money-schema.js';
import { type Static, Type } from '../model/typebox.js';

export const accountTypes = ['checking', 'savings', 'credit'] as const;
export type AccountType = (typeof accountTypes)[number];

export const descriptionCharsMax = 512;

const Nothing = Type.Object({});
const Text = Type.String();
const Id = Type.String({ minLength: 1, maxLength: 128 });
const Description = Type.String({ maxLength: descriptionCharsMax });
const Reason = Type.String({ minLength: 1, maxLength: descriptionCharsMax });
const AccountTypeSchema = Type.Enum([...accountTypes]);

/** An account as the API shows it. */
export const AccountView = Type.Object({
  account_id: Text,
  account_type: Text,
  status: Type.Enum(['active', 'frozen', 'closed']),
  currency: Text,
  owner_id: Text,
  balance: Text,
  held: Text,
  available: Text,
  /** Of a credit account: its credit limit (decision D31). */
  overdraft_limit: Text,
  daily_withdrawn: Text,
  version: Type.Integer(),
});
export type AccountView = Static<typeof AccountView>;

const MovementReply = Type.Object({
  account_id: Text,
  transaction_id: Text,
  balance: Text,
  available: Text,
  version: Type.Integer(),
});

const HoldReply = Type.Object({ account_id: Text, hold_id: Text, state: Text });

export const OpenInput = Type.Object({
  account_type: AccountTypeSchema,
  currency: CurrencySchema,
  owner_id: Id,
  initial_deposit: Type.Optional(AmountSchema),
});

/** A deposit or a withdrawal. */
export const MovementInput = Type.Object({
  amount: AmountSchema,
  currency: CurrencySchema,
  description: Type.Optional(Description),
  /** Absent: made from the command id, so that a repeat finds the same one. */
  transaction_id: Type.Optional(Text),
});

export const FreezeInput = Type.Object({ reason: Reason });
export const CreditLimitInput = Type.Object({ credit_limit: AmountSchema });

export const accountContract = defineContract({
  kind: 'account',
  events: {
    AccountOpened: {
      version: 1,
      schema: Type.Object({
        account_type: AccountTypeSchema,
        currency: Text,
        owner_id: Text,
        initial_balance: Text,
      }),
    },
    MoneyDeposited: {
      version: 1,
      schema: Type.Object({
        amount: Text,
        currency: Text,
        transaction_id: Text,
        description: Text,
        balance_after: Text,
      }),
    },
    MoneyWithdrawn: {
      version: 1,
      schema: Type.Object({
        amount: Text,
        currency: Text,
        transaction_id: Text,
        description: Text,
        balance_after: Text,
        /** UTC day that the daily limit counts it to, `2026-01-31` (decision b). */
        day: Text,
      }),
    },
    AccountFrozen: {
      version: 1,
      schema: Type.Object({ reason: Text, frozen_by: Text }),
    },
    AccountUnfrozen: { version: 1, schema: Type.Object({ unfrozen_by: Text }) },
    AccountClosed: { version: 1, schema: Type.Object({ closed_by: Text }) },
    CreditLimitSet: {
      version: 1,
      schema: Type.Object({ credit_limit: Text, set_by: Text }),
    },
    FundsHeld: {
      version: 1,
      schema: Type.Object({
        hold_id: Text,
        amount: Text,
        currency: Text,
        /** The account the money is meant for; empty for a client's hold. */
        counterparty: Text,
        description: Text,
        /** Unix ms; 0: a saga's hold, which never expires (decision D2). */
        expires_at: Type.Integer(),
        /** UTC day that a client's hold counts to; empty for a saga's (decision D7). */
        day: Text,
      }),
    },
    HoldCaptured: {
      version: 1,
      schema: Type.Object({
        hold_id: Text,
        amount: Text,
        currency: Text,
        counterparty: Text,
        description: Text,
        balance_after: Text,
      }),
    },
    HoldReleased: {
      version: 1,
      schema: Type.Object({
        hold_id: Text,
        reason: Type.Enum(['released', 'expired']),
      }),
    },
    /** An undo came before its do: the late do is refused (decision D3). */
    HoldCancelled: { version: 1, schema: Type.Object({ hold_id: Text }) },
    TransferReceived: {
      version: 1,
      schema: Type.Object({
        transfer_id: Text,
        amount: Text,
        currency: Text,
        counterparty: Text,
        description: Text,
        balance_after: Text,
      }),
    },
  },
  commands: {
    open: { version: 1, input: OpenInput, reply: AccountView },
    deposit: { version: 1, input: MovementInput, reply: MovementReply },
    withdraw: { version: 1, input: MovementInput, reply: MovementReply },
    freeze: {
      version: 1,
      input: FreezeInput,
      reply: AccountView,
      roles: ['admin'],
    },
    unfreeze: {
      version: 1,
      input: Nothing,
      reply: AccountView,
      roles: ['admin'],
    },
    close: { version: 1, input: Nothing, reply: AccountView },
    setCreditLimit: {
      version: 1,
      input: CreditLimitInput,
      reply: AccountView,
      roles: ['admin'],
    },

    hold: {
      version: 1,
      input: Type.Object({
        amount: AmountSchema,
        currency: CurrencySchema,
        description: Type.Optional(Description),
        hold_id: Type.Optional(Text),
        expires_in_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_592_000 })),
      }),
      reply: HoldReply,
    },
    captureHold: {
      version: 1,
      input: Type.Object({ hold_id: Id }),
      reply: HoldReply,
    },
    releaseHold: {
      version: 1,
      input: Type.Object({ hold_id: Id }),
      reply: HoldReply,
    },
    expireHold: {
      version: 1,
      input: Type.Object({ hold_id: Id }),
      reply: HoldReply,
      internal: true,
    },

    /** A transfer holds its amount here until `capture` or `release`; the hold id is the transfer's id. */
    reserve: {
      version: 1,
      input: Type.Object({
        hold_id: Text,
        amount: Text,
        currency: Text,
        counterparty: Text,
        description: Text,
      }),
      reply: Type.Object({ held: Type.Boolean() }),
      internal: true,
    },
    capture: {
      version: 1,
      input: Type.Object({ hold_id: Text }),
      reply: Type.Object({ captured: Type.Boolean() }),
      internal: true,
    },
    release: {
      version: 1,
      input: Type.Object({ hold_id: Text }),
      reply: Type.Object({ released: Type.Boolean() }),
      internal: true,
    },
    credit: {
      version: 1,
      input: Type.Object({
        transfer_id: Text,
        amount: Text,
        currency: Text,
        counterparty: Text,
        description: Text,
      }),
      reply: Type.Object({ credited: Type.Boolean() }),
      internal: true,
    },
  },
  queries: {
    get: { input: Nothing, reply: AccountView },
    /** Guard of routes: the account exists and the caller owns it or is admin, else `not-found`. */
    authorise: { input: Nothing, reply: Type.Object({ owner_id: Text }) },
  },
  rejections: {
    'not-found': 404,
    'scope-missing': 403,
    'id-invalid': 400,
    'account-exists': 409,
    'account-frozen': 409,
    'account-closed': 409,
    'already-frozen': 409,
    'not-frozen': 409,
    'balance-not-zero': 409,
    'holds-open': 409,
    'not-a-credit-account': 409,
    'credit-limit-in-use': 409,
    'insufficient-funds': 409,
    'daily-limit-exceeded': 409,
    'hold-not-found': 409,
    'hold-exists': 409,
    'hold-cancelled': 409,
    'hold-captured': 409,
    'holds-too-many': 409,
    'minimum-deposit': 422,
    currency: 422,
    'amount-not-positive': 422,
    'validation-failed': 422,
    'amount-scale': 422,
    'amount-overflow': 422,
  },
});

export type AccountContract = typeof accountContract;
export type AccountRejection = keyof AccountContract['rejections'] & string;
