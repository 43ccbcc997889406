/** The rules C1–C3 of `ops/config.ts`, T1 of the table, and each form at its bounds. */
import t from 'tap';
import { allSettings, type ConfigInput, describeProblem, resolveConfig } from '../../ops/config.js';
import { byteSize, oneOf, onOff, origins, showBytes, wholeNumber } from '../../ops/setting-forms.js';
import { type Config, environmentNames } from '../../ops/settings.js';

const directory = '/srv/bank';

function resolve(given: Partial<ConfigInput> & { readonly files?: Readonly<Record<string, string>> }) {
  const { files = {}, ...input } = given;
  return resolveConfig({
    flags: {},
    env: {},
    directory,
    machine: { cores: 4 },
    readFile: (path) => files[path],
    ...input,
  });
}

function configOf(given: Parameters<typeof resolve>[0]): Config {
  const result = resolve(given);
  if (result.type === 'problems') throw new Error(result.problems.map(describeProblem).join('\n'));
  return result.config;
}

function problemsOf(given: Parameters<typeof resolve>[0]): string[] {
  const result = resolve(given);
  return result.type === 'problems' ? result.problems.map(describeProblem) : [];
}

t.test('with nothing given every setting has its documented default', async (t) => {
  t.same(configOf({}), {
    port: 8080,
    host: '127.0.0.1',
    dataDirectory: '/srv/bank/data',
    store: 'embedded',
    prefix: 'troupe',
    storeCaFile: undefined,
    storeCertificateFile: undefined,
    storeKeyFile: undefined,
    shards: { atMost: 3 },
    partitions: undefined,
    durability: 'disk',
    memoryBudgetBytes: 512 * 1024 * 1024,
    mode: 'development',
    tokenKeyFile: undefined,
    logLevel: 'info',
    app: undefined,
    origins: undefined,
    payment: undefined,
    paymentTokenFile: undefined,
    shipping: undefined,
    shippingTokenFile: undefined,
    email: undefined,
    emailLoginFile: undefined,
    emailFrom: 'troupe@localhost',
    sms: undefined,
    smsTokenFile: undefined,
    push: undefined,
    pushTokenFile: undefined,
    notices: false,
    riskModel: undefined,
    riskThreshold: 80,
    simulatorLatencyMs: 0,
    simulatorSuccess: 100,
    rateLimits: true,
    publicRate: 60,
    customerRate: 600,
    serviceRate: 6000,
    adminRate: 6000,
    archive: true,
    archiveDirectory: undefined,
    archiveSegmentBytes: undefined,
    supervise: true,
    configFile: undefined,
  });
});

t.test('a machine with one core still gets one shard', async (t) => {
  t.same(configOf({ machine: { cores: 1 } }).shards, { atMost: 1 });
});

t.test(
  'C1: a flag wins over the environment, which wins over the file, which wins over the default',
  async (t) => {
    const files = { '/srv/bank/troupe.config.json': '{"port": 1}' };
    t.equal(configOf({ files, env: { PORT: '2' }, flags: { port: '3' } }).port, 3);
    t.equal(configOf({ files, env: { PORT: '2' } }).port, 2);
    t.equal(configOf({ files }).port, 1);
    t.equal(configOf({}).port, 8080);
  },
);

t.test('the TROUPE_ name wins over its aliases, and an empty variable counts as not set', async (t) => {
  t.equal(configOf({ env: { TROUPE_PORT: '1', PORT: '2' } }).port, 1);
  t.equal(configOf({ env: { TROUPE_PORT: '', PORT: '2' } }).port, 2);
  t.equal(configOf({ env: { PORT: '' } }).port, 8080);
  t.equal(
    configOf({ env: { TROUPE_ENV: 'production', NODE_ENV: 'test', TOKEN_KEY_FILE: 'key' } }).mode,
    'production',
  );
});

t.test('paths become absolute: from where one stands, those of the file from the file', async (t) => {
  t.equal(configOf({ flags: { data: 'd' } }).dataDirectory, '/srv/bank/d');
  t.equal(configOf({ env: { DATA_DIR: '/var/d' } }).dataDirectory, '/var/d');
  const files = { '/etc/troupe/bank.json': '{"data": "d", "app": "./app.js"}' };
  const config = configOf({ files, flags: { config: '/etc/troupe/bank.json' } });
  t.equal(config.dataDirectory, '/etc/troupe/d');
  t.equal(config.app, '/etc/troupe/app.js');
  t.equal(config.configFile, '/etc/troupe/bank.json');
});

t.test('numbers and booleans of the file are read as their text', async (t) => {
  const files = {
    '/srv/bank/troupe.config.json': '{"shards": 0, "supervise": false, "memory-budget": "1gb"}',
  };
  const config = configOf({ files });
  t.equal(config.shards, 0);
  t.equal(config.supervise, false);
  t.equal(config.memoryBudgetBytes, 1024 ** 3);
});

t.test('a bad value is named with where it came from, what it was and what is allowed', async (t) => {
  t.same(problemsOf({ flags: { port: 'abc' } }), [
    '--port: "abc" is not allowed; allowed: a whole number from 0 to 65535',
  ]);
  t.same(problemsOf({ env: { PORT: '65536' } }), [
    'PORT: "65536" is not allowed; allowed: a whole number from 0 to 65535',
  ]);
  t.same(problemsOf({ files: { '/srv/bank/troupe.config.json': '{"mode": ["x"]}' } }), [
    'mode in troupe.config.json: "["x"]" is not allowed; allowed: development, production',
  ]);
  t.same(problemsOf({ env: { NODE_ENV: 'staging' } }), [
    'NODE_ENV: "staging" is not allowed; allowed: development, production',
  ]);
});

t.test('all problems are named at once', async (t) => {
  t.equal(problemsOf({ flags: { port: '-1', durability: 'maybe' }, env: { LOG_LEVEL: 'loud' } }).length, 3);
});

t.test('a Redis store is taken by its URL, and a wrong one is shown without the password', async (t) => {
  for (const store of ['redis://cache', 'rediss://user:secret@cache:6380/1', 'redis://[::1]:6379/0'])
    t.equal(configOf({ env: { STORE: store } }).store, store);
  const [problem, ...others] = problemsOf({ env: { STORE: 'redis://user:secret@cache:6379/zero' } });
  t.same(others, []);
  t.match(problem, /^STORE: "redis:\/\/cache:6379\/zero" is not allowed; allowed: embedded, or redis:/);
  t.notMatch(problem, 'secret');
  for (const password of ['se/cret', 'se/c@ret==', 'se\ncret']) {
    const [refused] = problemsOf({ env: { STORE: `redis://user:${password}@cache/0` } });
    t.match(refused, /^STORE: "redis:\/\/cache\/0" is not allowed/, password);
  }
});

t.test('C2: an unknown TROUPE_ variable stops the start and the near miss is offered', async (t) => {
  t.same(problemsOf({ env: { TROUPE_PROT: '1' } }), [
    'environment: "TROUPE_PROT" is not a setting; did you mean TROUPE_PORT?',
  ]);
  t.same(problemsOf({ env: { TROUPE_COFFEE_MACHINE: '1' } }), [
    'environment: "TROUPE_COFFEE_MACHINE" is not a setting',
  ]);
  t.same(problemsOf({ env: { PROT: '1' } }), [], 'what has another prefix is not ours');
});

t.test('C2: an unknown key of the file stops the start', async (t) => {
  const file = (text: string) => problemsOf({ files: { '/srv/bank/troupe.config.json': text } });
  t.same(file('{"shard": 2}'), ['troupe.config.json: "shard" is not a setting; did you mean shards?']);
  t.match(file('{"config": "other.json"}'), ['troupe.config.json: "config" is not a setting']);
  t.match(file('{"port": 1,}'), [/one JSON object of settings by name/]);
  t.match(file('[]'), [/one JSON object of settings by name/]);
});

t.test('a named file must exist and be readable, the default one need not exist', async (t) => {
  t.same(problemsOf({ flags: { config: 'gone.json' } }), ['--config: "gone.json" does not exist']);
  const readFile = (): string => {
    throw new Error('EACCES');
  };
  t.same(problemsOf({ readFile }), ['--config: "troupe.config.json" cannot be read: EACCES']);
});

t.test('production without a key file is refused', async (t) => {
  t.match(problemsOf({ flags: { mode: 'production' } }), [/^--token-key-file: is needed in production mode/]);
  t.equal(
    configOf({ flags: { mode: 'production' }, env: { TOKEN_KEY_FILE: 'k' } }).tokenKeyFile,
    '/srv/bank/k',
  );
});

t.test('more shards than partitions are refused', async (t) => {
  t.match(problemsOf({ flags: { shards: '3', partitions: '2' } }), [
    /^--shards: "3" is more than the 2 partitions/,
  ]);
});

t.test('the default of shards may be more than the partitions, for it bends', async (t) => {
  t.match(configOf({ flags: { partitions: '2' } }), { shards: { atMost: 3 }, partitions: 2 });
});

t.test('T1: every setting has a flag, a variable and a help text of its own', async (t) => {
  const all = allSettings().map(([, setting]) => setting);
  t.equal(new Set(all.map(({ name }) => name)).size, all.length);
  const variables = all.flatMap(environmentNames);
  t.equal(new Set(variables).size, variables.length);
  for (const setting of all) {
    t.match(setting.name, /^[a-z]+(-[a-z]+)*$/);
    t.ok(setting.doc.length > 0 && setting.defaultText.length > 0, setting.name);
  }
  t.ok(variables.includes('TROUPE_MEMORY_BUDGET'));
});

t.test('a whole number has no sign, point, exponent or space', async (t) => {
  const form = wholeNumber(1, 10);
  for (const text of ['0', '11', '-1', '+1', '1.0', '1e0', ' 1', '', '0x1', 'NaN']) {
    t.same(form.parse(text), { refused: '' }, text);
  }
  t.same(form.parse('1'), { value: 1 });
  t.same(form.parse('10'), { value: 10 });
});

t.test('a size has a binary unit or counts bytes', async (t) => {
  const form = byteSize(1024, 1024 ** 4);
  const sizes = {
    '1024': 1024,
    '1kb': 1024,
    '512mb': 512 * 1024 ** 2,
    '1GB': 1024 ** 3,
    '2 gb': 2 * 1024 ** 3,
  };
  for (const [text, value] of Object.entries(sizes)) t.same(form.parse(text), { value }, text);
  for (const text of ['1023', '1tb', '1.5gb', '-1kb', 'mb', '', '1 0kb'])
    t.same(form.parse(text), { refused: '' }, text);
  t.equal(showBytes(512 * 1024 ** 2), '512mb');
  t.equal(showBytes(1025), '1025');
});

t.test('words are read in any case and nothing else is', async (t) => {
  t.same(oneOf('info', 'warn').parse('INFO'), { value: 'info' });
  t.same(oneOf('info', 'warn').parse('information'), { refused: '' });
  t.same(onOff.parse('Yes'), { value: true });
  t.same(onOff.parse('0'), { value: false });
  t.same(onOff.parse('constructor'), { refused: '' });
});

t.test('origins are scheme, host and port and nothing else', async (t) => {
  t.same(origins.parse('https://a.example, http://localhost:3000'), {
    value: ['https://a.example', 'http://localhost:3000'],
  });
  for (const text of [
    '',
    '*',
    'a.example',
    'https://a.example/',
    'https://a/x',
    'ftp://a',
    'https://u@a',
    'https://a,',
  ]) {
    t.same(origins.parse(text), { refused: '' }, text);
  }
});
