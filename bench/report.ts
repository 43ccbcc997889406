/**
 * Reports as text: a table for one run, a Markdown table for a set of them.
 */
import type { BenchmarkReport } from './benchmark-run.js';
import type { LoadProgress } from './load-generator.js';

/** One line per second, for stderr. */
export function progressLine(progress: LoadProgress): string {
  const { phase, second, done, errors, p50Ms, p99Ms, backlog } = progress;
  const late = backlog > 0 ? `, ${backlog} due and not sent` : '';
  const wrong = errors > 0 ? `, ${errors} errors so far` : '';
  return `${phase.padEnd(9)} ${String(second).padStart(4)} s  ${count(done).padStart(8)}/s  p50 ${ms(p50Ms)}  p99 ${ms(p99Ms)}${late}${wrong}`;
}

/** What a person wants to know of one run. */
export function reportText(report: BenchmarkReport): string {
  const { options, load, books, counts, cpuPercent } = report;
  const { latency } = load;
  const counted = commandsOf(options.scenario);
  const loop =
    options.rate === undefined ? 'closed loop' : `open loop at ${count(options.rate)}/s, ${options.schedule}`;
  const rows: [string, string][] = [
    ['scenario', `${options.scenario}, ${options.connections} connections, ${loop}, ${options.seconds} s`],
    ['machine', report.machine],
    ['durability', report.durability],
    ['disk', diskText(report)],
    ['rate', `${count(load.rate)} ${counted}/s (${count(load.done)} answered as done)`],
    [
      'latency',
      `p50 ${ms(latency.p50Ms)}  p90 ${ms(latency.p90Ms)}  p99 ${ms(latency.p99Ms)}  p99.9 ${ms(latency.p999Ms)}  max ${ms(latency.maxMs)}`,
    ],
    ['errors', errorText(report)],
    ['commits', commitText(report)],
    [
      'processor',
      `gateway ${cpuPercent.gateway.toFixed(0)} %, shards and store ${cpuPercent.otherThreads.toFixed(0)} %, load generator ${cpuPercent.generator.toFixed(0)} % (100 % = one core)`,
    ],
    [
      'memory, disk',
      `${megabytes(report.residentBytes)} resident, ${count(report.writtenBytesPerCommand)} bytes in write calls per command`,
    ],
    ['books', booksText(report)],
  ];
  if (report.redis !== undefined) rows.splice(rows.length - 1, 0, ['redis', redisText(report)]);
  if (options.rate !== undefined)
    rows.splice(7, 0, [
      'schedule',
      `${count(load.backlogMax)} due and not sent at worst, ${count(load.unsent)} never sent`,
    ]);
  if (options.scenario === 'idle') rows.splice(4, 0, ...idleRows(report));
  if (counts.tableSlices !== undefined)
    rows.splice(rows.length - 1, 0, ['tables', `${count(counts.tableSlices)} slices written`]);
  if (load.aborted !== undefined) rows.push(['ended early', load.aborted]);
  const lines = rows.map(([name, value]) => `${name.padEnd(13)}${value}`);
  for (const violation of books.violations) lines.push(`${''.padEnd(13)}${violation}`);
  return lines.join('\n');
}

/** `log` is what the appends cost; what is left besides the tables is connections, flushes and the rest of the server. */
function redisText({ redis, counts }: BenchmarkReport): string {
  if (redis === undefined) return '';
  const { cpuPercent, cpuSeconds, grownBytes, commandSeconds } = redis;
  const events = counts.events ?? 0;
  const each = (seconds: number): string => `${((seconds / Math.max(1, events)) * 1e6).toFixed(2)} µs`;
  const inside = ['fcall', 'xadd', 'set', 'hset', 'zadd']
    .map((name) => `${name} ${each(commandSeconds.get(name) ?? 0)}`)
    .join(', ');
  return `${cpuPercent.toFixed(0)} % of one core, ${each(cpuSeconds)} per event (inside commands: ${inside}), memory grew ${count(grownBytes / Math.max(1, events))} bytes per event`;
}

/** The rows of the README, one per report. */
export function markdownTable(reports: readonly BenchmarkReport[]): string {
  const lines = [
    '| load | rate | p50 | p90 | p99 | p99.9 | max | events per entry | errors | books |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const report of reports) {
    const { options, load } = report;
    const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = load.latency;
    const loop = options.rate === undefined ? '' : `, open loop at ${count(options.rate)}/s`;
    const plural = options.connections === 1 ? 'connection' : 'connections';
    const cells = [
      `${options.scenario}, ${options.connections} ${plural}${loop}`,
      `${count(load.rate)}/s`,
      ...[p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(ms),
      ratio(report.counts.events, report.counts.entries),
      count(load.errorCount),
      report.books.balanced ? 'exact' : 'WRONG',
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  const [first] = reports;
  if (first !== undefined) {
    const disk =
      first.disk === undefined ? '' : ` fsync p50 ${ms(first.disk.fsyncP50Ms)} (${first.disk.fileSystem}).`;
    lines.push(
      '',
      `${first.machine}; load generator, gateway, shard and store share the cores; ${first.options.seconds} s runs; durability ${first.durability}.${disk}`,
    );
  }
  return lines.join('\n');
}

/** What was read between the opening of the accounts and the load. */
function idleRows({ opening, options }: BenchmarkReport): [string, string][] {
  if (opening === undefined) return [];
  const { seconds, store, residentBytesBefore, residentBytes, anonymousBytes, residentActors } = opening;
  const each = (bytes: number) => `${count(bytes / options.accounts)} bytes`;
  const rows: [string, string][] = [
    [
      'opened',
      `${count(options.accounts)} accounts in ${seconds.toFixed(0)} s (${count(options.accounts / seconds)}/s)`,
    ],
    [
      'idle, memory',
      `${megabytes(residentBytes)} resident (${megabytes(residentBytesBefore)} before), ${megabytes(anonymousBytes)} without pages of the store; ${count(residentActors ?? Number.NaN)} actors in memory`,
    ],
  ];
  if (store !== undefined)
    rows.push([
      'idle, store',
      `${each(store.logBytes + store.tablesBytes)} per account: ${each(store.logBytes)} of log, ${each(store.tablesBytes)} of tables`,
    ]);
  return rows;
}

/** What a scenario's commands are called. */
function commandsOf(scenario: BenchmarkReport['options']['scenario']): string {
  return scenario === 'idle' ? 'deposits' : scenario;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MB`;
}

function diskText({ disk }: BenchmarkReport): string {
  if (disk === undefined) return 'not measured';
  const warning = disk.fileSystem === 'tmpfs' ? ' — flushes cost nothing here: use --data DIR on a disk' : '';
  return `fsync p50 ${ms(disk.fsyncP50Ms)}, p99 ${ms(disk.fsyncP99Ms)} (4 KiB, ${disk.fileSystem})${warning}`;
}

function errorText({ load }: BenchmarkReport): string {
  const kinds = Object.entries(load.errors).map(([kind, times]) => `${kind}: ${count(times)}`);
  return kinds.length === 0 ? 'none' : kinds.join(', ');
}

function commitText({ counts, flushes, options, load }: BenchmarkReport): string {
  const parts = [];
  if (flushes !== undefined)
    parts.push(
      `${count(flushes)} flushes (${ratio(load.done, flushes)} ${commandsOf(options.scenario)} each)`,
    );
  if (counts.groups !== undefined)
    parts.push(
      `${count(counts.groups)} groups (${ratio(load.done, counts.groups)} ${commandsOf(options.scenario)} each)`,
    );
  if (counts.commitMs !== undefined) parts.push(`${ms(counts.commitMs)} each on average`);
  if (counts.entries !== undefined) parts.push(`${ratio(counts.events, counts.entries)} events per entry`);
  return parts.length === 0 ? 'not exported by the server' : parts.join(', ');
}

function booksText({ books }: BenchmarkReport): string {
  const settled = books.settled > 0 ? `, ${count(books.settled)} asked again` : '';
  const verdict = books.balanced ? 'exact' : `WRONG, ${count(books.violationCount)} violations`;
  return `${verdict}: ${count(books.accounts)} accounts, ${books.opened} opened + ${books.added} added = ${books.found} found, ${count(books.applied)} commands applied${settled}`;
}

function ratio(part: number | undefined, whole: number | undefined): string {
  return part === undefined || whole === undefined || whole === 0 ? '–' : (part / whole).toFixed(1);
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
