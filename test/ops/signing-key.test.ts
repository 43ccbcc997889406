/** Rules K1–K3 of `ops/signing-key.ts` and S1, S2 of `ops/secret-file.ts`. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { secretBytesMin } from '../../ops/secret-file.js';
import { loadFingerprintSecret, loadSigningKey } from '../../ops/signing-key.js';

function directory(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'troupe-key-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

t.test('K2: the first start makes a key of 256 bits for its owner only, later starts read it', async (t) => {
  const dataDirectory = path.join(directory(t), 'data');
  const first = await loadSigningKey({ dataDirectory, tokenKeyFile: undefined });
  t.equal(first.created, true);
  t.equal(first.bytes.length, 32);
  t.equal(statSync(first.file).mode & 0o777, 0o600);
  const second = await loadSigningKey({ dataDirectory, tokenKeyFile: undefined });
  t.equal(second.created, false);
  t.same(second.bytes, first.bytes);
});

t.test('S1: of many that start at once one makes the key, all use it and no draft stays', async (t) => {
  const dataDirectory = directory(t);
  const keys = await Promise.all(
    Array.from({ length: 20 }, () => loadSigningKey({ dataDirectory, tokenKeyFile: undefined })),
  );
  t.equal(keys.filter((key) => key.created).length, 1);
  t.equal(new Set(keys.map((key) => Buffer.from(key.bytes).toString('hex'))).size, 1);
  t.same(readdirSync(dataDirectory), ['development.key']);
});

t.test('K1: a named file is read in either alphabet of base64', async (t) => {
  const folder = directory(t);
  const tokenKeyFile = path.join(folder, 'key');
  const bytes = Buffer.alloc(48, 0xfb);
  for (const text of [bytes.toString('base64'), `${bytes.toString('base64url')}\n`]) {
    writeFileSync(tokenKeyFile, text);
    const key = await loadSigningKey({ dataDirectory: path.join(folder, 'data'), tokenKeyFile });
    t.same(Buffer.from(key.bytes), bytes);
    t.equal(key.created, false);
  }
  t.same(readdirSync(folder), ['key'], 'and nothing is created beside it');
});

t.test('K1: a named file that is missing, too short or no base64 is refused and never written', async (t) => {
  const folder = directory(t);
  const tokenKeyFile = path.join(folder, 'key');
  const load = () => loadSigningKey({ dataDirectory: folder, tokenKeyFile });
  await t.rejects(load(), /cannot be read/);
  writeFileSync(tokenKeyFile, Buffer.alloc(secretBytesMin - 1, 1).toString('base64'));
  await t.rejects(load(), /is not base64 of 32/);
  writeFileSync(tokenKeyFile, 'correct horse battery staple, correct horse battery staple');
  await t.rejects(load(), /is not base64 of 32/);
  mkdirSync(path.join(folder, 'empty'));
  t.same(readdirSync(folder).sort(), ['empty', 'key']);
});

t.test('S2: a broken development key is refused, not replaced', async (t) => {
  const dataDirectory = directory(t);
  writeFileSync(path.join(dataDirectory, 'development.key'), 'short');
  await t.rejects(loadSigningKey({ dataDirectory, tokenKeyFile: undefined }), /is not base64/);
});

t.test('K3: the fingerprint secret stays when the signing key changes', async (t) => {
  const dataDirectory = directory(t);
  const first = await loadFingerprintSecret(dataDirectory);
  t.equal(first.length, 32);
  const { bytes, file } = await loadSigningKey({ dataDirectory, tokenKeyFile: undefined });
  t.notSame(first, bytes);
  rmSync(file);
  t.same(await loadFingerprintSecret(dataDirectory), first);
});
