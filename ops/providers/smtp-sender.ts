/**
 * The e-mail adapter over SMTP: the door of nodemailer.
 *
 *     what the server says                       meaning
 *     250 after the message                      sent
 *     5xx to the recipient (RCPT TO)             recipient-refused: a rejection
 *     5xx to anything else, a login refused      provider-refused: somebody has to look
 *     4xx, no connection made                    provider-unavailable: nothing was sent
 *     nothing, in the middle of it               outcome-unknown
 *
 * S1  Every repeat carries one Message-ID, made of the key: mail servers and clients that look can drop the second.
 * S2  A password goes over TLS or not at all. Content comes from the input alone: no files, no URLs.
 */
import { createHash } from 'node:crypto';
import { createTransport, type Transporter } from 'nodemailer';
import { defineAdapter, type PortAdapter } from '../../actors/model/activity.js';
import { OperatingError } from '../../actors/model/errors.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import { recipientRefused } from '../../actors/providers/field-schemas.js';
import { emailPort } from '../../actors/providers/message-ports.js';
import { cameBeforeSending } from './connection-failure.js';

export interface SmtpProvider {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (`smtps:`). Otherwise STARTTLS is used where the server offers it. */
  readonly isSecure: boolean;
  readonly user?: string;
  readonly password?: string;
  /** Sender of every mail. */
  readonly from: string;
  /** Of a connection, a greeting, and silence in between. Below the activity's own 30 s, which nodemailer is not told of. */
  readonly timeoutMs?: number;
  /** Default true: the server's certificate must be one that this machine trusts. */
  readonly verifiesCertificate?: boolean;
}

const timeoutMsDefault = 10_000;

export function smtpAdapter(provider: SmtpProvider): PortAdapter<typeof emailPort> {
  const transport = transportOf(provider);
  const { from } = provider;
  return defineAdapter(emailPort, {
    send: async ({ to, subject, text }, { idempotencyKey }) => {
      const messageId = `<${idOf(idempotencyKey)}@${from.slice(from.lastIndexOf('@') + 1).replace('>', '')}>`;
      try {
        await transport.sendMail({ from, to, subject, text, messageId });
        return { message_id: messageId };
      } catch (error) {
        return meaningOf(error);
      }
    },
  });
}

function transportOf({ host, port, isSecure, user, password, ...rest }: SmtpProvider): Transporter {
  const timeout = rest.timeoutMs ?? timeoutMsDefault;
  const hasLogin = user !== undefined && password !== undefined;
  return createTransport({
    host,
    port,
    secure: isSecure,
    ...(hasLogin ? { auth: { user, pass: password }, requireTLS: true } : {}),
    tls: { rejectUnauthorized: rest.verifiesCertificate ?? true },
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** The errors' own texts hold addresses, so none of them is passed on. */
function meaningOf(error: unknown): Rejection<typeof recipientRefused> {
  const facts = smtpFacts(error);
  const { command = '', responseCode: status = 0 } = facts;
  const code = facts.originalCode ?? facts.code ?? '';
  if (status >= 500) {
    if (command === 'RCPT TO') return reject(recipientRefused, `The mail server answered ${status}`);
    throw new OperatingError('provider-refused', `the mail server answered ${status} to ${command}`);
  }
  if (status >= 400) {
    throw new OperatingError('provider-unavailable', `the mail server answered ${status} to ${command}`);
  }
  if (code === 'EAUTH') throw new OperatingError('provider-refused', 'the mail server refused the login');
  // `ECONNECTION` and `CONN` are no such sign: nodemailer says so too of a mail broken off in its middle.
  if (cameBeforeSending(code)) {
    throw new OperatingError('provider-unavailable', `no connection to the mail server: ${code}`);
  }
  throw new OperatingError('outcome-unknown', `no answer from the mail server: ${code}`);
}

interface SmtpFacts {
  readonly code?: string;
  /** Of the operating system, where there is one. */
  readonly originalCode?: string;
  readonly command?: string;
  readonly responseCode?: number;
}

function smtpFacts(error: unknown): SmtpFacts {
  // Nodemailer's errors carry these where they apply; of an error of another kind they are undefined.
  return typeof error === 'object' && error !== null ? (error as SmtpFacts) : {};
}

function idOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}
