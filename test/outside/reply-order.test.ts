import t from 'tap';
import { findOrderViolations } from './reply-order.js';
import { parseTrace } from './syscall-trace.js';

const command = { requestMark: 'key-1', entryMark: 'tx-1' };
const socket = '20<socket:[77]>';
const log = '9</data/log.mdb>';

const request = `100 recvfrom(${socket}, "POST / key-1", 524288, 0, NULL, NULL) = 13`;
const entry = `101 pwrite64(${log}, "..tx-1..", 4096, 0) = 4096`;
const flush = `102 fdatasync(${log}) = 0`;
const reply = `100 sendto(${socket}, "HTTP/1.1 200 OK tx-1", 20, MSG_NOSIGNAL, NULL, 0) = 20`;

function judge(...lines: string[]): string[] {
  return findOrderViolations(parseTrace(lines.join('\n')), [command]);
}

t.test('received, written, flushed, answered: in order', async (t) => {
  t.same(judge(request, entry, flush, reply), []);
});

t.test('calls that overlap are judged by their beginnings and ends', async (t) => {
  const begins = `102 fdatasync(${log} <unfinished ...>`;
  const ends = '102 <... fdatasync resumed>) = 0';
  t.same(judge(request, entry, begins, ends, reply), []);
  t.match(judge(request, entry, begins, reply, ends), [/before a flush that covers its entry had ended/]);
  t.match(judge(request, begins, entry, ends, reply), [/no flush of the journal began after/]);
  const receiving = `100 recvfrom(${socket},  <unfinished ...>`;
  const received = '100 <... recvfrom resumed>"POST / key-1", 524288, 0, NULL, NULL) = 13';
  t.same(judge(receiving, received, entry, flush, reply), []);
  t.match(judge(receiving, entry, received, flush, reply), [/entry was not written before the reply/]);
});

t.test('each broken order is found', async (t) => {
  t.match(judge(request, entry, reply, flush), [/before a flush/], 'answered before the flush');
  t.match(judge(request, reply, entry, flush), [/entry was not written/], 'answered before the entry');
  t.match(judge(request, flush, entry, reply), [/no flush/], 'flushed before the entry was written');
  t.match(judge(flush, entry, request, reply), [/entry was not written/], 'all of it before the request');
  t.match(judge(request, entry, reply), [/no flush/], 'never flushed');
  t.match(judge(request, entry, flush), [/no reply/], 'never answered');
  t.match(judge(entry, flush, reply), [/no such request/], 'never asked');
});

t.test('the flush of another file, and one that failed, cover nothing', async (t) => {
  t.match(judge(request, entry, '102 fdatasync(8</data/tables.mdb>) = 0', reply), [/no flush/]);
  t.match(judge(request, entry, `102 fdatasync(${log}) = -1 EIO (Input/output error)`, reply), [/no flush/]);
});

t.test('a first part of the reply counts as the reply', async (t) => {
  const head = `100 sendto(${socket}, "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL, NULL, 0) = 15`;
  t.match(judge(request, entry, head, flush, reply), [/before a flush/]);
});

t.test('a send on another socket is somebody else’s reply', async (t) => {
  const other = '100 sendto(21<socket:[78]>, "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL, NULL, 0) = 15';
  t.same(judge(request, other, entry, flush, reply), []);
});
