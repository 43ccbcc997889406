/**
 * What an account remembers, how events change it, how it is stored, and the formulas read off it.
 *
 * I1  `held` is the sum of `holds`, and `balance − held ≥ −limit`: no event that `account.ts` decides breaks it.
 * I2  Nothing here reads a clock: the UTC day of a withdrawal is in its event (decision b), so replay on any day gives
 *     the same state.
 * I3  The holds never outgrow what an actor may be: past `holdBytesMax` no more are admitted, however few they are. An
 *     account too large takes no command, so it could never release one again.
 * I4  Messages between actors arrive exactly once, so a credit keeps no list of transfer ids. What is remembered of
 *     finished holds is bounded: the newest `cancelledHoldsMax` ids whose do must be refused if it comes late (D3), and
 *     the newest `capturedHoldsMax` for a repeat of a capture. A do travels on the same channel as its undo, so it can be
 *     late by the few commands of one operator's retry, never by thousands; older ids are forgotten, newest kept.
 */
import type { Evolve, SnapshotSpec } from '../model/aggregate.js';
import type { EventData } from '../model/contract.js';
import { currencyDecimals, sharedCurrency } from '../model/currency.js';
import { amountMinorMax, formatAmount, formatSigned, parseAmount } from '../model/money.js';
import type { AccountContract, AccountType, AccountView } from './account-contract.js';
import { bytesOfCaptured, type CapturedHolds, rememberCaptured } from './captured-holds.js';
import { withNewest } from './newest.js';

/** Minor units (`reliability.md` §3, row 31): what one amount may be, a balance may be. */
export const balanceMax = amountMinorMax;
/** Units of the account's currency (decision D31): 500 dollars, 500 yen. */
const checkingOverdraftUnits = 500n;
const dailyWithdrawalUnits = 5000n;
export const savingsMinimumUnits = 100n;
/** Enough for every transfer in flight from one hot account. */
export const openHoldsMax = 10_000;
/** What holds may take in a snapshot: less than `stateBytesMax` (4 MiB) of the runtime, and 400 bytes for each of them. */
export const holdBytesMax = 4_000_000;
export const cancelledHoldsMax = 16;

/** Reserved money. A saga's hold has `expiresAt` 0 and an empty `day`. */
export interface Hold {
  readonly amount: bigint;
  /** As the client sent it, for the event of the capture (decision D8). */
  readonly text: string;
  readonly counterparty: string;
  readonly description: string;
  readonly expiresAt: number;
  readonly day: string;
  /** At most so much does it take in a snapshot. */
  readonly bytes: number;
}

/** `none`: no event yet, the account does not exist. */
export type AccountStatus = 'none' | 'active' | 'frozen' | 'closed';

export interface AccountState extends CapturedHolds {
  status: AccountStatus;
  type: AccountType;
  currency: string;
  ownerId: string;
  balance: bigint;
  held: bigint;
  /** Overdraft of a checking account, credit limit of a credit account. */
  limit: bigint;
  /** Withdrawn on `withdrawnOn`; stale as soon as another day has begun. */
  withdrawn: bigint;
  withdrawnOn: string;
  /** Absent while there are none, as nearly always: an empty Map of each account's own is memory to fetch for every transfer. */
  holds: Map<string, Hold> | undefined;
  /** Sum over `holds`. */
  holdBytes: number;
  cancelled: string[];
}

/** Shared and never written to. */
const none: string[] = [];

export function initialAccount(): AccountState {
  return {
    status: 'none',
    type: 'checking',
    currency: '',
    ownerId: '',
    balance: 0n,
    held: 0n,
    limit: 0n,
    withdrawn: 0n,
    withdrawnOn: '',
    holds: undefined,
    holdBytes: 0,
    cancelled: none,
    captured: none,
    capturedBytes: 0,
  };
}

/** What may be spent (decision D31). */
export function availableOf(state: AccountState): bigint {
  return state.balance + state.limit - state.held;
}

/** What was withdrawn on this day; the limit starts anew when the UTC date changes (row 56). */
export function withdrawnOn(state: AccountState, day: string): bigint {
  return state.withdrawnOn === day ? state.withdrawn : 0n;
}

export function dailyWithdrawalMax(currency: string): bigint {
  return unitsOf(dailyWithdrawalUnits, currency);
}

/** Whole units of a currency in its minor units: 500 → 50000 cents, 500 yen. */
export function unitsOf(units: bigint, currency: string): bigint {
  return units * minorPerUnit[currencyDecimals(currency) ?? 0]!;
}

/** By number of decimals; no ISO currency has more than four. */
const minorPerUnit: readonly bigint[] = [1n, 10n, 100n, 1000n, 10_000n];

const dayMs = 86_400_000;
let dayNumber = -1;
let dayText = '';

/** UTC day of a time, `2026-01-31`. The text of the last day asked for is kept: a Date per withdrawal costs 0.4 µs. */
export function utcDay(at: number): string {
  const asked = Math.floor(at / dayMs);
  if (asked !== dayNumber) {
    dayText = new Date(asked * dayMs).toISOString().slice(0, 10);
    dayNumber = asked;
  }
  return dayText;
}

/** The account as the API shows it; `now` decides whether today's withdrawals are still today's. */
export function accountView(
  state: AccountState,
  at: { readonly id: string; readonly version: number; readonly now: number },
): AccountView {
  const { currency } = state;
  return {
    account_id: at.id,
    account_type: state.type,
    status: state.status === 'none' ? 'closed' : state.status,
    currency,
    owner_id: state.ownerId,
    balance: formatSigned(state.balance, currency),
    held: formatAmount(state.held, currency),
    available: formatSigned(availableOf(state), currency),
    overdraft_limit: formatAmount(state.limit, currency),
    daily_withdrawn: formatAmount(withdrawnOn(state, utcDay(at.now)), currency),
    version: at.version,
  };
}

export const evolveAccount: Evolve<AccountContract, AccountState> = {
  AccountOpened(state, data) {
    state.status = 'active';
    state.type = data.account_type;
    state.currency = sharedCurrency(data.currency);
    state.ownerId = data.owner_id;
    state.balance = recordedAmount(data.initial_balance, data.currency);
    state.limit = data.account_type === 'checking' ? unitsOf(checkingOverdraftUnits, data.currency) : 0n;
    return state;
  },
  MoneyDeposited(state, data) {
    state.balance += recordedAmount(data.amount, state.currency);
    return state;
  },
  MoneyWithdrawn(state, data) {
    const amount = recordedAmount(data.amount, state.currency);
    state.balance -= amount;
    countWithdrawal(state, amount, data.day);
    return state;
  },
  AccountFrozen(state) {
    state.status = 'frozen';
    return state;
  },
  AccountUnfrozen(state) {
    state.status = 'active';
    return state;
  },
  AccountClosed(state) {
    state.status = 'closed';
    return state;
  },
  CreditLimitSet(state, data) {
    state.limit = recordedAmount(data.credit_limit, state.currency);
    return state;
  },
  FundsHeld(state, data) {
    const hold = holdOf(data, state.currency);
    state.holds ??= new Map();
    state.holds.set(data.hold_id, hold);
    state.held += hold.amount;
    state.holdBytes += hold.bytes;
    if (hold.day !== '') countWithdrawal(state, hold.amount, hold.day);
    return state;
  },
  HoldCaptured(state, data) {
    const hold = endHold(state, data.hold_id);
    state.balance -= hold.amount;
    rememberCaptured(state, data.hold_id);
    return state;
  },
  HoldReleased(state, data) {
    const hold = endHold(state, data.hold_id);
    // A day that has passed by is not counted any more; an old hold gives nothing back to today.
    if (hold.day !== '' && hold.day === state.withdrawnOn) state.withdrawn -= hold.amount;
    state.cancelled = withNewest(state.cancelled, data.hold_id, cancelledHoldsMax);
    return state;
  },
  HoldCancelled(state, data) {
    state.cancelled = withNewest(state.cancelled, data.hold_id, cancelledHoldsMax);
    return state;
  },
  TransferReceived(state, data) {
    state.balance += recordedAmount(data.amount, state.currency);
    return state;
  },
};

const statusCodes: readonly AccountStatus[] = ['none', 'active', 'frozen', 'closed'];
const typeCodes: readonly AccountType[] = ['checking', 'savings', 'credit'];
type StoredHold = readonly [string, bigint, string, string, string, number, string];

/** `held` and `holdBytes` are not stored: they are sums over the holds (I1). An account at rest takes about 70 bytes. */
export const accountSnapshot: SnapshotSpec<AccountState> = {
  version: 1,
  encode: (state) => [
    statusCodes.indexOf(state.status),
    typeCodes.indexOf(state.type),
    state.currency,
    state.ownerId,
    state.balance,
    state.limit,
    state.withdrawn,
    state.withdrawnOn,
    storedHolds(state.holds),
    state.cancelled,
    state.captured,
  ],
  decode: (fields) => {
    // The fields are what `encode` of the same version made.
    const [status, type, currency, ownerId, balance, limit, withdrawn, day, stored, cancelled, captured] =
      fields as [
        number,
        number,
        string,
        string,
        bigint | number,
        bigint | number,
        bigint | number,
        string,
        readonly StoredHold[],
        readonly string[],
        readonly string[],
      ];
    const holds = new Map<string, Hold>();
    let held = 0n;
    let holdBytes = 0;
    for (const [id, amount, text, counterparty, description, expiresAt, holdDay] of stored) {
      const bytes = bytesOf(id, text, counterparty, description);
      holds.set(id, {
        amount: BigInt(amount),
        text,
        counterparty,
        description,
        expiresAt,
        day: holdDay,
        bytes,
      });
      held += BigInt(amount);
      holdBytes += bytes;
    }
    return {
      status: statusCodes[status]!,
      type: typeCodes[type]!,
      currency: sharedCurrency(currency),
      ownerId,
      balance: BigInt(balance),
      held,
      limit: BigInt(limit),
      withdrawn: BigInt(withdrawn),
      withdrawnOn: day,
      holds: holds.size === 0 ? undefined : holds,
      holdBytes,
      cancelled: [...cancelled],
      captured: [...captured],
      capturedBytes: bytesOfCaptured(captured),
    };
  },
};

function storedHolds(holds: ReadonlyMap<string, Hold> | undefined): readonly StoredHold[] {
  if (holds === undefined) return [];
  return Array.from(
    holds,
    ([id, hold]): StoredHold => [
      id,
      hold.amount,
      hold.text,
      hold.counterparty,
      hold.description,
      hold.expiresAt,
      hold.day,
    ],
  );
}

function holdOf(data: EventData<AccountContract, 'FundsHeld'>, currency: string): Hold {
  return {
    amount: recordedAmount(data.amount, currency),
    text: data.amount,
    counterparty: data.counterparty,
    description: data.description,
    expiresAt: data.expires_at,
    day: data.day,
    bytes: bytesOf(data.hold_id, data.amount, data.counterparty, data.description),
  };
}

/** Of the numbers and the day, and the heads of the texts. */
const holdFrameBytes = 48;
const bytesPerChar = 3;

/** Ids and amounts are ASCII; what a client may write freely takes up to three bytes in UTF-8 for each unit of UTF-16. */
function bytesOf(id: string, text: string, counterparty: string, description: string): number {
  return holdFrameBytes + id.length + text.length + bytesPerChar * (counterparty.length + description.length);
}

function endHold(state: AccountState, id: string): Hold {
  const { holds } = state;
  const hold = holds?.get(id);
  if (holds === undefined || hold === undefined) throw new Error(`hold ${id} ends and was never made`);
  if (holds.size > 1) holds.delete(id);
  else state.holds = undefined;
  state.held -= hold.amount;
  state.holdBytes -= hold.bytes;
  return hold;
}

function countWithdrawal(state: AccountState, amount: bigint, day: string): void {
  state.withdrawn = withdrawnOn(state, day) + amount;
  state.withdrawnOn = day;
}

const zeroToo = { admitsZero: true } as const;

/** An amount that a decision accepted. A text that does not parse is a broken journal: `evolve` throws, the actor is parked. */
function recordedAmount(text: string, currency: string): bigint {
  const amount = parseAmount(text, currency, zeroToo);
  if (typeof amount === 'bigint') return amount;
  throw new Error(`recorded amount does not parse in ${currency}`);
}
