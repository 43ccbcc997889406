/**
 * What a person sees when a node is ready: the facts that matter, and in development a session to copy.
 */
import type { Config } from './settings.js';

export interface NodeFacts {
  readonly version: string;
  readonly mode: Config['mode'];
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  /** As the store describes itself. */
  readonly store: string;
  readonly durability: Config['durability'];
  readonly shards: number;
  readonly partitions: number;
  readonly modules: readonly string[];
  /** Command that mints tokens for this node: `npx troupe token`, with `--data` where it is needed. */
  readonly tokenCommand: string;
}

const durabilityText = {
  disk: 'disk: an answer leaves after its fsync',
  none: 'NONE: a power cut may lose acknowledged work',
} as const satisfies Record<Config['durability'], string>;

export function banner(facts: NodeFacts): string {
  const threads = facts.shards === 0 ? 'none, actors run on the main thread' : `${facts.shards}`;
  const lines = [
    `Troupe ${facts.version}, ${facts.mode} mode`,
    '',
    `  address      ${facts.address}`,
    `  store        ${facts.store}`,
    `  durability   ${durabilityText[facts.durability]}`,
    `  shards       ${threads}, over ${facts.partitions} partitions`,
    `  modules      ${facts.modules.join(', ')}`,
  ];
  if (facts.mode === 'development') lines.push('', ...session(facts));
  return `${lines.join('\n')}\n`;
}

/** Plain POSIX shell, one request a line: every line can be pasted by itself once the first three were. */
function session({ address, modules, tokenCommand }: NodeFacts): string[] {
  const token = `  TOKEN=$(${tokenCommand} --user alice --role customer)`;
  if (!modules.includes('banking')) {
    return [
      'A token for your first request:',
      '',
      token,
      `  curl -s -H "Authorization: Bearer $TOKEN" ${address}/api/v1/actors/KIND/ID`,
    ];
  }
  const transfer = {
    sender_account_id: 'alice-checking',
    receiver_account_id: 'alice-savings',
    amount: '25.00',
    currency: 'USD',
  };
  const open = (account_id: string, account_type: string): string =>
    `  post /accounts -d '${JSON.stringify({ account_id, account_type, currency: 'USD' })}'`;
  return [
    'Try it in another terminal: a token, two accounts, a deposit, a transfer, the result.',
    '',
    token,
    `  API=${address}/api/v1`,
    `  post() { path=$1; shift; curl -s "$API$path" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }`,
    open('alice-checking', 'checking'),
    open('alice-savings', 'savings'),
    `  post /accounts/alice-checking/deposits -d '{"amount":"100.00","currency":"USD"}'`,
    `  post /transfers -H 'Prefer: wait=10' -d '${JSON.stringify(transfer)}'`,
    `  curl -s -H "Authorization: Bearer $TOKEN" "$API/accounts/alice-savings"; echo`,
  ];
}
