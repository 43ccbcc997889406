/**
 * Rows 200 to 202 over the whole runtime: payments that succeed, are refused, meet each other, and are sent twice; and their
 * notices, which nobody waits for.
 */
import assert from 'node:assert/strict';
import t from 'tap';
import { accountContract } from '../../../actors/banking/account-contract.js';
import { bankingModule } from '../../../actors/banking/banking.js';
import { notification } from '../../../actors/banking/notification.js';
import { notificationContract } from '../../../actors/banking/notification-contract.js';
import { riskContract } from '../../../actors/banking/risk-contract.js';
import { partitionOf, placedId } from '../../../actors/model/address.js';
import { commandCall, type HistoryReply, queryCall } from '../../../actors/model/call.js';
import { reject } from '../../../actors/model/message.js';
import { type AnyAggregate, defineModule } from '../../../actors/model/module.js';
import type { SagaStatus } from '../../../actors/model/saga.js';
import type { ActorAnswer } from '../../../runtime/actor-client.js';
import type { LetterView } from '../../../runtime/operator/letter-operations.js';
import { TestSystem, type TestSystemOptions } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };

class Bank {
  system: TestSystem;

  private constructor(system: TestSystem) {
    this.system = system;
  }

  static async open(options: TestSystemOptions = {}): Promise<Bank> {
    return new Bank(await TestSystem.start({ modules: [bankingModule()], shardCount: 2, ...options }));
  }

  async account(id: string, initial_deposit: string): Promise<void> {
    const opening = {
      account_type: 'checking',
      currency: 'USD',
      owner_id: 'somebody',
      initial_deposit,
    } as const;
    await this.system.reply(commandCall(accountContract, id, 'open', opening));
  }

  async balance(id: string): Promise<string> {
    return (await this.system.reply(queryCall(accountContract, id, 'get', {}))).balance;
  }

  /** Starts a payment and answers how it ended; `waitMs` is what the requirement gives it. */
  pay(id: string, from: string, to: string, amount: string, waitMs = 3_000) {
    const payload = {
      sender_account_id: from,
      receiver_account_id: to,
      amount,
      currency: 'USD',
      description: 'Test payment',
    };
    return this.system.submitKeyed(
      { type: 'command', kind: 'payment_transfer', id, command: 'start', payload, waitMs },
      `key-${id}`,
    );
  }

  /** Of which transfers an account has notices, oldest first. */
  async notices(id: string): Promise<string[]> {
    const { kind } = notificationContract;
    const answer = await this.system.ask({ type: 'history', kind, id, direction: 'forward', limit: 100 });
    if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
    const { events } = answer.reply as HistoryReply;
    return events.map(({ data }) => (data as { transfer_id: string }).transfer_id);
  }

  async letters(id: string): Promise<readonly LetterView[]> {
    const all = { after: undefined, kind: undefined, id: undefined, limit: 100 };
    const partition = partitionOf(id, this.system.disk.partitionCount);
    const { operations } = this.system.system;
    return (await this.system.clock.settled(operations.ask(partition, 'letters.list', all, operator)))
      .letters;
  }

  async status(id: string): Promise<SagaStatus> {
    return statusOf(
      await this.system.ask({ type: 'query', kind: 'payment_transfer', id, query: 'status', payload: {} }),
    );
  }
}

function statusOf(answer: ActorAnswer | undefined): SagaStatus {
  if (answer?.type !== 'reply') throw new Error(JSON.stringify(answer));
  return answer.reply as SagaStatus;
}

t.test('row 200: a payment of 100 is completed within 2 s', async (t) => {
  const bank = await Bank.open();
  await bank.account('sender', '1000');
  await bank.account('receiver', '0');
  const from = bank.system.clock.now();
  t.equal(
    statusOf(await bank.system.answered(bank.pay('p1', 'sender', 'receiver', '100', 2_000))).state,
    'completed',
  );
  t.ok(bank.system.clock.now() - from <= 2_000);
  t.same([await bank.balance('sender'), await bank.balance('receiver')], ['900.00', '100.00']);
  await bank.system.stop();
});

t.test('row 201: a payment that risk refuses is compensated within 3 s, the money back', async (t) => {
  const bank = await Bank.open();
  await bank.account('sender', '10000');
  await bank.system.reply(commandCall(riskContract, 'sender', 'flag', { reason: 'suspicious_activity' }));
  const from = bank.system.clock.now();
  t.equal(
    statusOf(await bank.system.answered(bank.pay('p1', 'sender', 'nobody', '5000'))).state,
    'compensated',
  );
  t.ok(bank.system.clock.now() - from <= 3_000);
  t.equal(await bank.balance('sender'), '10000.00');
  await bank.system.stop();
});

t.test(
  'row 202: payments at the same time spend no money twice, and none is lost over a crash',
  async (t) => {
    const bank = await Bank.open();
    const ids = ['a', 'b', 'c', 'd'];
    for (const id of ids) await bank.account(id, '100');
    const paid = Array.from({ length: 60 }, (_, index) => {
      const from = ids[index % 4] ?? '';
      return { id: `p${index}`, ask: bank.pay(`p${index}`, from, ids[(index * 3 + 1) % 4] ?? '', '70') };
    });
    await bank.system.clock.advance(5);
    bank.system = await bank.system.crash();
    await bank.system.clock.advance(60_000);
    const states = new Map<string, number>();
    for (const { id } of paid) {
      const answer = await bank.system.ask({
        type: 'query',
        kind: 'payment_transfer',
        id,
        query: 'status',
        payload: {},
      });
      const state = answer.type === 'reply' ? (answer.reply as SagaStatus).state : 'never-begun';
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    t.ok(
      (states.get('completed') ?? 0) + (states.get('compensated') ?? 0) + (states.get('never-begun') ?? 0) ===
        60,
    );
    let cents = 0n;
    for (const id of ids) {
      const balance = await bank.balance(id);
      cents += BigInt(balance.replace('.', ''));
      t.ok(Number(balance) >= -500, 'row 57: nobody is below the overdraft');
    }
    t.equal(cents, 40_000n);
    await bank.system.stop();
  },
);

t.test('row 202: a payment that is sent again is done once, and answered the same', async (t) => {
  const bank = await Bank.open();
  await bank.account('sender', '1000');
  await bank.account('receiver', '0');
  const first = bank.pay('p1', 'sender', 'receiver', '100');
  const second = bank.pay('p1', 'sender', 'receiver', '100');
  const answers = [await bank.system.answered(first), await bank.system.answered(second)];
  t.same(
    answers.map((answer) => statusOf(answer).state),
    ['completed', 'completed'],
  );
  bank.system = await bank.system.crash();
  const third = await bank.system.answered(bank.pay('p1', 'sender', 'receiver', '100'));
  t.equal(statusOf(third).state, 'completed');
  t.match(third, { replayed: true });
  t.equal(await bank.balance('receiver'), '100.00');
  await bank.system.stop();
});

t.test('row 202: a payment that the sender cannot make is compensated, and says why', async (t) => {
  const bank = await Bank.open({ partitionCount: 4 });
  await bank.account('sender', '1000');
  await bank.account('receiver', '0');
  t.equal(
    statusOf(await bank.system.answered(bank.pay('p1', 'sender', 'receiver', '1600'))).state,
    'compensated',
  );
  t.match((await bank.status('p1')).errors, ['insufficient-funds: Insufficient funds. Available: 1500.00']);
  t.equal(await bank.balance('sender'), '1000.00');
  await bank.system.stop();
});

t.test('a completed payment has one notice, whichever commit a crash falls between', async (t) => {
  // Beside its sender, as payments from outside are, and wherever its id puts it.
  for (const id of [placedId('p1', 'sender'), 'p1']) {
    let commits = 0;
    while (await crashAfter(commits, id)) commits++;
    t.ok(commits > 4, `${commits} commits`);
  }
});

/** False when everything was over before the crash. */
async function crashAfter(commits: number, id: string): Promise<boolean> {
  const bank = await Bank.open({ shardCount: 1 + (commits % 2), limits: { groupCommandsMax: 1 } });
  await bank.account('sender', '1000');
  await bank.account('receiver', '0');
  const { script } = bank.system;
  for (let count = 0; count < commits; count++) script.onNextAppend(undefined);
  const at = commits % 3 === 0 ? 'reply' : 'request';
  script.onNextAppend({ type: 'delay', at, until: new Promise(() => undefined) });
  const first = bank.pay(id, 'sender', 'receiver', '100');
  await bank.system.clock.advance(2_000);
  const isCrashed = script.isSpent;
  const before = first.answer;
  if (isCrashed) bank.system = await bank.system.crash();
  const place = `crash after ${commits} commits`;
  // Whoever heard nothing pays again.
  if (before === undefined) await bank.system.answered(bank.pay(id, 'sender', 'receiver', '100'));
  await bank.system.clock.advance(60_000);
  assert.equal((await bank.status(id)).state, 'completed', place);
  assert.deepEqual(await bank.notices('sender'), [id], place);
  assert.equal(await bank.balance('receiver'), '100.00', place);
  await bank.system.stop();
  return isCrashed;
}

t.test(
  'decision D1: a notice that is refused is a dead letter of a completed payment, and can be sent again',
  async (t) => {
    const { aggregates, ...rest } = bankingModule();
    const decide = { ...notification.decide, notify: () => reject('no-notices', 'none today') };
    // Its contract names no such refusal.
    const silent = { ...notification, decide } as unknown as AnyAggregate;
    const refusing = defineModule({
      ...rest,
      aggregates: aggregates.map((each) => (each.contract.kind === 'notification' ? silent : each)),
    });
    const bank = await Bank.open({ modules: [refusing] });
    await bank.account('sender', '1000');
    await bank.account('receiver', '0');
    const paid = statusOf(await bank.system.answered(bank.pay('p1', 'sender', 'receiver', '100')));
    t.match(paid, { state: 'completed', errors: [] });
    await bank.system.clock.advance(100);
    t.same(await bank.notices('sender'), []);
    bank.system = await bank.system.crash();
    const [letter, ...others] = await bank.letters('sender');
    t.same(others, []);
    t.match(letter, {
      sender: { kind: 'payment_transfer', id: 'p1' },
      target: { kind: 'notification', id: 'sender' },
      command: 'notify',
      ...{ code: 'no-notices', detail: 'none today' },
    });
    bank.system = await bank.system.restart({ modules: [bankingModule()] });
    const ask = { place: letter as LetterView, isDryRun: false };
    const { operations } = bank.system.system;
    const partition = partitionOf('sender', bank.system.disk.partitionCount);
    await bank.system.clock.settled(operations.ask(partition, 'letters.replay', ask, operator));
    t.same(await bank.notices('sender'), ['p1']);
    t.same(await bank.letters('sender'), []);
    await bank.system.stop();
  },
);
