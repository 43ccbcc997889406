/**
 * A secret kept in a file: base64 text of at least 256 bits, made once.
 *
 * S1  Whoever comes first makes the file, whole or not at all, readable by its owner only; processes that start together
 *     end up with the same secret.
 * S2  A file that is there but holds no secret is refused and never replaced: what was signed with it would be lost.
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../actors/model/error-code.js';

/** RFC 7518 §3.2: a key for HS256 has at least the 256 bits of its hash. */
export const secretBytesMin = 32;
const secretBytesMax = 1024;

/** Rejects with a message for the person who starts the process; `name` says what the file is for. */
export async function readSecret(name: string, file: string): Promise<Uint8Array> {
  let text: string;
  try {
    text = (await readFile(file, 'latin1')).trim();
  } catch (cause) {
    throw new Error(`the ${name} ${file} cannot be read: ${message(cause)}`, { cause });
  }
  // Both alphabets of RFC 4648, padded or not: Buffer reads them alike but skips what belongs to neither.
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length < secretBytesMin || bytes.length > secretBytesMax) {
    throw new Error(
      `the ${name} ${file} is not base64 of ${secretBytesMin} to ${secretBytesMax} bytes (make one: openssl rand -base64 32)`,
    );
  }
  return bytes;
}

/** Makes the file and its folder unless it is there. Resolves true when this call made it (S1). */
export async function ensureSecret(name: string, file: string): Promise<boolean> {
  try {
    if (await exists(file)) return false;
    await mkdir(path.dirname(file), { recursive: true });
    return await create(file);
  } catch (cause) {
    throw new Error(`the ${name} ${file} cannot be made: ${message(cause)}`, { cause });
  }
}

/** A link appears with its whole content and never replaces another. */
async function create(file: string): Promise<boolean> {
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDraft(draft);
    await link(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDraft(draft: string): Promise<void> {
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(secretBytesMin).toString('base64url')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // The mask of the process may have taken rights away, never added any; this only makes them exact.
  await chmod(draft, 0o600);
}

async function exists(file: string): Promise<boolean> {
  try {
    await (await open(file, 'r')).close();
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
