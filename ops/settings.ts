/**
 * The table of settings: every name, where it may come from, its form, its default and what it is for. Flags, the
 * environment, the configuration file, `--help` and the error messages are all read off this table.
 *
 * T1  A setting called `memory-budget` is the flag `--memory-budget`, the key `memory-budget` of the file and
 *     `TROUPE_MEMORY_BUDGET` in the environment; `aliases` adds the names that others are used to (`PORT`).
 */
import {
  byteSize,
  type Form,
  oneOf,
  onOff,
  origins,
  path,
  pattern,
  providerAddress,
  wholeNumber,
} from './setting-forms.js';
import { partitionsMax, type ShardCount } from './shard-count.js';

/** What a default may depend on. */
export interface Machine {
  /** Processor cores that this process may use. */
  readonly cores: number;
}

export interface Setting<T = unknown> {
  readonly name: string;
  /** Further environment names, after `TROUPE_…`, in order of precedence. */
  readonly aliases?: readonly string[];
  /** `value` takes an argument, `switch` is `--name` or `--no-name`, `path` is a value made absolute. */
  readonly type: 'value' | 'switch' | 'path';
  readonly form: Form<T>;
  readonly default: (machine: Machine) => T;
  /** As help shows it. */
  readonly defaultText: string;
  readonly doc: string;
  /** What may be shown of a refused value; default: all of it. */
  readonly shown?: (text: string) => string;
}

function value<T>(setting: Omit<Setting<T>, 'type'>): Setting<T> {
  return { type: 'value', ...setting };
}

function toggle(
  setting: Omit<Setting<boolean>, 'type' | 'form' | 'default' | 'defaultText'>,
): Setting<boolean> {
  return { type: 'switch', form: onOff, default: () => true, defaultText: 'on', ...setting };
}

function file<T extends string | undefined>(setting: Omit<Setting<T>, 'type' | 'form'>): Setting<T> {
  // A path is a string, which every T admits.
  return { type: 'path', form: path as Form<T>, ...setting };
}

function perMinute(name: string, limit: number, doc: string): Setting<number> {
  return value({ name, form: wholeNumber(0, 1_000_000), default: () => limit, defaultText: `${limit}`, doc });
}

/** `embedded`, or the URL of a Redis server; the store itself reads it more closely. */
const storeForm = pattern(
  'embedded, or redis://[user:password@]host[:port][/db], or the same with rediss://',
  /^(embedded|rediss?:\/\/[^\s/]+(\/\d*)?)$/,
);

/**
 * Nobody's password belongs on a terminal: `redis://user:secret@host` is shown without what stands before the last `@`,
 * for a password that is not percent-encoded, which may be why it is refused, can hold a `/` or an `@`.
 */
const withoutCredentials = (text: string): string => text.replace(/\/\/.*@/s, '//');

function provider(name: string, what: string, schemes: readonly string[]): Setting<string | undefined> {
  return value({
    name,
    form: providerAddress(...schemes),
    default: () => undefined,
    defaultText: 'simulator in development, none in production',
    doc: `${what}: simulator, or its address (${schemes.join(', ')})`,
    shown: withoutCredentials,
  });
}

function providerSecret(name: string, holds: string): Setting<string | undefined> {
  return file({ name, default: () => undefined, defaultText: 'none', doc: `file with ${holds}` });
}

export const settings = {
  port: value({
    name: 'port',
    aliases: ['PORT'],
    form: wholeNumber(0, 65_535),
    default: () => 8080,
    defaultText: '8080',
    doc: 'TCP port of the gateway; 0 takes any free one and the banner says which',
  }),
  host: value({
    name: 'host',
    aliases: ['HOST'],
    form: pattern('a host name or address', /^[A-Za-z0-9._:-]{1,253}$/),
    default: () => '127.0.0.1',
    defaultText: '127.0.0.1',
    doc: 'address to listen on; 0.0.0.0 for every interface',
  }),
  dataDirectory: file<string>({
    name: 'data',
    aliases: ['DATA_DIR'],
    default: () => 'data',
    defaultText: './data',
    doc: 'directory of the embedded store and of the development key',
  }),
  store: value({
    name: 'store',
    aliases: ['STORE'],
    form: storeForm,
    default: () => 'embedded',
    defaultText: 'embedded',
    doc: 'where the journal lives: embedded (LMDB in the data directory) or redis://host:port/db',
    shown: withoutCredentials,
  }),
  prefix: value({
    name: 'prefix',
    form: pattern('1 to 64 letters, digits, dots, dashes', /^[A-Za-z0-9._-]{1,64}$/),
    default: () => 'troupe',
    defaultText: 'troupe',
    doc: 'keys of the Redis store begin with it; one installation each',
  }),
  storeCaFile: file<string | undefined>({
    name: 'store-ca-file',
    default: () => undefined,
    defaultText: 'the authorities of Node',
    doc: 'PEM file of the authority that signed the certificate of a rediss:// server',
  }),
  storeCertificateFile: file<string | undefined>({
    name: 'store-cert-file',
    default: () => undefined,
    defaultText: 'none',
    doc: 'PEM file of a client certificate for a rediss:// server; with --store-key-file',
  }),
  storeKeyFile: file<string | undefined>({
    name: 'store-key-file',
    default: () => undefined,
    defaultText: 'none',
    doc: 'PEM file of the key of that certificate',
  }),
  shards: value<ShardCount>({
    name: 'shards',
    form: wholeNumber(0, 64),
    default: ({ cores }) => ({ atMost: Math.min(64, Math.max(1, cores - 1)) }),
    defaultText: 'cores - 1, at least 1, at most the partitions',
    doc: 'worker threads that run actors; 0 runs them on the main thread, where nobody notices one that hangs',
  }),
  partitions: value<number | undefined>({
    name: 'partitions',
    form: wholeNumber(1, partitionsMax),
    default: () => undefined,
    defaultText: 'as stored; 8 per shard, at most 256, when the store is created',
    doc: 'slices of the address space; fixed when a store is created',
  }),
  durability: value({
    name: 'durability',
    form: oneOf('disk', 'none'),
    default: () => 'disk' as const,
    defaultText: 'disk',
    doc: 'disk: an answer waits for fsync; none: a power cut may lose acknowledged work',
  }),
  memoryBudgetBytes: value({
    name: 'memory-budget',
    form: byteSize(16 * 2 ** 20, 64 * 2 ** 30),
    default: () => 512 * 2 ** 20,
    defaultText: '512mb',
    doc: 'memory for resident actors, per shard',
  }),
  mode: value({
    name: 'mode',
    aliases: ['TROUPE_ENV', 'NODE_ENV'],
    form: oneOf('development', 'production'),
    default: () => 'development' as const,
    defaultText: 'development',
    doc: 'development keeps a signing key in the data directory; production needs --token-key-file',
  }),
  tokenKeyFile: file<string | undefined>({
    name: 'token-key-file',
    aliases: ['TOKEN_KEY_FILE'],
    default: () => undefined,
    defaultText: 'development.key in the data directory',
    doc: 'file with the key that signs tokens: base64 of 32 bytes or more',
  }),
  logLevel: value({
    name: 'log-level',
    aliases: ['LOG_LEVEL'],
    form: oneOf('debug', 'info', 'warn', 'error', 'silent'),
    default: () => 'info' as const,
    defaultText: 'info',
    doc: 'least severe log line that is written',
  }),
  app: file<string | undefined>({
    name: 'app',
    default: () => undefined,
    defaultText: 'the bank',
    doc: 'JavaScript file whose default export is a module or a list of modules, run instead of the bank',
  }),
  origins: value<readonly string[] | undefined>({
    name: 'origins',
    form: origins,
    default: () => undefined,
    defaultText: 'any in development, none in production',
    doc: 'web origins whose pages may call (CORS)',
  }),
  payment: provider('payment', 'provider of the port payment', ['https', 'http']),
  paymentTokenFile: providerSecret('payment-token-file', 'the bearer token for --payment'),
  shipping: provider('shipping', 'provider of the port shipping', ['https', 'http']),
  shippingTokenFile: providerSecret('shipping-token-file', 'the bearer token for --shipping'),
  email: provider('email', 'mail server', ['smtps', 'smtp']),
  emailLoginFile: providerSecret('email-login-file', 'user:password for --email; sent over TLS only'),
  emailFrom: value({
    name: 'email-from',
    form: pattern('an address, such as bank@example.com', /^[^\s@<>,;"]+@[^\s@<>,;"]+$/),
    default: () => 'troupe@localhost',
    defaultText: 'troupe@localhost',
    doc: 'sender of every mail',
  }),
  sms: provider('sms', 'webhook that sends SMS', ['https', 'http']),
  smsTokenFile: providerSecret('sms-token-file', 'the bearer token for --sms'),
  push: provider('push', 'webhook that sends push messages', ['https', 'http']),
  pushTokenFile: providerSecret('push-token-file', 'the bearer token for --push'),
  notices: {
    ...toggle({ name: 'notices', doc: 'push a notice of each finished transfer, through --push' }),
    default: () => false,
    defaultText: 'off',
  },
  riskModel: file<string | undefined>({
    name: 'risk-model',
    default: () => undefined,
    defaultText: 'none',
    doc: 'JavaScript file whose default export scores a transfer from 0 to 1; it judges every transfer',
  }),
  riskThreshold: value({
    name: 'risk-threshold',
    form: wholeNumber(0, 101),
    default: () => 80,
    defaultText: '80',
    doc: 'score in percent from which a transfer is refused; 101 refuses none',
  }),
  simulatorLatencyMs: value({
    name: 'simulator-latency',
    form: wholeNumber(0, 60_000),
    default: () => 0,
    defaultText: '0',
    doc: 'milliseconds before a simulated provider answers',
  }),
  simulatorSuccess: value({
    name: 'simulator-success',
    form: wholeNumber(0, 100),
    default: () => 100,
    defaultText: '100',
    doc: 'percentage of calls that a simulated provider approves',
  }),
  rateLimits: toggle({ name: 'rate-limits', doc: 'limit requests per caller and address' }),
  publicRate: perMinute(
    'public-rate',
    60,
    'requests a minute of one address on public routes; 0 for no limit',
  ),
  customerRate: perMinute('customer-rate', 600, 'requests a minute of one customer; 0 for no limit'),
  serviceRate: perMinute('service-rate', 6_000, 'requests a minute of one service; 0 for no limit'),
  adminRate: perMinute('admin-rate', 6_000, 'requests a minute of one admin; 0 for no limit'),
  archive: toggle({ name: 'archive', doc: 'pack older journal entries into the archive and trim the log' }),
  archiveDirectory: file<string | undefined>({
    name: 'archive-directory',
    default: () => undefined,
    defaultText: 'archive in the data directory',
    doc: 'where packed entries are kept, and read when a history needs them',
  }),
  archiveSegmentBytes: value<number | undefined>({
    name: 'archive-segment',
    form: byteSize(64 * 2 ** 10, 2 ** 30),
    default: () => undefined,
    defaultText: '16mb; 4mb on Redis, whose memory holds what is not packed',
    doc: 'journal entries of one partition that are packed into one file',
  }),
  supervise: toggle({ name: 'supervise', doc: 'restart after a crash; switch off under an orchestrator' }),
  configFile: file<string | undefined>({
    name: 'config',
    default: () => undefined,
    defaultText: './troupe.config.json if there is one',
    doc: 'JSON file with any of these settings by name',
  }),
} as const;

export type Settings = typeof settings;
export type SettingKey = keyof Settings;

/** Every setting with its value. Paths are absolute. */
export type Config = {
  readonly [K in SettingKey]: Settings[K] extends Setting<infer T> ? T : never;
};

/** Environment names of a setting, in order of precedence (T1). */
export function environmentNames(setting: Setting): readonly string[] {
  return [`TROUPE_${setting.name.toUpperCase().replaceAll('-', '_')}`, ...(setting.aliases ?? [])];
}
