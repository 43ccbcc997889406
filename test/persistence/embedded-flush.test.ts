/**
 * Watches the system calls of a process that appends, with fdatasync slowed down: an acknowledgement comes after a flush that
 * began after the group was sent. Killing a process cannot show this, because the page cache survives it.
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
/** After the real flush, so that a group sent meanwhile is not covered by it. */
const flushDelayUs = 30_000;

const canTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;
const mustTrace = process.env.CI === 'true';
const whyNot = 'needs strace and the right to trace (Debian: apt-get install strace)';

t.test(
  'no acknowledgement before the flush that covers it',
  { skip: canTrace || mustTrace ? false : whyNot, timeout: 60_000 },
  async (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    const { calls } = await trace({
      directory,
      program: [writer, path.join(directory, 'store'), `${groupCount}`],
      inject: `fdatasync:delay_exit=${flushDelayUs}`,
    });
    const uncovered: string[] = [];
    for (let number = 0; number < groupCount; number++) {
      const sent = calls.findIndex(({ mark }) => mark === `sent ${number}`);
      const acknowledged = calls.findIndex(({ mark }) => mark === `acknowledged ${number}`);
      t.ok(sent !== -1 && acknowledged > sent, `group ${number} was sent and acknowledged`);
      const between = calls.slice(sent, acknowledged);
      const isCovered = between.some(
        ({ flush, thread }, index) =>
          flush === 'begins' &&
          between.slice(index).some((call) => call.flush === 'ends' && call.thread === thread),
      );
      if (!isCovered) uncovered.push(`group ${number}`);
    }
    t.same(uncovered, []);
    const flushes = calls.filter(({ flush }) => flush === 'begins').length;
    t.ok(
      flushes <= groupCount * 2 + 2,
      `${flushes} flushes for ${groupCount} groups: at most one a group and environment`,
    );
  },
);

t.test(
  'a failed flush leaves the outcome open, and nothing more is taken or shown',
  { skip: canTrace || mustTrace ? false : whyNot, timeout: 60_000 },
  async (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    const { lines } = await trace({
      directory,
      program: [failingWriter, path.join(directory, 'store')],
      inject: 'fdatasync:error=EIO',
    });
    t.same(lines, ['answer unknown -', 'answer refused storage', 'head 0 -']);
    t.ok(existsSync(path.join(directory, 'store', 'LOCK.write-failed')), 'the next owner is told');
  },
);

t.test(
  'what was acknowledged is there after a kill, also when LMDB could not note the flush',
  { skip: canTrace || mustTrace ? false : whyNot, timeout: 120_000 },
  async (t) => {
    const answers = new Set<string>();
    for (let from = 3; from <= 6; from++) {
      const { directory, remove } = temporaryDirectory();
      t.teardown(remove);
      const place = path.join(directory, 'store');
      const { lines } = await trace({
        directory,
        program: [failingWriter, place, 'killed'],
        inject: `pwrite64:error=ENOSPC:when=${from}+`,
        killAfterMs: 10_000,
      });
      for (const line of lines) answers.add(line);
      const acknowledged = lines.filter((line) => line === 'answer appended -').length;
      const store = await openEmbeddedStore({
        ...{ directory: place, partitionCount: 4, clock: machineClock, freeBytesMin },
      });
      t.ok(
        (await store.journal.head(0)).position >= acknowledged,
        `writes fail from the ${from}th on: ${lines}`,
      );
      await store.close();
    }
    t.ok(answers.has('answer appended -') && answers.has('answer unknown -'), 'both were met');
  },
);

interface Call {
  readonly thread: string;
  readonly flush?: 'begins' | 'ends';
  readonly mark?: string;
}

interface Traced {
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
    '-o',
    log,
    '-e',
    'trace=fdatasync,write,pwrite64',
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
  return { calls: readFileSync(log, 'utf8').split('\n').flatMap(parse), lines };
}

async function firstLine(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) return line;
  return undefined;
}

/** `1234  fdatasync(20 <unfinished ...>`, `1234  <... fdatasync resumed>) = 0 (DELAYED)`, `1234  write(1, "sent 3\n", 7) = 7`. */
function parse(line: string): Call[] {
  const thread = line.split(' ')[0] ?? '';
  if (line.includes('<... fdatasync resumed>')) return [{ thread, flush: 'ends' }];
  if (line.includes('fdatasync(')) {
    return line.includes('<unfinished')
      ? [{ thread, flush: 'begins' }]
      : [
          { thread, flush: 'begins' },
          { thread, flush: 'ends' },
        ];
  }
  const mark = /write\(1, "(\w+ \d+)\\n"/.exec(line)?.[1];
  return mark === undefined ? [] : [{ thread, mark }];
}
