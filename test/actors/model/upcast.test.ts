import t from 'tap';
import { defineContract } from '../../../actors/model/contract.js';
import { Type } from '../../../actors/model/typebox.js';
import { decodeCommand, decodeEvent, decodeReply } from '../../../actors/model/upcast.js';

const account = defineContract({
  kind: 'account',
  events: {
    Deposited: {
      version: 3,
      schema: Type.Object({
        amount: Type.String(),
        currency: Type.String(),
        note: Type.Optional(Type.String()),
      }),
      upcast: {
        1: ([amount]) => ({ amount: String(amount), currency: 'USD' }),
        2: ([amount, currency]) => ({ amount: String(amount), currency: String(currency) }),
      },
    },
  },
  commands: {
    deposit: {
      version: 2,
      input: Type.Object({ amount: Type.String(), currency: Type.String() }),
      reply: Type.Object({ balance: Type.String() }),
      upcast: { 1: ([amount]) => ({ amount: String(amount), currency: 'USD' }) },
      upcastReply: { 1: ([balance]) => ({ balance: `${balance}.00` }) },
    },
  },
  queries: {},
  rejections: {},
});

t.test('an event of any known version reads as data of today', async (t) => {
  const today = { amount: '5', currency: 'USD' };
  t.strictSame(decodeEvent(account, 'Deposited', 1, [5]), today);
  t.strictSame(decodeEvent(account, 'Deposited', 2, ['5', 'USD']), today);
  t.strictSame(decodeEvent(account, 'Deposited', 3, ['5', 'USD', null]), today);
});

t.test('commands and replies have versions as well', async (t) => {
  t.strictSame(decodeCommand(account, 'deposit', 1, [5]), { amount: '5', currency: 'USD' });
  t.strictSame(decodeCommand(account, 'deposit', 2, ['5', 'EUR']), { amount: '5', currency: 'EUR' });
  t.strictSame(decodeReply(account, 'deposit', 1, ['7']), { balance: '7.00' });
  t.strictSame(decodeReply(account, 'deposit', 2, ['7.50']), { balance: '7.50' });
});

t.test('a version nobody can read is refused by name', async (t) => {
  t.throws(() => decodeEvent(account, 'Deposited', 4, []), {
    code: 'schema-unknown',
    message: /event account\.Deposited .*version 4.*version 3.*\[1, 2\]/,
  });
  t.throws(() => decodeEvent(account, 'Deposited', 0, []), { code: 'schema-unknown' });
  t.throws(() => decodeEvent(account, 'Withdrawn', 1, []), { code: 'schema-unknown' });
  t.throws(() => decodeEvent(account, 'toString', 1, []), { code: 'schema-unknown' });
  t.throws(() => decodeCommand(account, 'close', 1, []), { code: 'schema-unknown' });
  t.throws(() => decodeCommand(account, 'deposit', 3, []), { code: 'schema-unknown' });
});
