import t from 'tap';
import {
  errorEntry,
  errorRegistry,
  isErrorCode,
  isOperatingError,
  OperatingError,
} from '../../../actors/model/errors.js';

t.test('every code is kebab-case and has a status, a title and an advice', async (t) => {
  for (const [code, entry] of Object.entries(errorRegistry)) {
    t.match(code, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    t.ok(entry.status >= 400 && entry.status < 600, code);
    t.match(entry.title, /^[A-Z]/, code);
    t.ok(['now', 'later', 'never'].includes(entry.retry), code);
  }
});

t.test('who is asked to come back later is told when, unless the token decides', async (t) => {
  for (const [code, entry] of Object.entries(errorRegistry)) {
    if (entry.retry === 'later' && code !== 'token-not-yet-valid')
      t.type(entry.retryAfterSeconds, 'number', code);
  }
});

t.test('an operating error is known by its code, whatever its class', async (t) => {
  const error = new OperatingError('overloaded', 'too much', { address: 'account/a1', cause: 'why' });
  t.match(error, {
    code: 'overloaded',
    retry: 'later',
    address: 'account/a1',
    cause: 'why',
    message: 'too much',
  });
  t.ok(isOperatingError(error));
  t.ok(isOperatingError({ code: 'overloaded', message: 'from another thread' }));
  t.notOk(isOperatingError(Object.assign(new Error('x'), { code: 'ENOENT' })));
  t.notOk(isOperatingError(new Error('x')));
  t.notOk(isOperatingError(null));
  t.notOk(isErrorCode('toString'));
});

t.test('an unknown code reads as internal', async (t) => {
  t.equal(errorEntry('from-the-future').status, 500);
  t.equal(errorEntry('rate-limited').status, 429);
});
