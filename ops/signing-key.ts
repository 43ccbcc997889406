/**
 * The key that signs and verifies access tokens (HMAC-SHA-256).
 *
 * K1  Production reads the file it was told to read and creates nothing.
 * K2  Development keeps a key of 256 random bits in the data directory, readable by its owner only. Whoever comes first
 *     creates it, whole or not at all: two processes that start together use the same key.
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

export interface SigningKey {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** True when this call made the key. */
  readonly created: boolean;
}

export interface SigningKeyPlace {
  readonly dataDirectory: string;
  /** Wins over the data directory. */
  readonly tokenKeyFile: string | undefined;
}

/** RFC 7518 §3.2: a key for HS256 has at least the 256 bits of its hash. */
export const keyBytesMin = 32;
const keyBytesMax = 1024;
const developmentKeyName = 'development.key';

/** Rejects with a message for the person who starts the process: no such file, not a key. */
export async function loadSigningKey(place: SigningKeyPlace): Promise<SigningKey> {
  if (place.tokenKeyFile !== undefined) return { ...(await readKey(place.tokenKeyFile)), created: false };
  const file = path.join(place.dataDirectory, developmentKeyName);
  const created = await createKey(file);
  return { ...(await readKey(file)), created };
}

async function readKey(file: string): Promise<{ readonly bytes: Uint8Array; readonly file: string }> {
  let text: string;
  try {
    text = (await readFile(file, 'latin1')).trim();
  } catch (cause) {
    throw new Error(`the signing key ${file} cannot be read: ${message(cause)}`, { cause });
  }
  // Both alphabets of RFC 4648, padded or not: Buffer reads them alike but skips what belongs to neither.
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length < keyBytesMin || bytes.length > keyBytesMax) {
    throw new Error(
      `the signing key ${file} is not base64 of ${keyBytesMin} to ${keyBytesMax} bytes (make one: openssl rand -base64 32)`,
    );
  }
  return { bytes, file };
}

/** Resolves true when the file is this call's. A link appears with its whole content and never replaces another (K2). */
async function createKey(file: string): Promise<boolean> {
  if (await exists(file)) return false;
  await mkdir(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${randomBytes(keyBytesMin).toString('base64url')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // The mask of the process may have taken rights away, never added any; this only makes them exact.
    await chmod(draft, 0o600);
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new Error(`the signing key ${file} cannot be created: ${message(error)}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await (await open(file, 'r')).close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw new Error(`the signing key ${file} cannot be read: ${message(error)}`, { cause: error });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
