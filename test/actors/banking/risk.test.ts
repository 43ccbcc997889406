/** The risk record and its policy. */
import t from 'tap';
import { bankingModule } from '../../../actors/banking/banking.js';
import { riskAggregate } from '../../../actors/banking/risk.js';
import { riskContract } from '../../../actors/banking/risk-contract.js';
import {
  checkRiskSettings,
  type RiskSettings,
  refusalOf,
  type TransferFacts,
  velocityTransfersMax,
} from '../../../actors/banking/risk-policy.js';
import { rejection } from './support/accounts.js';
import { admin, alice, Desk, inside, service } from './support/desk.js';

const transfer = { transfer_id: 't1', amount: '5000', currency: 'USD' };
const facts: TransferFacts = {
  amount: '100',
  currency: 'USD',
  flag: undefined,
  approvedAt: [],
  now: 1_000_000,
};

function record(settings: RiskSettings = {}) {
  return new Desk(riskAggregate(settings), 'acc-1');
}

t.test('row 65: a flag refuses transfers with risk_check_failed and its reason', async (t) => {
  const desk = record();
  t.same(desk.ask('flag', { reason: 'suspicious_activity' }, admin), {
    account_id: 'acc-1',
    flagged: true,
    reason: 'suspicious_activity',
  });
  t.same(
    desk.ask('check', transfer, inside),
    rejection('risk_check_failed', 'Account is flagged: suspicious_activity'),
  );
  t.hasStrict(desk.journal[0]?.data, { flagged_by: 'root' });
});

t.test('an account without a flag passes the check, and nothing is written', async (t) => {
  const desk = record();
  t.same(desk.ask('check', transfer, inside), { approved: true });
  t.same(desk.told, []);
});

t.test('taking the flag off lets transfers pass again', async (t) => {
  const desk = record();
  desk.ask('flag', { reason: 'x' }, admin);
  t.same(desk.ask('unflag', {}, admin), { account_id: 'acc-1', flagged: false, reason: '' });
  t.same(desk.ask('check', transfer, inside), { approved: true });
});

t.test('the same flag again, or no flag to take off, writes nothing', async (t) => {
  const desk = record();
  desk.ask('unflag', {}, admin);
  desk.ask('flag', { reason: 'x' }, admin);
  desk.ask('flag', { reason: 'x' }, admin);
  t.same(desk.told, ['AccountFlagged']);
  desk.ask('flag', { reason: 'y' }, admin);
  t.hasStrict(desk.read('get', {}, admin), { reason: 'y' });
});

t.test('only an admin flags, unflags and looks', async (t) => {
  for (const caller of [alice, service]) {
    t.hasStrict(record().ask('flag', { reason: 'x' }, caller), { code: 'scope-missing' });
    t.hasStrict(record().ask('unflag', {}, caller), { code: 'scope-missing' });
    t.hasStrict(record().read('get', {}, caller), { code: 'scope-missing' });
  }
  t.same(riskContract.commands.flag.roles, ['admin']);
  t.same(riskContract.commands.unflag.roles, ['admin']);
  t.same(riskContract.queries.get.roles, ['admin']);
  t.equal(riskContract.commands.check.internal, true);
});

t.test('decision D7: without settings only a flag refuses', async (t) => {
  t.equal(
    refusalOf({}, { ...facts, amount: '10000000000000', approvedAt: Array(256).fill(facts.now) }),
    undefined,
  );
});

t.test('decision D7: amounts from the threshold on are refused, in units of their currency', async (t) => {
  const settings = { amountUnitsFrom: 1000 };
  t.equal(refusalOf(settings, { ...facts, amount: '999.99' }), undefined);
  t.equal(refusalOf(settings, { ...facts, amount: '1000' }), 'Amount reaches the limit of 1000 USD');
  t.equal(refusalOf(settings, { ...facts, amount: '999', currency: 'JPY' }), undefined);
  t.equal(
    refusalOf(settings, { ...facts, amount: '1000', currency: 'JPY' }),
    'Amount reaches the limit of 1000 JPY',
  );
});

t.test('decision D7: velocity counts approvals inside the window', async (t) => {
  const settings = { velocity: { transfersMax: 2, windowMs: 1000 } };
  const at = (...ages: number[]) => ({ ...facts, approvedAt: ages.map((age) => facts.now - age) });
  t.equal(refusalOf(settings, at(1000, 999)), undefined, 'one has left the window');
  t.equal(refusalOf(settings, at(999, 0)), 'More than 2 transfers in 1000 ms');
});

t.test('with a velocity rule approvals are recorded and count, refusals do not', async (t) => {
  const desk = record({ velocity: { transfersMax: 1, windowMs: 1000 } });
  t.same(desk.ask('check', transfer, inside), { approved: true });
  t.hasStrict(desk.ask('check', transfer, inside), { code: 'risk_check_failed' });
  t.same(desk.told, ['TransferApproved']);
  desk.now += 1000;
  t.same(desk.ask('check', transfer, inside), { approved: true });
});

t.test('the record remembers a bounded number of approvals', async (t) => {
  const desk = record({ velocity: { transfersMax: velocityTransfersMax, windowMs: 1 } });
  for (let index = 0; index <= velocityTransfersMax; index++) {
    desk.now++;
    desk.ask('check', transfer, inside);
  }
  t.equal(desk.state.approvedAt.length, velocityTransfersMax);
});

t.test('settings at their bounds are fine', async (t) => {
  t.doesNotThrow(() => checkRiskSettings({}));
  t.doesNotThrow(() => checkRiskSettings({ amountUnitsFrom: 0, velocity: { transfersMax: 1, windowMs: 1 } }));
  t.doesNotThrow(() => checkRiskSettings({ velocity: { transfersMax: velocityTransfersMax, windowMs: 1 } }));
});

t.test('settings that make no sense stop the start', async (t) => {
  for (const settings of [
    { amountUnitsFrom: -1 },
    { amountUnitsFrom: 0.5 },
    { velocity: { transfersMax: 0, windowMs: 1 } },
    { velocity: { transfersMax: velocityTransfersMax + 1, windowMs: 1 } },
    { velocity: { transfersMax: 1, windowMs: 0 } },
  ]) {
    t.throws(() => checkRiskSettings(settings), JSON.stringify(settings));
    t.throws(() => bankingModule({ risk: settings }), JSON.stringify(settings));
  }
});
