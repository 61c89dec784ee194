import { EventEmitter } from 'node:events';

/** What a runtime asks any object for; never part of an API. */
const ASKED_BY_RUNTIME = new Set([
  'then',
  'toJSON',
  'constructor',
  'captureRejections',
  'domain',
  'asymmetricMatch',
]);

/** An object that throws whenever something is read or set that the stand-in does not have. */
export function strict<T extends object>(name: string, target: T): T {
  const check = (key: string | symbol, object: object) => {
    if (typeof key === 'symbol' || key in object || key.startsWith('_') || ASKED_BY_RUNTIME.has(key)) return;
    throw new Error(`The Electron stand-in has no ${name}.${key}.`);
  };
  return new Proxy(target, {
    get(object, key) {
      check(key, object);
      const value: unknown = Reflect.get(object, key, object);
      // Private fields live on the target, not on the proxy.
      return typeof value === 'function' && !/^class\b/.test(String(value)) ? value.bind(object) : value;
    },
    set(object, key, value) {
      check(key, object);
      return Reflect.set(object, key, value, object);
    },
  });
}

/** An emitter that refuses listeners of events that the stand-in never emits. */
export class StrictEmitter extends EventEmitter {
  readonly #name: string;
  readonly #events: ReadonlySet<string>;

  constructor(name: string, events: readonly string[]) {
    super();
    this.#name = name;
    this.#events = new Set(events);
  }

  override on(event: string, listener: (...args: never[]) => void): this {
    this.#check(event);
    return super.on(event, listener as (...args: unknown[]) => void);
  }

  override once(event: string, listener: (...args: never[]) => void): this {
    this.#check(event);
    return super.once(event, listener as (...args: unknown[]) => void);
  }

  /** Emits with an event object; true when a listener has prevented the default. */
  fire(event: string, details: object = {}, ...args: unknown[]): boolean {
    const object = preventable(details);
    this.emit(event, object, ...args);
    return object.defaultPrevented;
  }

  #check(event: string): void {
    if (!this.#events.has(event))
      throw new Error(`The Electron stand-in never emits ${this.#name} "${event}".`);
  }
}

/** `Event`: "preventDefault: () => void; readonly defaultPrevented: boolean". */
export function preventable<T extends object>(details: T) {
  const event = Object.assign(details, {
    defaultPrevented: false,
    preventDefault() {
      event.defaultPrevented = true;
    },
  });
  return event;
}

/** Refuses options that the stand-in gives no meaning to. */
export function checkOptions(name: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new Error(`The Electron stand-in has no option ${key} of ${name}.`);
  }
}
