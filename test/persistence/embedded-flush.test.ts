/**
 * Watches the system calls of a process that appends, with fdatasync slowed down: an acknowledgement comes after a flush that
 * began after the group was sent. Killing a process cannot show this, because the page cache survives it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { temporaryDirectory } from './embedded-place.js';

const writer = fileURLToPath(new URL('./flush-writer.js', import.meta.url));
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
    const calls = await trace(path.join(directory, 'store'), path.join(directory, 'calls'));
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

interface Call {
  readonly thread: string;
  readonly flush?: 'begins' | 'ends';
  readonly mark?: string;
}

async function trace(directory: string, log: string): Promise<Call[]> {
  const child = spawn(process.execPath, [writer, directory, `${groupCount}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [ready] = await once(createInterface({ input: child.stdout }));
  if (ready !== 'ready') throw new Error(`the writer said ${ready}`);
  const calls = ['-e', 'trace=fdatasync,write', '-e', `inject=fdatasync:delay_exit=${flushDelayUs}`];
  const tracer = spawn('strace', ['-f', '-o', log, ...calls, '-p', `${child.pid}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const traced = new Promise((resolve) => tracer.once('close', resolve));
  const [attached] = await once(createInterface({ input: tracer.stderr }));
  if (!attached?.includes('attached')) throw new Error(`strace said ${attached}`);
  tracer.stderr.resume();
  child.stdin.end('go\n');
  const code = await ended;
  await traced;
  if (code !== 0) throw new Error(`the writer ended with ${code}`);
  return readFileSync(log, 'utf8').split('\n').flatMap(parse);
}

/** The first line. */
async function once(lines: AsyncIterable<string>): Promise<[string | undefined]> {
  for await (const line of lines) return [line];
  return [undefined];
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
