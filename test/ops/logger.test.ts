/** Rules L1 and L2 of `ops/logger.ts`, and the line a person sees. */
import t from 'tap';
import { createReport, type LoggerOptions, logForm } from '../../ops/logger.js';

function logged(
  options: Partial<LoggerOptions>,
  report: (log: ReturnType<typeof createReport>) => void,
): string {
  let text = '';
  const write = (line: string): void => {
    text += line;
  };
  report(createReport({ level: 'debug', form: 'lines', write, ...options }));
  return text;
}

t.test('L1: a line is one JSON object with time, level, event and the details', async (t) => {
  const text = logged({}, (report) => report('warn', 'table-lag', { partition: 3, entries: 12 }));
  t.ok(text.endsWith('\n') && !text.slice(0, -1).includes('\n'));
  const line: Record<string, unknown> = JSON.parse(text);
  t.match(line, {
    level: 'warn',
    event: 'table-lag',
    partition: 3,
    entries: 12,
    time: /^\d{4}-\d\d-\d\dT.*Z$/,
  });
});

t.test('L3: a line about traced work has its trace', async (t) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const details = { kind: 'account', traceparent };
  t.match(JSON.parse(logged({}, (report) => report('error', 'actor-threw', details))), {
    ...details,
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
  });
  const malformed = logged({}, (report) => report('error', 'actor-threw', { traceparent: 'x' }));
  t.notMatch(malformed, 'trace_id');
});

t.test('an event without details is a line as well', async (t) => {
  t.match(JSON.parse(logged({}, (report) => report('info', 'ready'))), { event: 'ready', level: 'info' });
});

t.test('lines below the level are not written', async (t) => {
  t.equal(
    logged({ level: 'warn' }, (report) => report('info', 'ready')),
    '',
  );
  t.equal(
    logged({ level: 'silent' }, (report) => report('error', 'ready')),
    '',
  );
});

t.test('L2: secrets are replaced at the top and two levels below', async (t) => {
  const text = logged({}, (report) =>
    report('info', 'request', {
      token: 'abcdef',
      headers: { authorization: 'Bearer abcdef', host: 'x' },
      call: { payload: { password: 'abcdef' } },
    }),
  );
  t.notMatch(text, 'abcdef');
  t.match(text, '[redacted]');
  t.match(text, '"host":"x"');
});

t.test('an error is written with its message and stack', async (t) => {
  const text = logged({}, (report) => report('error', 'crashed', { error: new Error('broken') }));
  t.match(JSON.parse(text), { error: { message: 'broken', stack: /Error: broken/ } });
});

t.test('a person sees time, level, event and details on one line, a stack below', async (t) => {
  const terminal = { form: 'terminal' } as const;
  t.match(
    logged(terminal, (report) => report('warn', 'table-lag', { partition: 3, detail: 'slow disk' })),
    /^\d\d:\d\d:\d\d\.\d{3} warn {2}table-lag partition=3 detail=slow disk\n$/,
  );
  const lines = logged(terminal, (report) =>
    report('error', 'crashed', { error: new Error('broken') }),
  ).split('\n');
  t.match(lines[0], /error crashed$/);
  t.equal(lines[1], '    Error: broken');
});

t.test('lines are for a person only in development at a terminal', async (t) => {
  t.equal(logForm('development', true), 'terminal');
  t.equal(logForm('development', false), 'lines');
  t.equal(logForm('production', true), 'lines');
});
