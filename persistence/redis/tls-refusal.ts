/**
 * TLS handshakes that fail until a person changes something: certificates that are not trusted, or not given.
 *
 * By the codes of Node and OpenSSL: https://nodejs.org/api/tls.html#x509-certificate-error-codes, and its alerts as `ERR_SSL_…`.
 */
import { errorCode } from '../../actors/model/error-code.js';

const untrusted: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
]);
const outOfTime: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
/** The server's alerts about the certificate of a client. */
const clientAlert =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|HANDSHAKE_FAILURE)$/;

/** What is wrong and which setting mends it; undefined for every other error. */
export function tlsRefusal(error: unknown): string | undefined {
  const code = String(errorCode(error) ?? '');
  if (untrusted.has(code))
    return 'its certificate is not trusted; name the CA that signed it with --store-ca-file';
  if (outOfTime.has(code)) return 'its certificate is not valid at this time';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'its certificate is for another host; use the name that the certificate gives';
  if (clientAlert.test(code))
    return 'it does not accept our client certificate, or wants one; give it with --store-cert-file and --store-key-file';
  return undefined;
}
