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
  t.match(judge(request, entry, begins, reply, ends), [/sent before its entry was flushed/]);
  t.match(judge(request, begins, entry, ends, reply), [/no flush of its file began after/]);
  const receiving = `100 recvfrom(${socket},  <unfinished ...>`;
  const received = '100 <... recvfrom resumed>"POST / key-1", 524288, 0, NULL, NULL) = 13';
  t.same(judge(receiving, received, entry, flush, reply), []);
  t.match(judge(receiving, entry, received, flush, reply), [/entry was not written before the reply/]);
});

t.test('each broken order is found', async (t) => {
  t.match(
    judge(request, entry, reply, flush),
    [/sent before its entry was flushed/],
    'answered before the flush',
  );
  t.match(judge(request, reply, entry, flush), [/entry was not written/], 'answered before the entry');
  t.match(
    judge(request, flush, entry, reply),
    [/no flush of its file/],
    'flushed before the entry was written',
  );
  t.match(judge(flush, entry, request, reply), [/entry was not written/], 'all of it before the request');
  t.match(judge(request, entry, reply), [/no flush of its file/], 'never flushed');
  t.match(judge(request, entry, flush), [/no reply/], 'never answered');
  t.match(judge(entry, flush, reply), [/no such request/], 'never asked');
});

t.test('the flush of another file, and one that failed, cover nothing', async (t) => {
  t.match(judge(request, entry, '102 fdatasync(8</data/tables.mdb>) = 0', reply), [/no flush of its file/]);
  t.match(judge(request, entry, `102 fdatasync(${log}) = -1 EIO (Input/output error)`, reply), [
    /no flush of its file/,
  ]);
});

t.test('a first part of the reply counts as the reply', async (t) => {
  const head = `100 sendto(${socket}, "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL, NULL, 0) = 15`;
  t.match(judge(request, entry, head, flush, reply), [/sent before its entry was flushed/]);
});

t.test('a send on another socket is somebody else’s reply', async (t) => {
  const other = '100 sendto(21<socket:[78]>, "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL, NULL, 0) = 15';
  t.same(judge(request, other, entry, flush, reply), []);
});

const ahead = '25</data/ahead/0-0>';
const opens = (flags: string, descriptor = ahead): string =>
  `102 openat(AT_FDCWD</srv>, "/data/ahead/0-0", ${flags}) = ${descriptor}`;
const synchronously = opens('O_WRONLY|O_DSYNC|O_CLOEXEC');
const iov = '[{iov_base="..", iov_len=72}, {iov_base="..tx-1..", iov_len=100}], 2, 0';
const write = `103 pwritev(${ahead}, ${iov}) = 172`;
const writeBegins = `103 pwritev(${ahead}, ${iov} <unfinished ...>`;
const writeEnds = '103 <... pwritev resumed>) = 172';

t.test('an entry that was written synchronously needs no flush', async (t) => {
  t.same(judge(synchronously, request, write, reply), []);
  t.same(judge(synchronously, request, writeBegins, writeEnds, reply), []);
  t.same(judge(opens('O_RDWR|O_CREAT|O_SYNC, 0666'), request, write, reply), [], 'O_SYNC, and a mode');
  const opening = '102 openat(AT_FDCWD</srv>, "/data/ahead/0-0", O_WRONLY|O_DSYNC <unfinished ...>';
  const opened = `102 <... openat resumed>) = ${ahead}`;
  t.same(judge(opening, opened, request, write, reply), [], 'opened in two parts');
});

t.test('a reply that leaves before the synchronous write has ended is found', async (t) => {
  t.match(judge(synchronously, request, writeBegins, reply, writeEnds), [/entry was not written before/]);
  t.match(judge(synchronously, request, reply, write), [/entry was not written before/]);
  t.match(judge(synchronously, request, writeBegins, reply), [/entry was not written before/], 'never ended');
  t.match(
    judge(synchronously, write, request, reply),
    [/entry was not written before/],
    'before the request',
  );
});

t.test('only a descriptor that was opened so writes synchronously', async (t) => {
  const plainly = opens('O_WRONLY|O_CLOEXEC');
  const refused = opens('O_WRONLY|O_DSYNC', '-1 EACCES (Permission denied)');
  const refusal = [/not written synchronously, and no flush of its file/];
  t.match(judge(plainly, request, write, reply), refusal, 'opened without the flag');
  t.match(judge(request, write, reply), refusal, 'not seen to be opened');
  t.match(judge(request, write, synchronously, reply), refusal, 'opened after the write');
  t.match(judge(refused, request, write, reply), refusal, 'could not be opened');
  t.match(judge(synchronously, plainly, request, write, reply), refusal, 'given to another opening since');
  t.same(judge(plainly, synchronously, request, write, reply), [], 'given to this opening since');
  const other = opens('O_WRONLY|O_DSYNC', '26</data/ahead/0-0>');
  t.match(judge(plainly, other, request, write, reply), refusal, 'another descriptor of the same file');
  const named = '102 openat(AT_FDCWD</srv>, "/data/O_DSYNC, O_DSYNC", O_WRONLY) = 25</data/ahead/0-0>';
  t.match(judge(named, request, write, reply), refusal, 'the flag in the name');
  const elsewhere = '102 openat(AT_FDCWD</srv>, "/data/x", O_WRONLY|O_DSYNC) = 25</data/x>';
  t.match(judge(elsewhere, request, write, reply), refusal, 'another file of the same number');
});

t.test('a synchronous write that failed covers nothing', async (t) => {
  const failed = `103 pwritev(${ahead}, ${iov}) = -1 EIO (Input/output error)`;
  t.match(judge(synchronously, request, failed, reply), [/entry was not written before/]);
  const fails = '103 <... pwritev resumed>) = -1 EIO (Input/output error) (INJECTED)';
  t.match(judge(synchronously, request, writeBegins, fails, reply), [/entry was not written before/]);
  t.match(judge(synchronously, request, failed, entry, reply, flush), [/sent before its entry was flushed/]);
});

t.test('of the writes of an entry, one that is covered in time is enough', async (t) => {
  const plainly = opens('O_WRONLY|O_CLOEXEC');
  t.same(judge(synchronously, request, write, reply, entry, flush), [], 'the first one');
  t.same(judge(synchronously, request, entry, write, reply), [], 'a later one');
  t.same(judge(plainly, request, write, entry, flush, reply), [], 'the flush of the second file');
  t.match(judge(plainly, request, write, reply, entry, flush), [/sent before its entry was flushed/]);
  t.match(judge(plainly, request, write, flush, entry, reply), [/no flush of its file/]);
});
