import { PORT_CHANNEL } from '../../src-main/contract/host-channels.ts';
import { portTransport, type Transport } from './transports.ts';

/** A host that is there answers within a task or two; without an answer the next attempt is made. */
const PORT_TIMEOUT_MS = 5_000;

/** What a desktop host's preload gives to the page: asks for a port, or lets dropped files in. */
type HostFunction = (files?: readonly File[]) => Promise<string[]>;

declare global {
  interface Window {
    readonly leeward?: HostFunction;
  }
}

/** The transport of a desktop window; null in a browser. */
export function desktopTransport(): Transport | null {
  const { leeward } = window;
  return leeward === undefined ? null : portTransport(() => requestPort(leeward));
}

function requestPort(ask: HostFunction): Promise<MessagePort> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener('message', take);
    };
    const take = (event: MessageEvent) => {
      const [port] = event.ports;
      if (event.source !== window || event.data !== PORT_CHANNEL || port === undefined) return;
      end();
      resolve(port);
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error('The host gave no port.'));
    }, PORT_TIMEOUT_MS);
    window.addEventListener('message', take);
    ask().catch(reject);
  });
}

/** Lets dropped files into the core where the host can; a browser has only their names to offer. */
export async function letInDropped(files: readonly File[]): Promise<void> {
  await window.leeward?.(files);
}
