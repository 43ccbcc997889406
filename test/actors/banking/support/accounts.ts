/** Accounts to begin a test with. */
import { account } from '../../../../actors/banking/account.js';
import type { AccountType } from '../../../../actors/banking/account-contract.js';
import { admin, Desk } from './desk.js';

export interface Opening {
  readonly type?: AccountType;
  readonly currency?: string;
  readonly initial?: string;
  readonly id?: string;
}

/** An account of alice, open and active; checking and empty unless said otherwise. */
export function openAccount(opening: Opening = {}) {
  const desk = unopened(opening.id);
  const { type = 'checking', currency = 'USD', initial } = opening;
  const said = desk.tell('open', {
    account_type: type,
    currency,
    owner_id: 'alice',
    ...(initial === undefined ? {} : { initial_deposit: initial }),
  });
  if (said.type === 'rejection') throw new Error(`${said.code}: ${said.detail}`);
  return desk;
}

export function unopened(id = 'acc-1') {
  return new Desk(account, id);
}

export type AccountDesk = ReturnType<typeof unopened>;

export function frozenAccount(opening: Opening = {}): AccountDesk {
  const desk = openAccount(opening);
  desk.ask('freeze', { reason: 'review' }, admin);
  return desk;
}

/** Closed by its owner, so it was empty. */
export function closedAccount(opening: Omit<Opening, 'initial'> = {}): AccountDesk {
  const desk = openAccount(opening);
  desk.ask('close', {});
  return desk;
}

export function usd(amount: string) {
  return { amount, currency: 'USD' };
}

export function rejection(code: string, detail: string) {
  return { type: 'rejection', code, detail };
}

/** What a transfer asks of its sender's account. */
export function holdOf(holdId: string, amount: string) {
  return { hold_id: holdId, ...usd(amount), counterparty: 'acc-2', description: '' };
}
