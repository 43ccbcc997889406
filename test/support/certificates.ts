/** Certificates for tests, made with the openssl program: authorities, and what they sign for 127.0.0.1. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Why none can be made; undefined when they can. */
export function certificatesMissing(): string | undefined {
  return spawnSync('openssl', ['version']).status === 0 ? undefined : 'no openssl on the PATH';
}

/** Makes an authority of its own in the directory, by its name. */
export function authority(directory: string, name: string): Certificate {
  const made = files(directory, name);
  const extensions = [
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign',
  ];
  openssl('req', '-x509', ...newKey(made, name), '-days', '2', '-out', made.certificateFile, ...extensions);
  return made;
}

/** A certificate for 127.0.0.1 or another address, for server or client. */
export function signedBy(
  { certificateFile: ca, keyFile: caKey }: Certificate,
  name: string,
  options: { readonly address?: string; readonly days?: number } = {},
): Certificate {
  const { address = '127.0.0.1', days = 2 } = options;
  const made = files(path.dirname(ca), name);
  const request = `${made.keyFile}.request`;
  const extensions = `${made.keyFile}.extensions`;
  writeFileSync(extensions, `subjectAltName=IP:${address}\n`);
  openssl('req', ...newKey(made, name), '-out', request);
  const signing = [
    '-CA',
    ca,
    '-CAkey',
    caKey,
    '-CAcreateserial',
    '-days',
    String(days),
    '-extfile',
    extensions,
  ];
  openssl('x509', '-req', '-in', request, ...signing, '-out', made.certificateFile);
  return made;
}

function files(directory: string, name: string): Certificate {
  return {
    certificateFile: path.join(directory, `${name}.crt`),
    keyFile: path.join(directory, `${name}.key`),
  };
}

function newKey({ keyFile }: Certificate, name: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  return [...curve, '-keyout', keyFile, '-subj', `/CN=${name}`];
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}
