/**
 * A TCP proxy on 127.0.0.1 that does to a connection what networks do: hold, lose, cut, go silent one way.
 *
 *     client ──up──▸ proxy ──up──▸ server          bytes go on in order; a fault applies from the moment it is asked for
 *     client ◂─down─ proxy ◂─down─ server
 *
 * P1  A connection that the client ends while its bytes are held stays open towards the server: they are delivered when they are
 *     released, as a delayed write is.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export type Direction = 'up' | 'down';

/** Which connections a fault is for; by default all. */
export type Choice = (connection: ProxiedConnection) => boolean;

const everyOne: Choice = () => true;

export class FaultProxy {
  readonly port: number;
  readonly connections = new Set<ProxiedConnection>();
  /** Where new connections lead; another one after a failover. */
  targetPort: number;
  readonly #server: Server;
  #accepts = true;
  #isSilent = false;

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server;
    this.port = port;
    this.targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    const proxy = new FaultProxy(server, address.port, targetPort);
    server.on('connection', (client) => proxy.#accept(client));
    return proxy;
  }

  /** New connections are reset at once, until they are accepted again. */
  refuse(refuses = true): void {
    this.#accepts = !refuses;
  }

  /** New connections are accepted and never answered, until they are again. */
  silence(isSilent = true): void {
    this.#isSilent = isSilent;
  }

  hold(direction: Direction, choice = everyOne): void {
    for (const connection of this.#chosen(choice)) connection.hold(direction);
  }

  release(direction: Direction, choice = everyOne): void {
    for (const connection of this.#chosen(choice)) connection.release(direction);
  }

  blackhole(direction: Direction, choice = everyOne): void {
    for (const connection of this.#chosen(choice)) connection.blackhole(direction);
  }

  reset(choice = everyOne): void {
    for (const connection of this.#chosen(choice)) connection.reset();
  }

  async stop(): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #chosen(choice: Choice): ProxiedConnection[] {
    return [...this.connections].filter(choice);
  }

  #accept(client: Socket): void {
    if (!this.#accepts) return void client.resetAndDestroy();
    const connection = new ProxiedConnection(
      client,
      dial({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true }),
    );
    if (this.#isSilent) connection.blackhole('down');
    this.connections.add(connection);
    connection.onGone = () => this.connections.delete(connection);
  }
}

type Passage = 'open' | 'held' | 'blackhole';

interface Lane {
  passage: Passage;
  held: Buffer[];
  /** Bytes let through before the connection is reset. */
  left: number;
  passed: number;
}

export class ProxiedConnection {
  onGone: () => void = () => {};
  /** As it introduced itself with CLIENT SETNAME. */
  name = '';
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  #repliesLeft = Number.POSITIVE_INFINITY;
  #isClientGone = false;

  constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.#server = server;
    const lane = (): Lane => ({ passage: 'open', held: [], left: Number.POSITIVE_INFINITY, passed: 0 });
    this.#lanes = { up: lane(), down: lane() };
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes) => this.#take('up', bytes));
    server.on('data', (bytes) => this.#take('down', bytes));
    client.on('error', () => {});
    server.on('error', () => {});
    client.on('close', () => this.#clientGone());
    client.on('end', () => this.#clientGone());
    server.on('close', () => this.reset());
  }

  /** Bytes that went through. */
  passed(direction: Direction): number {
    return this.#lanes[direction].passed;
  }

  heldBytes(direction: Direction): number {
    return this.#lanes[direction].held.reduce((sum, { length }) => sum + length, 0);
  }

  hold(direction: Direction): void {
    this.#lanes[direction].passage = 'held';
  }

  release(direction: Direction): void {
    const lane = this.#lanes[direction];
    lane.passage = 'open';
    for (const bytes of lane.held.splice(0)) this.#pass(direction, bytes);
    // What the client left behind is delivered; the server hears of its end only now (P1).
    if (this.#isClientGone && direction === 'up') this.#server.end();
  }

  /** Bytes are swallowed and nobody is told. */
  blackhole(direction: Direction): void {
    this.#lanes[direction].passage = 'blackhole';
  }

  /** Lets so many more bytes through, then resets both ends. */
  resetAfter(direction: Direction, bytes: number): void {
    this.#lanes[direction].left = bytes;
  }

  /** Lets so many more replies through whole; swallows the next one and resets both ends. */
  swallowReplyAfter(replies: number): void {
    this.#repliesLeft = replies;
  }

  reset(): void {
    resetSocket(this.#client);
    resetSocket(this.#server);
    this.onGone();
  }

  #take(direction: Direction, bytes: Buffer): void {
    if (direction === 'up' && this.name === '') this.name = nameIn(bytes);
    const lane = this.#lanes[direction];
    if (lane.passage === 'held') lane.held.push(bytes);
    else if (lane.passage === 'open') this.#pass(direction, bytes);
  }

  #pass(direction: Direction, bytes: Buffer): void {
    const lane = this.#lanes[direction];
    const allowed = Math.min(
      bytes.length,
      lane.left,
      direction === 'down' ? this.#wholeReplies(bytes) : Infinity,
    );
    const to = direction === 'up' ? this.#server : this.#client;
    lane.passed += allowed;
    lane.left -= allowed;
    const isOver = allowed < bytes.length || lane.left === 0;
    if (allowed > 0) to.write(bytes.subarray(0, allowed), () => isOver && this.reset());
    else if (isOver) this.reset();
  }

  /** How many of the bytes belong to replies that may pass. Replies come in one piece in the tests that count them. */
  #wholeReplies(bytes: Buffer): number {
    if (this.#repliesLeft === Number.POSITIVE_INFINITY) return bytes.length;
    let end = 0;
    while (end < bytes.length) {
      if (this.#repliesLeft-- === 0) return end;
      end = replyEnd(bytes, end);
    }
    return bytes.length;
  }

  #clientGone(): void {
    this.#isClientGone = true;
    if (this.#lanes.up.held.length === 0) this.#server.end();
  }
}

/** Node 20 loses a socket that is reset while its end is under way, and waits for it for ever, busily, when the process ends. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function nameIn(bytes: Buffer): string {
  return /setname\r\n\$\d+\r\n([^\r]+)/i.exec(bytes.toString('latin1'))?.[1] ?? '';
}

/** Where the RESP reply that starts at `from` ends; the end of the bytes when it is cut. */
function replyEnd(bytes: Buffer, from: number): number {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd === -1) return bytes.length;
  const count = Number(bytes.toString('latin1', from + 1, lineEnd));
  let end = lineEnd + 2;
  switch (bytes[from]) {
    case 0x24: // $
      return count < 0 ? end : end + count + 2;
    case 0x2a: // *
      for (let item = 0; item < count; item++) end = replyEnd(bytes, end);
      return end;
    default:
      return end;
  }
}
