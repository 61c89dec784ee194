import { link } from './process-link.ts';
import { strict, StrictEmitter } from './strict.ts';

/** Ports whose other end was posted to a page. */
const ports = new Map<number, MessagePortMain>();
let lastPortId = 0;

/** "Emitted when the remote end of a MessagePortMain object becomes disconnected." ('close'), and 'message'. */
export class MessagePortMain extends StrictEmitter {
  readonly id: number;
  #peer: MessagePortMain | null = null;
  #remote = false;
  #started = false;
  #closed = false;
  #waiting: unknown[] = [];

  constructor() {
    super('MessagePortMain', ['message', 'close']);
    lastPortId += 1;
    this.id = lastPortId;
  }

  _entangle(peer: MessagePortMain): void {
    this.#peer = peer;
  }

  /** The other port of the channel now lives in a page. */
  _transfer(): number {
    const peer = this.#peer;
    if (!peer || this.#remote) throw new Error('A port can be transferred once.');
    peer.#remote = true;
    ports.set(peer.id, peer);
    return peer.id;
  }

  _deliver(data: unknown): void {
    if (this.#closed) return;
    if (this.#started) this.emit('message', { data, ports: [] });
    else this.#waiting.push(data);
  }

  _disconnected(): void {
    if (this.#closed) return;
    this.#closed = true;
    ports.delete(this.id);
    this.emit('close');
  }

  /** "Sends a message from the port" */
  postMessage(message: unknown, transfer: unknown[] = []): void {
    if (transfer.length > 0) throw new Error('The Electron stand-in transfers no ports over ports.');
    if (!this.#closed) link.notify('port.message', { id: this.id, data: message });
  }

  /** "Messages will be queued until this method is called." */
  start(): void {
    this.#started = true;
    for (const data of this.#waiting.splice(0)) this.emit('message', { data, ports: [] });
  }

  /** "Disconnects the port, so it is no longer active." */
  close(): void {
    if (this.#closed) return;
    link.notify('port.close', { id: this.id });
    this._disconnected();
  }
}

export class MessageChannelMain {
  readonly port1: MessagePortMain;
  readonly port2: MessagePortMain;

  constructor() {
    const [one, two] = [new MessagePortMain(), new MessagePortMain()];
    one._entangle(two);
    two._entangle(one);
    this.port1 = strictPort(one);
    this.port2 = strictPort(two);
  }
}

const targets = new WeakMap<object, MessagePortMain>();
function strictPort(port: MessagePortMain): MessagePortMain {
  const proxy = strict('MessagePortMain', port);
  // The channel wrapper asks which kind of port it has.
  const asked = new Proxy(proxy, { has: (_target, key) => key in port });
  targets.set(asked, port);
  return asked;
}

/** Ids of ports that go to a page. */
export function transferIds(transfer: readonly MessagePortMain[]): number[] {
  return transfer.map((port) => (targets.get(port) ?? port)._transfer());
}

link.handle('port.message', ({ id, data }: { id: number; data: unknown }) => ports.get(id)?._deliver(data));
link.handle('ports.open', () => [...ports.keys()]);
link.handle('port.closed', ({ id }: { id: number }) => ports.get(id)?._disconnected());
