/** From settings to adapters: V1 and V2 of `ops/providers/providers.ts`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { definePort, Type } from '../../../actors/model/index.js';
import type { Module } from '../../../actors/model/module.js';
import { paymentPort, riskModelPort, smsPort } from '../../../actors/providers/index.js';
import { resolveConfig } from '../../../ops/config.js';
import { configuredProviders, loadProviders } from '../../../ops/providers/providers.js';
import { systemClock, systemRandom } from '../../../ops/system-clock.js';
import { json, startProvider } from './provider-server.js';

function configOf(flags: Readonly<Record<string, string>> = {}) {
  const result = resolveConfig({
    ...{ flags, env: {}, directory: '/srv', machine: { cores: 2 }, readFile: () => undefined },
  });
  if (result.type === 'problems') throw new Error(result.problems.map(({ reason }) => reason).join('\n'));
  return result.config;
}

const parts = { clock: systemClock, random: systemRandom };
const production = { mode: 'production', 'token-key-file': 'key' };
const names = ['payment', 'shipping', 'email', 'sms', 'push'];

function file(t: Test, name: string, text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'troupe-providers-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
}

const charge = {
  ...{ reference: 'r', order_id: 'o', customer_id: 'c' },
  ...{ amount: '1.00', currency: 'USD', payment_method: 'credit_card' },
};
const call = { idempotencyKey: 'k', attempt: 0, signal: new AbortController().signal, traceparent: '' };

t.test('in development every port has a simulator, in production only what was named', async (t) => {
  t.same(Object.keys(await configuredProviders({ config: configOf(), ...parts })), names);
  t.same(Object.keys(await configuredProviders({ config: configOf(production), ...parts })), []);
  const named = configOf({ ...production, sms: 'simulator', email: 'smtp://localhost' });
  t.same(Object.keys(await configuredProviders({ config: named, ...parts })), ['email', 'sms']);
});

t.test('a provider is called at its address with its token', async (t) => {
  const server = await startProvider((response) => json(response, 402, { code: 'payment-declined' }));
  t.teardown(() => server.close());
  const token = file(t, 'token', 's3cret\n');
  const config = configOf({ payment: `${server.url}/v1/`, 'payment-token-file': token });
  const { payment } = await configuredProviders({ config, ...parts });
  t.match(await payment?.charge?.(charge, call), { code: 'payment-declined' });
  t.match(server.asked, [{ path: '/v1/charge', headers: { authorization: 'Bearer s3cret' } }]);
});

t.test('a secret that cannot be used stops the start, and is not shown', async (t) => {
  const refusals: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ sms: 'https://sms.example', 'sms-token-file': '/nowhere/token' }, /--sms-token-file cannot be read/],
    [
      { sms: 'https://sms.example', 'sms-token-file': file(t, 'token', 'two words') },
      /^Error: the file of --sms-token-file does not hold one line of visible ASCII characters$/,
    ],
    [
      { sms: 'http://sms.example', 'sms-token-file': file(t, 'token', 's3cret') },
      /^Error: --sms is not https: the token of --sms-token-file would go in the clear$/,
    ],
    [
      { email: 'smtps://mail.example', 'email-login-file': file(t, 'login', 'hunter2') },
      /^Error: the file of --email-login-file does not hold user:password$/,
    ],
  ];
  for (const [flags, says] of refusals) {
    const error = await configuredProviders({ config: configOf(flags), ...parts }).catch(String);
    t.match(error, says);
  }
});

t.test('an address is a URL without anything secret in it', async (t) => {
  const problem = (flags: Readonly<Record<string, string>>) => {
    const result = resolveConfig({
      ...{ flags, env: {}, directory: '/srv', machine: { cores: 2 }, readFile: () => undefined },
    });
    return result.type === 'problems' ? result.problems.map(({ value, reason }) => `${value} ${reason}`) : [];
  };
  for (const payment of ['', 'ftp://x', 'payments.example', 'https://', 'simulators']) {
    t.match(problem({ payment }), [/is not allowed; allowed: simulator, or https:/], payment);
  }
  t.same(problem({ payment: 'https://bank:hunter2@pay.example' }), [
    'https://pay.example is not allowed: its secret belongs in a file; allowed: simulator, or https://… or http://…',
  ]);
  t.match(problem({ payment: 'https://pay.example?key=1' }), [/it ends with its path/]);
  t.match(problem({ email: 'https://mail.example' }), [/allowed: simulator, or smtps:\/\/… or smtp:/]);
  t.same(problem({ payment: 'http://[::1]:8080/v1', email: 'smtps://[::1]' }), []);
});

t.test('a port that nobody serves stops the start with what to do about it', async (t) => {
  const mill = definePort({
    name: 'mill',
    activities: { grind: { input: Type.Object({}), result: Type.Null(), rejections: [] } },
  });
  const modules = (...ports: NonNullable<Module['ports']>): Module[] => [
    { name: 'app', aggregates: [], ports },
  ];
  const app = file(t, 'app.mjs', 'export const adapters = { mill: { grind: async () => null } };');
  const empty = pathToFileURL(file(t, 'empty.mjs', '')).href;
  const load = (config: ReturnType<typeof configOf>, wanted: Module[], moduleUrl = empty) =>
    loadProviders({ config, ...parts, modules: wanted, moduleUrl });

  await t.rejects(load(configOf(production), modules(paymentPort)), {
    message: /^port payment has no provider: give --payment ADDRESS, or --payment simulator/,
  });
  await t.rejects(load(configOf(), modules(mill)), {
    message: 'port mill has no adapter: export one from the file of --app, as adapters["mill"]',
  });
  const { adapters } = await load(configOf(), modules(mill, smsPort), pathToFileURL(app).href);
  t.match(adapters, { mill: { grind: Function }, sms: { send: Function } });
  await t.rejects(load(configOf(), modules(riskModelPort)), { message: /give --risk-model FILE/ });
  const bad = pathToFileURL(file(t, 'bad.mjs', 'export const adapters = 7;')).href;
  await t.rejects(load(configOf(), modules(), bad), { message: /must export adapters by the name/ });
});
