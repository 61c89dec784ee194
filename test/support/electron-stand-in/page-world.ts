/** Name of the world that the preload runs in. */
export const ISOLATED_WORLD = 'Electron Isolated Context';
/** The isolated world's way out, there only. */
export const BINDING = '__standInSend';

/**
 * Main world: what contextBridge does on the page's side. "Renderer [...] values are proxied [...] functions";
 * the isolated world names a key, and calls go over a port of their own.
 */
export const MAIN_WORLD = `(() => {
  if (window !== window.top) return;
  const { port1, port2 } = new MessageChannel();
  const pending = new Map();
  let lastId = 0;
  port1.onmessage = ({ data }) => {
    const { resolve, reject } = pending.get(data.id);
    pending.delete(data.id);
    if (data.error === undefined) resolve(data.value);
    else reject(new Error(data.error));
  };
  document.addEventListener('stand-in-expose', (event) => {
    event.stopImmediatePropagation();
    const key = event.detail;
    Object.defineProperty(window, key, {
      enumerable: true,
      value: (...args) => new Promise((resolve, reject) => {
        lastId += 1;
        pending.set(lastId, { resolve, reject });
        port1.postMessage({ id: lastId, key, args });
      }),
    });
  });
  // "the close event, which is emitted when the other end of the channel is closed": Electron's own addition.
  const taken = [];
  window.addEventListener('message', (event) => {
    if (event.source !== window || event.data === 'stand-in-bridge') return;
    for (const port of event.ports) {
      const index = taken.push(port) - 1;
      // Written into the pipe at once, so that what a page says while it ends is still said.
      port.postMessage = (data) =>
        document.dispatchEvent(new CustomEvent('stand-in-say', { detail: JSON.stringify({ index, data }) }));
      const close = port.close.bind(port);
      port.close = () => {
        close();
        document.dispatchEvent(new CustomEvent('stand-in-closed', { detail: String(index) }));
      };
    }
  }, true);
  document.addEventListener('stand-in-close', (event) => {
    event.stopImmediatePropagation();
    // After what was sent before it.
    setTimeout(() => taken[Number(event.detail)]?.dispatchEvent(new Event('close')));
  });
  document.addEventListener('stand-in-bridge', (event) => {
    event.stopImmediatePropagation();
    window.postMessage('stand-in-bridge', '/', [port2]);
  }, { once: true });
})();`;

/** Isolated world: `require('electron')` of a sandboxed preload, and the preload itself. */
export const isolatedWorld = (preload: string) => `(() => {
  if (window !== window.top) return;
  const send = (type, value) => globalThis[${JSON.stringify(BINDING)}](JSON.stringify({ type, value }));
  const listeners = new Map();
  const ports = new Map();
  /** Ids in the order in which their ports were handed over. */
  const order = [];
  document.addEventListener('stand-in-say', (event) => {
    event.stopImmediatePropagation();
    const { index, data } = JSON.parse(event.detail);
    if (ports.has(order[index])) send('port.message', { id: order[index], data });
  });
  document.addEventListener('stand-in-closed', (event) => {
    const id = order[Number(event.detail)];
    if (ports.delete(id)) send('port.closed', { id });
  });
  const waiting = new Map();
  const exposed = new Map();
  let lastInvoke = 0;
  const strict = (name, target) => new Proxy(target, {
    get(object, key) {
      if (typeof key === 'symbol' || key === '__esModule' || key in object) return object[key];
      throw new Error('The Electron stand-in has no ' + name + '.' + key + '.');
    },
  });
  const paths = new Map();
  const electron = strict('electron', {
    contextBridge: strict('contextBridge', {
      exposeInMainWorld(key, value) {
        if (typeof value !== 'function') throw new Error('The stand-in exposes functions only.');
        exposed.set(key, value);
        document.dispatchEvent(new CustomEvent('stand-in-expose', { detail: key }));
      },
    }),
    ipcRenderer: strict('ipcRenderer', {
      on(channel, listener) { listeners.set(channel, listener); },
      postMessage(channel, message) { send('ipc.message', { channel, message }); },
      invoke(channel, message) {
        lastInvoke += 1;
        const id = lastInvoke;
        return new Promise((resolve, reject) => {
          waiting.set(id, { resolve, reject });
          send('ipc.invoke', { id, channel, message });
        });
      },
    }),
    webUtils: strict('webUtils', {
      getPathForFile(file) {
        if (!(file instanceof File)) throw new TypeError('not a File');
        return paths.get(file.name + ':' + file.size) ?? '';
      },
    }),
  });
  globalThis.__standIn = {
    paths,
    answer({ id, value, error }) {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    },
    post({ channel, message, ports: ids }) {
      const transferred = ids.map((id) => {
        const { port1, port2 } = new MessageChannel();
        port2.onmessage = ({ data }) => send('port.message', { id, data });
        order.push(id);
        ports.set(id, port2);
        return port1;
      });
      listeners.get(channel)?.({ ports: transferred }, message);
    },
    portMessage({ id, data }) { ports.get(id)?.postMessage(data); },
    portClose({ id }) {
      ports.get(id)?.close();
      if (ports.delete(id)) {
        document.dispatchEvent(new CustomEvent('stand-in-close', { detail: String(order.indexOf(id)) }));
      }
    },
  };
  window.addEventListener('message', (event) => {
    if (event.source !== window || event.data !== 'stand-in-bridge') return;
    event.stopImmediatePropagation();
    const [bridge] = event.ports;
    bridge.onmessage = async ({ data: { id, key, args } }) => {
      try {
        bridge.postMessage({ id, value: await exposed.get(key)(...args) });
      } catch (error) {
        bridge.postMessage({ id, error: String(error) });
      }
    };
  }, { once: true, capture: true });
  const require = (name) => {
    if (name !== 'electron') throw new Error('A sandboxed preload cannot require ' + name + '.');
    return electron;
  };
  const module = { exports: {} };
  (function (require, module, exports, process) { ${preload}
  })(require, module, module.exports, undefined);
  document.dispatchEvent(new CustomEvent('stand-in-bridge'));
})();`;
