/**
 * The accounts of a run and what the bank answers about them. Ids have a fixed width so that request templates can
 * replace their digits.
 */
import { type HttpClient, inParallel } from './http-client.js';
import type { HttpAnswer } from './http-connection.js';
import { digits } from './http-request.js';

export const accountDigits = 7;
export const currency = 'USD';
/** Requests in flight while setting up and reading back. */
export const setUpWidth = 64;

/** As `GET /api/v1/accounts/{id}` answers; amounts in minor units. */
export interface AccountView {
  readonly balance: bigint;
  readonly held: bigint;
  readonly available: bigint;
  readonly version: number;
}

export interface AccountSet {
  readonly count: number;
  readonly prefix: string;
  readonly token: string;
}

export function accountId(accounts: AccountSet, index: number): string {
  return `${accounts.prefix}${digits(index, accountDigits)}`;
}

/**
 * Calls back for every account, or for at most `readMax` of them, evenly spread; throws when one cannot be read.
 * Resolves with how many were read.
 */
export async function readAccounts(
  client: HttpClient,
  accounts: AccountSet,
  visit: (index: number, view: AccountView) => void,
  readMax = accounts.count,
): Promise<number> {
  const step = Math.ceil(accounts.count / readMax);
  const count = Math.ceil(accounts.count / step);
  await inParallel(count, setUpWidth, async (place) => {
    const index = place * step;
    const path = `/api/v1/accounts/${accountId(accounts, index)}`;
    const answer = await client.insist({ method: 'GET', path, token: accounts.token });
    if (answer.status !== 200) throw new Error(`reading ${path}: ${answer.status} ${answer.body}`);
    visit(index, accountView(answer));
  });
  return count;
}

export function accountView(answer: HttpAnswer): AccountView {
  const body: unknown = JSON.parse(answer.body);
  if (typeof body !== 'object' || body === null) throw new Error(`not an account: ${answer.body}`);
  const fields = body as Readonly<Record<string, unknown>>;
  return {
    balance: minorUnits(fields.balance),
    held: minorUnits(fields.held),
    available: minorUnits(fields.available),
    version: Number(fields.version),
  };
}

/** "12.34" → 1234n. The bank shows two decimals for the currency used here; anything else throws. */
export function minorUnits(text: unknown): bigint {
  if (typeof text !== 'string' || !/^-?\d+\.\d\d$/.test(text))
    throw new Error(`not an amount: ${String(text)}`);
  return BigInt(text.replace('.', ''));
}

/** 1234n → "12.34". */
export function amountText(minor: bigint): string {
  const positive = (minor < 0n ? -minor : minor).toString().padStart(3, '0');
  return `${minor < 0n ? '-' : ''}${positive.slice(0, -2)}.${positive.slice(-2)}`;
}

/** The number after `"version":`. A search, because parsing the whole body would cost as much as the rest of the client. */
export function versionIn(text: string): number {
  const start = text.indexOf('"version":');
  return start < 0 ? Number.NaN : Number.parseInt(text.slice(start + 10, start + 26), 10);
}
