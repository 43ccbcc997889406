/**
 * Opens the accounts of a run over HTTP as fast as the server takes them: many connections, one request in flight on
 * each, bytes from a template. What is not answered with success is asked again, with the same key, until it is.
 */
import {
  type AccountSet,
  accountDigits,
  accountId,
  accountView,
  currency,
  minorUnits,
  setUpWidth,
  versionIn,
} from './bank-accounts.js';
import { type HttpClient, inParallel } from './http-client.js';
import { type Endpoint, type HttpAnswer, HttpConnection } from './http-connection.js';
import { type RequestParts, RequestTemplate, requestText } from './http-request.js';

/** More in flight fill larger groups. */
const openingWidth = 128;
/** Without an answer for this long the server is gone. */
const silenceMsMax = 30_000;

/** Opens them all with the same deposit ("0.00" for none) and returns the version of each. Safe to repeat. */
export async function openAccounts(
  client: HttpClient,
  accounts: AccountSet,
  deposit: string,
): Promise<Float64Array> {
  const versions = new Float64Array(accounts.count);
  const again = await new Opening(client.endpoint, accounts, deposit, (index, answer) => {
    versions[index] = versionIn(answer.body);
  }).run();
  await inParallel(again.length, setUpWidth, async (place) => {
    const index = again[place] as number;
    const answer = await client.insist(openingOf(accounts, index, deposit));
    if (answer.status !== 201) throw new Error(`opening an account: ${answer.status} ${answer.body}`);
    versions[index] = accountView(answer).version;
  });
  return versions;
}

function openingOf(accounts: AccountSet, index: number, deposit: string): RequestParts {
  const id = accountId(accounts, index);
  return {
    method: 'POST',
    path: '/api/v1/accounts',
    token: accounts.token,
    idempotencyKey: `open-${id}`,
    body: JSON.stringify({
      account_id: id,
      account_type: 'checking',
      currency,
      ...(minorUnits(deposit) === 0n ? {} : { initial_deposit: deposit }),
    }),
  };
}

class Opening {
  readonly #accounts: AccountSet;
  readonly #opened: (index: number, answer: HttpAnswer) => void;
  readonly #connections: HttpConnection[];
  readonly #templates: RequestTemplate[];
  /** The account whose request is in flight on each connection. */
  readonly #inFlight: number[];
  readonly #again: number[] = [];
  readonly #balance: string;
  #next = 0;
  #left: number;
  #end: { readonly resolve: (again: readonly number[]) => void; readonly reject: (error: Error) => void };
  #silence: NodeJS.Timeout | undefined;

  constructor(
    endpoint: Endpoint,
    accounts: AccountSet,
    deposit: string,
    opened: (index: number, answer: HttpAnswer) => void,
  ) {
    this.#accounts = accounts;
    this.#opened = opened;
    this.#left = accounts.count;
    this.#balance = `"balance":"${deposit}"`;
    this.#end = { resolve: () => {}, reject: () => {} };
    const width = Math.min(openingWidth, accounts.count);
    this.#inFlight = new Array<number>(width).fill(-1);
    this.#templates = Array.from({ length: width }, () => {
      const id = accountId(accounts, 0);
      return new RequestTemplate(requestText(endpoint, openingOf(accounts, 0, deposit)), [
        { marker: `"account_id":"${id}`, width: accountDigits },
        { marker: `Idempotency-Key: open-${id}`, width: accountDigits },
      ]);
    });
    const events = {
      idle: (connection: HttpConnection) => this.#send(connection),
      answered: (connection: HttpConnection, answer: HttpAnswer) => this.#answered(connection.index, answer),
      lost: (connection: HttpConnection) => this.#settled(connection.index, true),
    };
    this.#connections = Array.from(
      { length: width },
      (_, index) => new HttpConnection(index, endpoint, events),
    );
  }

  /** Resolves with the accounts that must be asked for again. */
  async run(): Promise<readonly number[]> {
    this.#listen();
    try {
      return await new Promise((resolve, reject) => {
        this.#end = { resolve, reject };
      });
    } finally {
      clearTimeout(this.#silence);
      for (const connection of this.#connections) connection.close();
    }
  }

  #send(connection: HttpConnection): void {
    if (this.#next >= this.#accounts.count) return;
    const index = this.#next++;
    const template = this.#templates[connection.index] as RequestTemplate;
    template.set(0, index);
    template.set(1, index);
    this.#inFlight[connection.index] = index;
    connection.send(template.bytes);
  }

  #answered(connection: number, answer: HttpAnswer): void {
    const isOpened = answer.status === 201 && answer.body.includes(this.#balance);
    if (isOpened) this.#opened(this.#inFlight[connection] as number, answer);
    this.#settled(connection, !isOpened);
  }

  #settled(connection: number, mustAskAgain: boolean): void {
    if (mustAskAgain) this.#again.push(this.#inFlight[connection] as number);
    if (--this.#left === 0) this.#end.resolve(this.#again);
    else if (this.#left % 1_000 === 0) this.#listen();
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#end.reject(new Error('the server opens no accounts')),
      silenceMsMax,
    );
  }
}
