/** Paging parameters as they come from a URL. */
import t from 'tap';
import { errorRegistry } from '../../../actors/model/errors.js';
import {
  limitOf,
  pageLimitDefault,
  pageLimitMax,
  pageRejections,
  timeOf,
  versionCursorOf,
  versionOf,
} from '../../../actors/model/page-query.js';

t.test('a limit is a whole number from 1 to 1,000, by default 50', async (t) => {
  t.equal(limitOf(undefined), pageLimitDefault);
  t.equal(limitOf('1'), 1);
  t.equal(limitOf('1000'), pageLimitMax);
  for (const text of ['0', '-1', '1001', '1000000000', 'abc', '', '1.0', '1e2', ' 1', '٣']) {
    t.hasStrict(limitOf(text), { type: 'rejection', code: 'limit-out-of-range' }, text);
  }
});

t.test('a cursor is a version that was given out', async (t) => {
  t.equal(versionCursorOf(undefined), undefined);
  t.equal(versionCursorOf('0'), 0);
  t.equal(versionCursorOf('12'), 12);
  for (const text of ['', '-1', 'x', '99999999999999999999']) {
    t.hasStrict(versionCursorOf(text), { type: 'rejection', code: 'cursor-invalid' }, text);
  }
});

t.test('a version is a whole number, named in its refusal', async (t) => {
  t.equal(versionOf('at_version', '7'), 7);
  t.hasStrict(versionOf('at_version', 'x'), { detail: 'at_version must be a whole number from 0' });
});

t.test('a time is RFC 3339 with its zone', async (t) => {
  t.equal(timeOf('at', '2026-11-20T12:00:00Z'), Date.UTC(2026, 10, 20, 12));
  t.equal(timeOf('at', '2026-11-20T12:00:00.25Z'), Date.UTC(2026, 10, 20, 12, 0, 0, 250));
  t.equal(timeOf('at', '2026-11-20T13:00:00+01:00'), Date.UTC(2026, 10, 20, 12));
  for (const text of [
    '',
    '2026-11-20',
    '2026-11-20T12:00:00',
    '2026-13-20T12:00:00Z',
    '1795000000000',
    'now',
  ]) {
    t.hasStrict(timeOf('at', text), { type: 'rejection', code: 'query-invalid' }, text);
  }
});

t.test('the statuses are those of the registry', async (t) => {
  for (const [code, status] of Object.entries(pageRejections)) {
    t.equal(errorRegistry[code as keyof typeof pageRejections].status, status, code);
  }
});
