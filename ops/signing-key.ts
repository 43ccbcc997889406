/**
 * The key that signs and verifies access tokens (HMAC-SHA-256), and the secret behind the fingerprints of requests.
 *
 * K1  Production reads the key file it was told to read and creates none.
 * K2  Development keeps its key in the data directory.
 * K3  The fingerprint secret is no key of anybody's: it lives beside the store whose recorded outcomes it belongs to and
 *     stays when the signing key is changed, or a repeated request would look like another one.
 */
import path from 'node:path';
import { ensureSecret, readSecret } from './secret-file.js';
import type { Config } from './settings.js';

export interface SigningKey {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** True when this call made the key. */
  readonly created: boolean;
}

/** Rejects with a message for the person who starts the process: no such file, not a key. */
export async function loadSigningKey(
  place: Pick<Config, 'dataDirectory' | 'tokenKeyFile'>,
): Promise<SigningKey> {
  const { dataDirectory, tokenKeyFile } = place;
  const file = tokenKeyFile ?? path.join(dataDirectory, 'development.key');
  const created = tokenKeyFile === undefined && (await ensureSecret('signing key', file));
  return { bytes: await readSecret('signing key', file), file, created };
}

/** 32 bytes (K3). */
export async function loadFingerprintSecret(dataDirectory: string): Promise<Uint8Array> {
  const file = path.join(dataDirectory, 'fingerprint.key');
  await ensureSecret('fingerprint secret', file);
  return (await readSecret('fingerprint secret', file)).subarray(0, 64);
}
