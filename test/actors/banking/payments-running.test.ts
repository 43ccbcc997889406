/** Rows 200 to 202 over the whole runtime: payments that succeed, are refused, meet each other, and are sent twice. */
import t from 'tap';
import { accountContract } from '../../../actors/banking/account-contract.js';
import { bankingModule } from '../../../actors/banking/banking.js';
import { riskContract } from '../../../actors/banking/risk-contract.js';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import type { SagaStatus } from '../../../actors/model/saga.js';
import type { ActorAnswer } from '../../../runtime/actor-client.js';
import { TestSystem, type TestSystemOptions } from '../../support/test-system.js';

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
