/** Server-sent events as a client takes them in, however they were cut on their way. */
export interface EventLine {
  readonly id: string;
  /** `message` when the server names none. */
  readonly event: string;
  /** Undefined: the id alone, a heartbeat. */
  readonly data: unknown;
}

export class EventLines {
  #rest = '';

  /** The messages that this chunk has completed. */
  take(chunk: string): EventLine[] {
    const parts = (this.#rest + chunk).split('\n\n');
    this.#rest = parts.pop() ?? '';
    return parts.map(lineOf);
  }
}

function lineOf(text: string): EventLine {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const data = fields.get('data');
  return {
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? 'message',
    data: data === undefined ? undefined : JSON.parse(data),
  };
}
