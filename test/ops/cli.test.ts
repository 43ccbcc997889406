/** `troupe` as people run it: rules L1–L3 of `ops/command-line.ts`, with real processes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type AuthenticationResult, Authenticator } from '../../gateway/authentication.js';
import { allSettings } from '../../ops/config.js';
import { refusalOfNode } from '../../ops/node-version.js';
import { loadSigningKey } from '../../ops/signing-key.js';
import { Program, type ProgramEnd } from './support/program.js';

function folder(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'troupe-cli-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function troupe(
  t: Test,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd = tmpdir(),
): Promise<ProgramEnd> {
  const program = new Program('ops/cli.js', args, { env, cwd });
  t.teardown(() => program.end());
  return program.ended;
}

t.test('L1: a flag nobody knows ends with 2 and offers the near miss', async (t) => {
  const end = await troupe(t, ['start', '--prot', '1']);
  t.equal(end.code, 2);
  t.match(end.stderr, /unknown option '--prot'[\s\S]*--port/);
  t.equal(end.stdout, '');
});

t.test(
  'L1: bad values end with 2, each with name, value and allowed form, also from environment and file',
  async (t) => {
    const cwd = folder(t);
    writeFileSync(path.join(cwd, 'troupe.config.json'), '{"durability": "maybe"}');
    const end = await troupe(t, ['start', '--port', 'abc'], { LOG_LEVEL: 'loud', TROUPE_SHARD: '1' }, cwd);
    t.equal(end.code, 2);
    t.match(end.stderr, '--port: "abc" is not allowed; allowed: a whole number from 0 to 65535');
    t.match(end.stderr, 'LOG_LEVEL: "loud" is not allowed; allowed: debug, info, warn, error, silent');
    t.match(end.stderr, 'durability in troupe.config.json: "maybe" is not allowed; allowed: disk, none');
    t.match(end.stderr, 'environment: "TROUPE_SHARD" is not a setting; did you mean TROUPE_SHARDS?');
  },
);

t.test('L1: an unknown or missing command, a missing option and a stray word end with 2', async (t) => {
  for (const args of [['frob'], [], ['token'], ['token', '--user', 'a'], ['start', 'now']]) {
    const end = await troupe(t, args);
    t.equal(end.code, 2, args.join(' '));
    t.not(end.stderr, '');
  }
});

t.test('production without a key is refused before anything is started', async (t) => {
  const end = await troupe(t, ['start', '--mode', 'production']);
  t.equal(end.code, 2);
  t.match(end.stderr, '--token-key-file: is needed in production mode');
});

t.test('help and version answer on stdout with 0, and help names every setting', async (t) => {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  );
  const version = await troupe(t, ['--version']);
  t.equal(version.stdout, `${manifest.version}\n`);
  t.equal(version.code, 0);
  const help = await troupe(t, ['start', '--help']);
  t.equal(help.code, 0);
  for (const [, { name }] of allSettings()) t.match(help.stdout, new RegExp(`--(no-)?${name}\\b`), name);
  t.match(help.stdout, /--no-supervise\b/);
  t.match(help.stdout, /--notices\b/, 'of a switch the side that changes something');
  t.notMatch(help.stdout, /--no-notices\b/);
  t.match(help.stdout, 'Examples:');
});

/** What a server with that data directory would say to the token. */
async function verified(dataDirectory: string, token: string): Promise<AuthenticationResult> {
  const { bytes } = await loadSigningKey({ dataDirectory, tokenKeyFile: undefined });
  const authenticator = new Authenticator({ key: { algorithm: 'HS256', key: bytes }, benchAllowed: true });
  return new Promise((resolve) => authenticator.verify(`Bearer ${token}`, Date.now(), resolve));
}

t.test('L2: a token stands alone on stdout and is accepted with its user and roles', async (t) => {
  const data = path.join(folder(t), 'data');
  const args = ['token', '--data', data, '--user', 'alice', '--role', 'customer', '--role', 'admin'];
  const first = await troupe(t, args);
  t.equal(first.code, 0);
  t.match(first.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  t.match(first.stderr, 'made a new signing key');
  t.match(await verified(data, first.stdout.trim()), {
    caller: { principal: 'alice', roles: ['customer', 'admin'], internal: false },
  });
  const second = await troupe(t, args);
  t.equal(second.stderr, '', 'the key is there now');
});

t.test('a token of another data directory is not accepted', async (t) => {
  const home = folder(t);
  const end = await troupe(t, [
    'token',
    '--data',
    path.join(home, 'a'),
    '--user',
    'alice',
    '--role',
    'customer',
  ]);
  t.equal(await verified(path.join(home, 'b'), end.stdout.trim()), 'token-invalid');
});

t.test('a lifetime, user or role out of form is refused with the form', async (t) => {
  const good = ['token', '--data', folder(t), '--user', 'alice', '--role', 'customer'];
  const bad = [
    [...good, '--lifetime', '3601'],
    [...good, '--lifetime', '0'],
    [...good, '--role', 'a b'],
    [...good, '--user', '../alice'],
  ];
  for (const args of bad) {
    const end = await troupe(t, args);
    t.equal(end.code, 2, args.join(' '));
    t.match(end.stderr, 'Allowed: ');
    t.equal(end.stdout, '');
  }
});

t.test(
  'L3: versions of Node that are too old are refused in one line, newer ones by what they cannot load',
  async (t) => {
    for (const version of ['20.15.0', '20.20.2', '21.7.3', '22.0.0', '24.1.0'])
      t.equal(refusalOfNode(version), undefined);
    for (const version of ['16.20.0', '18.20.0', '20.11.1']) {
      t.match(refusalOfNode(version), new RegExp(`^[^\\n]*Node ${version}[^\\n]*Node 20[^\\n]*$`));
    }
  },
);
