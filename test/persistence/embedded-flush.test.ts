/**
 * Watches the system calls of a process that appends, with its writes slowed down: an acknowledgement comes after the synchronous
 * writes of its group and of all groups before it have returned. Killing a process cannot show this, because the page cache
 * survives it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const writer = fileURLToPath(new URL('./flush-writer.js', import.meta.url));
const failingWriter = fileURLToPath(new URL('./failing-writer.js', import.meta.url));
const groupCount = 20;

const canTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;
const mustTrace = process.env.CI === 'true';
const whyNot = 'needs strace and the right to trace (Debian: apt-get install strace)';

for (const [how, writeDelayUs] of [
  // After the real write, so that the next group is sent meanwhile.
  ['', 30_000],
  // Not so long that the patience ends, but for one.
  ['blocking', 5_000],
] as const) {
  t.test(
    `no acknowledgement before its group, and all before it, are on the disk ${how}`,
    { skip: canTrace || mustTrace ? false : whyNot, timeout: 60_000 },
    async (t) => {
      const { directory, remove } = temporaryDirectory();
      t.teardown(remove);
      const { calls, pid } = await trace({
        directory,
        program: [writer, path.join(directory, 'store'), `${groupCount}`, how],
        inject: `pwritev:delay_exit=${writeDelayUs}`,
      });
      let writtenAt = 0;
      let ownCount = 0;
      for (let number = 0; number < groupCount; number++) {
        const sent = calls.findIndex(({ mark }) => mark === `sent ${number}`);
        const acknowledged = calls.findIndex(({ mark }) => mark === `acknowledged ${number}`);
        const begins = calls.findIndex(({ ahead }) => ahead === `group ${number}.`);
        const ends = calls.findIndex(
          ({ thread, isEnd }, index) => index >= begins && isEnd && thread === calls[begins]?.thread,
        );
        t.ok(sent !== -1 && begins > sent && ends >= begins, `group ${number} is sent, then written`);
        writtenAt = Math.max(writtenAt, ends);
        t.ok(
          acknowledged > writtenAt,
          `group ${number} is acknowledged at ${acknowledged}, after ${writtenAt}`,
        );
        if (calls[begins]?.thread === `${pid}`) ownCount++;
      }
      if (how === 'blocking') t.ok(ownCount > 0, `${ownCount} writes are waited for`);
      else t.equal(ownCount, 0, 'other threads write');
      t.equal(calls.filter(({ ahead }) => ahead !== undefined).length, groupCount, 'one write a group');
      const flushes = calls.filter(({ isFlush }) => isFlush).length;
      t.ok(flushes <= groupCount + 2, `${flushes} flushes of LMDB: less than one a group`);
    },
  );

  t.test(
    `a failed write leaves the outcome open, and nothing more is taken or shown ${how}`,
    { skip: canTrace || mustTrace ? false : whyNot, timeout: 60_000 },
    async (t) => {
      const { directory, remove } = temporaryDirectory();
      t.teardown(remove);
      const { lines } = await trace({
        directory,
        program: [failingWriter, path.join(directory, 'store'), how],
        inject: 'pwritev:error=EIO',
      });
      t.same(lines, ['answer unknown', 'answer unknown', 'head 0']);
      t.ok(existsSync(path.join(directory, 'store', 'LOCK.write-failed')), 'the next owner is told');
    },
  );
}

t.test(
  'when LMDB cannot flush, or not note it, the next append hears of it, and what was acknowledged is there after a kill',
  { skip: canTrace || mustTrace ? false : whyNot, timeout: 120_000 },
  async (t) => {
    const injections = [3, 4, 5, 6].map((from) => `pwrite64:error=ENOSPC:when=${from}+`);
    for (const inject of ['fdatasync:error=EIO', ...injections]) {
      const { directory, remove } = temporaryDirectory();
      t.teardown(remove);
      const place = path.join(directory, 'store');
      const { lines } = await trace({
        directory,
        program: [failingWriter, place, 'killed'],
        inject,
        killAfterMs: 20_000,
      });
      t.equal(lines.at(-1), 'answer unknown', `${inject}: ${lines.length} answers`);
      const acknowledged = lines.filter((line) => line === 'answer appended').length;
      const store = await openEmbeddedStore({
        ...{ directory: place, partitionCount: 4, clock: machineClock, freeBytesMin },
      });
      const { position } = await store.journal.head(0);
      t.ok(position >= acknowledged, `${inject}: ${position} of ${acknowledged} are there`);
      await store.close();
    }
  },
);

interface Call {
  readonly thread: string;
  /** What `sent` or `acknowledged` says. */
  readonly mark?: string;
  /** A write to a write-ahead file begins: the group in it. */
  readonly ahead?: string;
  readonly isFlush?: boolean;
  /** A call of this thread has returned. */
  readonly isEnd: boolean;
}

interface Traced {
  /** Of the program, and of its first thread. */
  readonly pid: number | undefined;
  readonly calls: readonly Call[];
  /** What the program printed after `ready`. */
  readonly lines: readonly string[];
}

/** Runs a program of ours; once it is ready, tampers with its system calls and lets it go. */
async function trace(run: {
  readonly directory: string;
  readonly program: readonly string[];
  readonly inject: string;
  /** Default 50 s. */
  readonly killAfterMs?: number;
}): Promise<Traced> {
  const child = spawn(process.execPath, run.program, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await output.next();
  if (ready.value !== 'ready') throw new Error(`the program said ${ready.value}`);
  const log = path.join(run.directory, 'calls');
  const options = [
    '-f',
    '-y',
    '-s',
    '512',
    '-o',
    log,
    '-e',
    'trace=fdatasync,write,pwrite64,pwritev',
    '-e',
    `inject=${run.inject}`,
    '-p',
    `${child.pid}`,
  ];
  const tracer = spawn('strace', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  const traced = new Promise((resolve) => tracer.once('close', resolve));
  const attached = await firstLine(createInterface({ input: tracer.stderr }));
  if (!attached?.includes('attached')) throw new Error(`strace said ${attached}`);
  tracer.stderr.resume();
  child.stdin.end('go\n');
  // A thread may wait for a lock that LMDB's failed write still holds.
  const patience = setTimeout(() => child.kill('SIGKILL'), run.killAfterMs ?? 50_000);
  const lines: string[] = [];
  for await (const line of { [Symbol.asyncIterator]: () => output }) lines.push(line);
  const code = await ended;
  clearTimeout(patience);
  await traced;
  if (code !== 0 && !run.program.includes('killed')) throw new Error(`the program ended with ${code}`);
  return { pid: child.pid, calls: readFileSync(log, 'utf8').split('\n').flatMap(parse), lines };
}

async function firstLine(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) return line;
  return undefined;
}

/** `1234  pwritev(20</…/ahead/0-0>, […] <unfinished ...>`, `1234  <... pwritev resumed>) = 9`, `1234  write(1</…>, "sent 3\n", 7) = 7`. */
function parse(line: string): Call[] {
  const [thread = '', ...rest] = line.split(/ +/);
  const text = rest.join(' ');
  const mark = /^write\(1<[^>]*>, "(\w+ \d+)\\n"/.exec(text)?.[1];
  const ahead = /^pwritev\(\d+<[^>]*\/ahead\/[^>]*>.*(group \d+\.)/.exec(text)?.[1];
  const isFlush = text.startsWith('fdatasync(');
  const isEnd = !text.endsWith('<unfinished ...>');
  return [{ thread, isEnd, isFlush, ...(mark && { mark }), ...(ahead && { ahead }) }];
}
