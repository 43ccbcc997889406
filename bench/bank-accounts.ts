/**
 * The accounts of a run: opened in parallel over HTTP, read back at the end. Ids have a fixed width so that request
 * templates can replace their digits.
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

/** Opens them all with the same deposit ("0.00" for none) and returns the version of each. Safe to repeat. */
export async function openAccounts(
  client: HttpClient,
  accounts: AccountSet,
  deposit: string,
): Promise<Float64Array> {
  const versions = new Float64Array(accounts.count);
  await inParallel(accounts.count, setUpWidth, async (index) => {
    const id = accountId(accounts, index);
    const opening = {
      account_id: id,
      account_type: 'checking',
      currency,
      ...(minorUnits(deposit) === 0n ? {} : { initial_deposit: deposit }),
    };
    const answer = await client.insist({
      method: 'POST',
      path: '/api/v1/accounts',
      token: accounts.token,
      idempotencyKey: `open-${id}`,
      body: JSON.stringify(opening),
    });
    if (answer.status !== 201) throw new Error(`opening account ${id}: ${answer.status} ${answer.body}`);
    const view = accountView(answer);
    if (view.balance !== minorUnits(deposit)) throw new Error(`account ${id} opened with ${answer.body}`);
    versions[index] = view.version;
  });
  return versions;
}

/** Calls back for every account; throws when one cannot be read. */
export async function readAccounts(
  client: HttpClient,
  accounts: AccountSet,
  visit: (index: number, view: AccountView) => void,
): Promise<void> {
  await inParallel(accounts.count, setUpWidth, async (index) => {
    const path = `/api/v1/accounts/${accountId(accounts, index)}`;
    const answer = await client.insist({ method: 'GET', path, token: accounts.token });
    if (answer.status !== 200) throw new Error(`reading ${path}: ${answer.status} ${answer.body}`);
    visit(index, accountView(answer));
  });
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
