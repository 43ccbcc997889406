/**
 * Which failures of a connection came before a byte of the request could be sent, by the code of the platform's error.
 */

const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  // Nodemailer: no address, and TLS that could not be had.
  'EDNS',
  'ETLS',
]);

/** Names of OpenSSL and Node for certificates that do not hold (node:tls, "X509 certificate error codes"). */
const certificatePattern = /CERT|ISSUER/;

/** A connection reset or closed is not among them: nobody knows what the other side had read. */
export function cameBeforeSending(code: string): boolean {
  return neverSent.has(code) || certificatePattern.test(code);
}
