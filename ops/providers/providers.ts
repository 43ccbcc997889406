/**
 * The adapters of a node: each port's provider as the settings name it, and what the application's file brings for ports
 * of its own.
 *
 * V1  Nobody is charged by accident, and nobody shipped to by a simulator: in production a provider is named, be it
 *     `simulator`. A port of the modules for which there is none stops the start with the flag to give.
 * V2  Secrets come from files, are never shown, and go only where the provider's own setting points.
 */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Adapters, AnyAdapter, Port } from '../../actors/model/activity.js';
import type { Module } from '../../actors/model/module.js';
import { pushPort, smsPort } from '../../actors/providers/message-ports.js';
import { paymentPort } from '../../actors/providers/payment-port.js';
import { riskModelPort } from '../../actors/providers/risk-model-port.js';
import { shippingPort } from '../../actors/providers/shipping-port.js';
import type { Clock, Random } from '../../runtime/clock.js';
import { createOffload } from '../../runtime/offload.js';
import { loadAdapters } from '../module-file.js';
import { type Config, type SettingKey, settings } from '../settings.js';
import { httpAdapter } from './http-adapter.js';
import { pooledRiskModel } from './risk-model.js';
import { type ProvidedPort, simulatedProviders } from './simulated-providers.js';
import { smtpAdapter } from './smtp-sender.js';

export interface ProvidersOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly modules: readonly Module[];
  readonly moduleUrl: string;
}

export interface Providers {
  readonly adapters: Adapters;
  /** Call it when the last activity has ended. */
  close(): Promise<void>;
}

/** Rejects with a message for the person who starts the process. */
export async function loadProviders(options: ProvidersOptions): Promise<Providers> {
  const { riskModel, riskThreshold: thresholdPercent } = options.config;
  const offload = riskModel === undefined ? undefined : createOffload({ threads: riskModelThreads });
  const adapters: Record<string, AnyAdapter> = {
    ...(await configuredProviders(options)),
    ...(await loadAdapters(options.moduleUrl)),
  };
  if (offload !== undefined && riskModel !== undefined) {
    const model = pathToFileURL(riskModel);
    adapters[riskModelPort.name] = pooledRiskModel({ model, thresholdPercent, offload });
  }
  for (const { name } of options.modules.flatMap(({ ports = [] }) => ports)) {
    if (adapters[name] === undefined) throw new Error(missing(name));
  }
  return { adapters, close: async () => await offload?.close() };
}

/** Beside shards and gateway: a model that is the bottleneck belongs on machines of its own, behind HTTP. */
const riskModelThreads = 1;

const httpPorts: readonly Port[] = [paymentPort, shippingPort, smsPort, pushPort];

type Parts = Pick<ProvidersOptions, 'config' | 'clock' | 'random'>;

export async function configuredProviders({ config, clock, random }: Parts): Promise<Adapters> {
  const { simulatorLatencyMs: latencyMs, simulatorSuccess, mode } = config;
  const simulator = { latencyMs, successRate: simulatorSuccess / 100 };
  const simulated = simulatedProviders({ settings: simulator, clock, random });
  const adapters: Record<string, AnyAdapter> = {};
  for (const name of Object.keys(simulated) as ProvidedPort[]) {
    const address = config[name] ?? (mode === 'production' ? undefined : 'simulator');
    const http = httpPorts.find((port) => port.name === name);
    if (address === 'simulator') adapters[name] = simulated[name];
    else if (address !== undefined) {
      adapters[name] =
        http === undefined
          ? await mailAdapter(address, config)
          : httpAdapter(http, { url: address, ...(await bearer(address, name, config)) });
    }
  }
  return adapters;
}

const tokenFiles = {
  payment: 'paymentTokenFile',
  shipping: 'shippingTokenFile',
  sms: 'smsTokenFile',
  push: 'pushTokenFile',
} as const satisfies Partial<Record<ProvidedPort, SettingKey>>;

async function bearer(
  address: string,
  name: ProvidedPort,
  config: Config,
): Promise<{ readonly token?: string }> {
  if (name === 'email') return {};
  const key = tokenFiles[name];
  const token = await readToken(settings[key].name, config[key]);
  if (token === undefined) return {};
  const { protocol, hostname } = new URL(address);
  if (protocol === 'http:' && !/^(localhost|127\.[0-9.]+|\[::1\])$/.test(hostname)) {
    throw new Error(
      `--${settings[name].name} is not https: the token of --${settings[key].name} would go in the clear`,
    );
  }
  return { token };
}

/** 587 is where mail is handed in (RFC 6409), 465 the same over TLS from the first byte (RFC 8314). */
const submissionPort = 587;
const submissionsPort = 465;

async function mailAdapter(address: string, config: Config): Promise<AnyAdapter> {
  const { protocol, hostname, port } = new URL(address);
  const isSecure = protocol === 'smtps:';
  const login = await readToken(settings.emailLoginFile.name, config.emailLoginFile);
  const colon = login?.indexOf(':') ?? -1;
  if (login !== undefined && colon < 1) {
    throw new Error(`the file of --${settings.emailLoginFile.name} does not hold user:password`);
  }
  return smtpAdapter({
    // Brackets around an IPv6 address belong to the URL alone.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isSecure ? submissionsPort : submissionPort) : Number(port),
    isSecure,
    from: config.emailFrom,
    ...(login === undefined ? {} : { user: login.slice(0, colon), password: login.slice(colon + 1) }),
  });
}

/** One line of visible characters, since it goes into a header. Undefined when there is no file. */
async function readToken(setting: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the file of --${setting} cannot be read: ${why}`, { cause });
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(text)) {
    throw new Error(`the file of --${setting} does not hold one line of visible ASCII characters`);
  }
  return text;
}

function missing(port: string): string {
  if (port === riskModelPort.name) return 'port risk-model has no adapter: give --risk-model FILE';
  if (port === 'email' || httpPorts.some(({ name }) => name === port)) {
    return `port ${port} has no provider: give --${port} ADDRESS, or --${port} simulator to charge and send nothing`;
  }
  return `port ${port} has no adapter: export one from the file of --app, as adapters["${port}"]`;
}
