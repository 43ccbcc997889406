import { createServer } from 'node:http';
import t from 'tap';
import type { HttpAnswer } from '../../bench/http-connection.js';
import { Violations } from '../../bench/violations.js';
import { connectTo } from '../support/server.js';
import { BankBooks } from './bank-books.js';
import { type BankCommand, CommandSource } from './bank-command.js';
import { CommandRecord } from './command-history.js';

const deposit: BankCommand = {
  type: 'deposit',
  key: 'k',
  account: 0,
  receiver: -1,
  minor: 250,
  waits: false,
  copies: 1,
  isParallel: false,
};
const transfer: BankCommand = { ...deposit, type: 'transfer', receiver: 1 };

t.test('a seed draws the same commands again', async (t) => {
  const draw = () => {
    const source = new CommandSource('c', 42, 200);
    return Array.from({ length: 500 }, () => source.next());
  };
  t.same(draw(), draw());
  t.ok(draw().every(({ account, receiver }) => account !== receiver));
});

t.test('answers to one key', async (t) => {
  t.test('that are equal are one', async (t) => {
    t.same(judge(deposit, [200, '{"transaction_id":"x"}'], [200, '{"transaction_id":"x"}']), []);
  });
  t.test('that differ by a byte are a violation', async (t) => {
    t.match(judge(deposit, [200, '{"transaction_id":"x"}'], [200, '{"transaction_id":"x" }']), [/differ/]);
  });
  t.test('that refuse may name their requests', async (t) => {
    t.same(judge(deposit, [409, '{"instance":"a","code":"x"}'], [409, '{"instance":"b","code":"x"}']), []);
    t.match(judge(deposit, [409, '{"instance":"a","code":"x"}'], [409, '{"instance":"b","code":"y"}']), [
      /differ/,
    ]);
  });
  t.test('that say yes and no are a violation', async (t) => {
    t.match(judge(deposit, [200, '{"transaction_id":"x"}'], [409, '{"code":"insufficient-funds"}']), [
      /200 and 409/,
      /was applied and is refused/,
    ]);
  });
  t.test('that say try again say nothing', async (t) => {
    t.same(judge(deposit, [503, '{"code":"outcome-unknown"}'], [200, '{"transaction_id":"x"}']), []);
  });
  t.test('may accept a transfer first and complete it later', async (t) => {
    t.same(judge(transfer, [202, '{"saga_id":"s"}'], [200, '{"saga_id":"s","state":"completed"}']), []);
  });
  t.test('that start two sagas are a violation', async (t) => {
    t.match(judge(transfer, [202, '{"saga_id":"s"}'], [200, '{"saga_id":"z","state":"completed"}']), [
      /as s and as z/,
    ]);
  });
});

t.test('books', async (t) => {
  const line = (transaction_id: string, amount = '2.50') => ({ type: 'deposit', transaction_id, amount });

  t.test('that agree with the answers are exact', async (t) => {
    t.same(await audit(t, '1002.50', [line('x')]), []);
  });
  t.test('that lack an acknowledged deposit show it as lost', async (t) => {
    t.match(await audit(t, '1002.50', []), [/deposit x was answered and is lost/]);
  });
  t.test('that hold a deposit twice show it', async (t) => {
    t.match(await audit(t, '1002.50', [line('x'), line('x')]), [/deposit x stands there twice/]);
  });
  t.test('that hold what nobody was answered show it', async (t) => {
    t.match(await audit(t, '1002.50', [line('y'), line('x')]), [
      /deposit y stands there and was never answered/,
    ]);
  });
  t.test('that hold another amount show it', async (t) => {
    t.match(await audit(t, '1002.50', [line('x', '2.51')]), [/moved 251, not 250/]);
  });
  t.test('that have one notice of each transfer out are exact, others show it', async (t) => {
    const notice = { transfer_id: 'x', amount: '2.50' };
    const audited = (...notices: readonly unknown[]) => {
      const shown = (isSender: boolean) => ({
        balance: isSender ? '997.50' : '1002.50',
        transactions: [line('x')].map((each) => ({
          ...each,
          type: isSender ? 'transfer_out' : 'transfer_in',
        })),
        notices: isSender ? notices : [],
      });
      return auditOf(t, { a: shown(true), b: shown(false) }, transfer);
    };
    t.same(await audited(notice), []);
    t.match(await audited(), [/notice of x was answered and is lost/]);
    t.match(await audited(notice, notice), [/notice of x stands there twice/]);
    t.match(await audited({ ...notice, transfer_id: 'y' }, notice), [
      /notice of y stands there and was never answered/,
    ]);
  });
  t.test('that are a cent off show it', async (t) => {
    t.match(await audit(t, '1002.51', [line('x')]), [
      /balance: found 1002.51, expected 1002.50/,
      /sum of all balances/,
    ]);
  });
});

function judge(command: BankCommand, ...answers: readonly (readonly [number, string])[]): readonly string[] {
  const violations = new Violations();
  const record = new CommandRecord(command);
  for (const [status, body] of answers) {
    const answer: HttpAnswer = { status, head: '', body };
    record.answered(answer, violations);
  }
  return violations.first;
}

interface ShownAccount {
  readonly balance: string;
  readonly transactions: readonly unknown[];
  readonly notices: readonly unknown[];
}

/** Checks the books of one deposit against a bank that shows this balance and this statement. */
function audit(test: Pick<typeof t, 'teardown'>, balance: string, transactions: readonly unknown[]) {
  return auditOf(test, { a: { balance, transactions, notices: [] } }, deposit);
}

/** Checks the books of one command, as runs do, against a bank that shows these accounts. */
async function auditOf(
  test: Pick<typeof t, 'teardown'>,
  accounts: Readonly<Record<string, ShownAccount>>,
  command: BankCommand,
): Promise<readonly string[]> {
  const events = [{ stream_version: 1 }, { stream_version: 2 }];
  const server = createServer((request, response) => {
    const [id = '', list = ''] = request.url?.split('?')[0]?.split('/').slice(4) ?? [];
    const { balance, ...lists } = accounts[id] as ShownAccount;
    const lines = new Map(Object.entries({ ...lists, events })).get(list);
    const view = { balance, held: '0.00', available: balance, version: 2 };
    const body = JSON.stringify(list === '' ? view : { items: lines, next_cursor: null });
    response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const violations = new Violations();
  const books = new BankBooks(Object.keys(accounts), () => 'token', 0);
  books.apply(command, 'x');
  const client = connectTo(test, { host: '127.0.0.1', port: address.port });
  await books.check(client, violations);
  if (violations.count === 0) await books.checkEverything(client, violations);
  return violations.first;
}
