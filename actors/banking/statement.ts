/**
 * An account's history as a bank statement: which events moved money, and how such a line looks (`api.md`, transactions).
 */
import type { HistoryReply, RecordedEvent } from '../model/call.js';
import type { EventData } from '../model/contract.js';
import { formatAmount, parseAmount } from '../model/money.js';
import { cursorOf } from '../model/recorded-event.js';
import type { AccountContract } from './account-contract.js';

export type TransactionType =
  | 'opening'
  | 'deposit'
  | 'withdrawal'
  | 'hold_capture'
  | 'transfer_out'
  | 'transfer_in';

export interface Transaction {
  readonly transaction_id: string;
  readonly type: TransactionType;
  readonly amount: string;
  readonly currency: string;
  readonly balance_after: string;
  readonly description: string;
  /** The other account of a transfer. */
  readonly counterparty?: string;
  readonly at: string;
}

/** One page; rows that moved no money are left out, so a page may be shorter than its limit while the cursor moves on. */
export function statementPage(history: HistoryReply): { items: Transaction[]; next_cursor: string | null } {
  const items: Transaction[] = [];
  for (const event of history.events) {
    const item = transactionOf(event);
    if (item !== undefined) items.push(item);
  }
  return { items, next_cursor: cursorOf(history) };
}

type Data<N extends keyof AccountContract['events'] & string> = EventData<AccountContract, N>;

/** The line of one event, or undefined when it moved no money. */
export function transactionOf(event: RecordedEvent): Transaction | undefined {
  // The journal holds what the account's contract declares; each cast names the schema of its event.
  switch (event.type) {
    case 'AccountOpened': {
      const data = event.data as Data<'AccountOpened'>;
      const { initial_balance: amount, currency } = data;
      if (isZero(amount)) return undefined;
      const balance_after = shownAmount(amount, currency);
      return line(event, event.eventId, 'opening', { amount, currency, balance_after, description: '' });
    }
    case 'MoneyDeposited': {
      const data = event.data as Data<'MoneyDeposited'>;
      return line(event, data.transaction_id, 'deposit', data);
    }
    case 'MoneyWithdrawn': {
      const data = event.data as Data<'MoneyWithdrawn'>;
      return line(event, data.transaction_id, 'withdrawal', data);
    }
    case 'HoldCaptured': {
      const data = event.data as Data<'HoldCaptured'>;
      const type = data.counterparty === '' ? 'hold_capture' : 'transfer_out';
      return line(event, data.hold_id, type, data);
    }
    case 'TransferReceived': {
      const data = event.data as Data<'TransferReceived'>;
      return line(event, data.transfer_id, 'transfer_in', data);
    }
    default:
      return undefined;
  }
}

interface Moved {
  readonly amount: string;
  readonly currency: string;
  readonly balance_after: string;
  readonly description: string;
  readonly counterparty?: string;
}

function line(event: RecordedEvent, id: string, type: TransactionType, moved: Moved): Transaction {
  const { counterparty } = moved;
  return {
    transaction_id: id,
    type,
    amount: shownAmount(moved.amount, moved.currency),
    currency: moved.currency,
    balance_after: moved.balance_after,
    description: moved.description,
    ...(counterparty === undefined || counterparty === '' ? {} : { counterparty }),
    at: new Date(event.at).toISOString(),
  };
}

function isZero(amount: string): boolean {
  return /^0(?:\.0+)?$/.test(amount);
}

/** The recorded text with the currency's full decimals (decision D8). */
export function shownAmount(amount: string, currency: string): string {
  const minor = parseAmount(amount, currency);
  return typeof minor === 'bigint' ? formatAmount(minor, currency) : amount;
}
